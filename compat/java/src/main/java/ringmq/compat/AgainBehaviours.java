package ringmq.compat;

import io.netty.channel.ChannelHandlerContext;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.RequestCode;
import org.apache.rocketmq.common.protocol.body.LockBatchRequestBody;
import org.apache.rocketmq.common.protocol.header.ConsumerSendMsgBackRequestHeader;
import org.apache.rocketmq.common.protocol.header.EndTransactionRequestHeader;
import org.apache.rocketmq.common.protocol.heartbeat.ConsumeType;
import org.apache.rocketmq.common.protocol.heartbeat.ConsumerData;
import org.apache.rocketmq.common.protocol.heartbeat.HeartbeatData;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.protocol.heartbeat.SubscriptionData;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.common.sysflag.MessageSysFlag;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.netty.NettyRemotingClient;
import org.apache.rocketmq.remoting.netty.NettyRequestProcessor;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;

/** What is tried again, waits, expires or is corrected, beyond what the client's own classes offer. */
final class AgainBehaviours {
    private AgainBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("group: a member that is silent for two minutes is forgotten", AgainBehaviours::silentForgotten); // the longest first
        suite.add("order: a lock that is not renewed expires after a minute", AgainBehaviours::locksExpire);
        suite.add("retry: counted in the statistics", AgainBehaviours::counted);
        suite.add("retry, orderly: after the last try the message is in the dead letter topic", AgainBehaviours::orderlyDead);
        suite.add("retry: without a maximum in the request the group's counts", AgainBehaviours::groupMaximum);
        suite.add("retry: a message that is not there cannot be given back", AgainBehaviours::backFromNowhere);
        suite.add("delay: a level beyond the last counts as the last", AgainBehaviours::lastLevel);
        suite.add("transaction: the end of one that is not there is refused", AgainBehaviours::endedNowhere);
        suite.add("group: notifyConsumerIdsChangedEnable decides whether members are told", AgainBehaviours::notifyEnable);
        suite.add("group: subscriptions are those of the last heartbeat", AgainBehaviours::resubscribed);
        suite.add("group: the broker copies offsets to another", AgainBehaviours::clonedByBroker);
        suite.add("group: the least offset of all groups, held against another's", AgainBehaviours::correction);
    }

    /** The requests that the client library sends, without the library's own rules. */
    private static MQClientAPIImpl api(Stage stage) throws MQClientException {
        return stage.reader().getDefaultMQPullConsumerImpl().getRebalanceImpl().getmQClientFactory().getMQClientAPIImpl();
    }

    private static RemotingCommand ask(Stage stage, RemotingCommand request) throws Exception {
        return api(stage).getRemotingClient().invokeSync(stage.cluster.broker(), request, 10_000);
    }

    private static void counted(Stage stage) throws Exception {
        String topic = stage.topic("counted", 1);
        String group = stage.name("CG");
        AtomicInteger tries = new AtomicInteger();
        DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            tries.incrementAndGet();
            context.setDelayLevelWhenNextConsume(1);
            return messages.get(0).getReconsumeTimes() < 1 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        stage.fill(topic, "r", 3);
        Failed.unlessSoon(() -> "six tries, but there are " + tries, PushBehaviours.SOON, () -> tries.get() >= 6);
        Failed.unlessSoon("three messages given back in SNDBCK_PUT_NUMS", 100, () -> {
            TimeUnit.SECONDS.sleep(1);
            try {
                return stage.admin().viewBrokerStatsData(stage.cluster.broker(), "SNDBCK_PUT_NUMS", topic + "@" + group).getStatsMinute().getSum() == 3;
            } catch (MQClientException notYet) {
                return false;
            }
        });
    }

    /** An orderly consumer gives a message up by sending it to the retry topic itself. */
    private static void orderlyDead(Stage stage) throws Exception {
        String topic = stage.topic("orderlyDead", 1);
        String group = stage.name("CG");
        DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
        consumer.setMaxReconsumeTimes(1);
        consumer.setSuspendCurrentQueueTimeMillis(100);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT);
        consumer.start();
        stage.fill(topic, "d", 1);
        String dead = MixAll.getDLQTopic(group);
        stage.awaitRoute(dead, 1);
        // It waits for the level that the client asked for, as it would for another try.
        MessageQueue queue = new MessageQueue(dead, stage.cluster.brokerName(), 0);
        Failed.unlessSoon("a dead letter", 90, () -> stage.reader().maxOffset(queue) > 0);
        Failed.unlessEqual("body", "d0", Stage.text(stage.readOne(dead)));
    }

    private static RemotingCommand back(Stage stage, String group, long offset, Integer maximum) throws Exception {
        ConsumerSendMsgBackRequestHeader header = new ConsumerSendMsgBackRequestHeader();
        header.setGroup(group);
        header.setOffset(offset);
        header.setDelayLevel(1);
        header.setMaxReconsumeTimes(maximum);
        return ask(stage, RemotingCommand.createRequestCommand(RequestCode.CONSUMER_SEND_MSG_BACK, header));
    }

    private static void groupMaximum(Stage stage) throws Exception {
        String topic = stage.topic("maximum", 1);
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(stage.name("CG"));
        config.setRetryMaxTimes(0);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        SendResult sent = stage.producer().send(new Message(topic, Stage.bytes("m")));
        long offset = MessageDecoder.decodeMessageId(sent.getOffsetMsgId()).getOffset();
        Failed.unlessEqual("code", 0, back(stage, config.getGroupName(), offset, 1).getCode());
        Failed.unlessEqual("code", 0, back(stage, config.getGroupName(), offset, null).getCode());
        for (String name : List.of(MixAll.getDLQTopic(config.getGroupName()), MixAll.getRetryTopic(config.getGroupName()))) {
            stage.awaitRoute(name, 1);
            MessageExt got = stage.readOne(name);
            Failed.unlessEqual("body and tries in " + name, "m 1", Stage.text(got) + " " + got.getReconsumeTimes());
        }
    }

    private static void backFromNowhere(Stage stage) throws Exception {
        RemotingCommand answer = back(stage, stage.name("CG"), 1L << 50, null);
        Failed.unlessEqual("answer", "1 look message by offset failed, " + (1L << 50), answer.getCode() + " " + answer.getRemark());
    }

    /** The broker's last level, the 19th, is one of two seconds. */
    private static void lastLevel(Stage stage) throws Exception {
        String topic = stage.topic("beyond", 1);
        Message message = new Message(topic, Stage.bytes("beyond"));
        message.setDelayTimeLevel(99);
        long sent = System.currentTimeMillis();
        stage.producer().send(message);
        long took = stage.readOne(topic).getStoreTimestamp() - sent;
        Failed.unless(took >= 1900, "it came after " + took + " ms");
    }

    private static void endedNowhere(Stage stage) throws Exception {
        EndTransactionRequestHeader header = new EndTransactionRequestHeader();
        header.setProducerGroup(stage.name("PG"));
        header.setTranStateTableOffset(0L);
        header.setCommitLogOffset(1L << 50);
        header.setCommitOrRollback(MessageSysFlag.TRANSACTION_COMMIT_TYPE);
        RemotingCommand answer = ask(stage, RemotingCommand.createRequestCommand(RequestCode.END_TRANSACTION, header));
        Failed.unlessEqual("answer", "1 Find prepared transaction message failed", answer.getCode() + " " + answer.getRemark());
    }

    /** A connection of its own that sends heartbeats and counts how often it is told of changes. */
    private static final class Member implements NettyRequestProcessor, AutoCloseable {
        final AtomicInteger told = new AtomicInteger();
        private final NettyRemotingClient client = new NettyRemotingClient(new NettyClientConfig());

        Member() {
            client.registerProcessor(RequestCode.NOTIFY_CONSUMER_IDS_CHANGED, this, Executors.newSingleThreadExecutor(body -> {
                Thread thread = new Thread(body);
                thread.setDaemon(true);
                return thread;
            }));
            client.start();
        }

        @Override
        public RemotingCommand processRequest(ChannelHandlerContext context, RemotingCommand request) {
            told.incrementAndGet();
            return null;
        }

        @Override
        public boolean rejectRequest() {
            return false;
        }

        void beat(Stage stage, String id, String group, String... topics) throws Exception {
            ConsumerData consumer = new ConsumerData();
            consumer.setGroupName(group);
            consumer.setConsumeType(ConsumeType.CONSUME_PASSIVELY);
            consumer.setMessageModel(MessageModel.CLUSTERING);
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            Set<SubscriptionData> subscriptions = new HashSet<>();
            for (String topic : topics) {
                subscriptions.add(new SubscriptionData(topic, "*"));
            }
            consumer.setSubscriptionDataSet(subscriptions);
            HeartbeatData beat = new HeartbeatData();
            beat.setClientID(id);
            beat.getConsumerDataSet().add(consumer);
            RemotingCommand request = RemotingCommand.createRequestCommand(RequestCode.HEART_BEAT, null);
            request.setBody(beat.encode());
            Failed.unlessEqual("code of the heartbeat's answer", 0, client.invokeSync(stage.cluster.broker(), request, 10_000).getCode());
        }

        @Override
        public void close() {
            client.shutdown();
        }
    }

    private static void notifyEnable(Stage stage) throws Exception {
        String topic = stage.topic("notify", 1);
        String silent = stage.name("CG_silent");
        String open = stage.name("CG_told");
        for (String name : List.of(silent, open)) {
            SubscriptionGroupConfig config = new SubscriptionGroupConfig();
            config.setGroupName(name);
            config.setNotifyConsumerIdsChangedEnable(name.equals(open));
            stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        }
        try (Member first = new Member(); Member firstSilent = new Member(); Member second = new Member(); Member secondSilent = new Member()) {
            firstSilent.beat(stage, "first", silent, topic);
            first.beat(stage, "first", open, topic);
            Failed.unlessSoon("a word to the one that came", PushBehaviours.SOON, () -> first.told.get() == 1);
            secondSilent.beat(stage, "second", silent, topic);
            second.beat(stage, "second", open, topic);
            Failed.unlessSoon("a word to the one that was there", PushBehaviours.SOON, () -> first.told.get() == 2);
            Failed.unlessEqual("words to a group that is not to be told", 0, firstSilent.told.get());
        }
    }

    private static void silentForgotten(Stage stage) throws Exception {
        String group = stage.name("CG");
        try (Member member = new Member()) {
            member.beat(stage, "silent", group, "T");
            long begin = System.nanoTime();
            Failed.unlessEqual("members", List.of("silent"), api(stage).getConsumerIdListByGroup(stage.cluster.broker(), group, 10_000));
            Failed.unlessSoon("the end of the silent member", 200, () -> {
                TimeUnit.SECONDS.sleep(1);
                try {
                    return api(stage).getConsumerIdListByGroup(stage.cluster.broker(), group, 10_000).isEmpty();
                } catch (MQBrokerException nobody) {
                    return nobody.getResponseCode() == 1;
                }
            });
            long after = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
            Failed.unless(after >= 115, "it was forgotten after " + after + " s");
        }
    }

    private static void resubscribed(Stage stage) throws Exception {
        String group = stage.name("CG");
        try (Member member = new Member()) {
            member.beat(stage, "c", group, "subA", "subB");
            Failed.unlessEqual("subscriptions", Set.of("subA", "subB"), subscriptions(stage, group));
            int before = member.told.get();
            member.beat(stage, "c", group, "subB", "subC");
            Failed.unlessEqual("subscriptions of the second heartbeat", Set.of("subB", "subC"), subscriptions(stage, group));
            Failed.unlessSoon("a word about the change", PushBehaviours.SOON, () -> member.told.get() > before);
        }
    }

    private static Set<String> subscriptions(Stage stage, String group) throws Exception {
        return api(stage).getConsumerConnectionList(stage.cluster.broker(), group, 10_000).getSubscriptionTable().keySet();
    }

    private static void commit(Stage stage, String group, String topic, int queue, long offset) throws Exception {
        stage.admin().updateConsumeOffset(stage.cluster.broker(), group, new MessageQueue(topic, stage.cluster.brokerName(), queue), offset);
    }

    private static void clonedByBroker(Stage stage) throws Exception {
        String topic = stage.topic("clonedByBroker", 2);
        String from = stage.name("CG_from");
        commit(stage, from, topic, 0, 5);
        commit(stage, from, topic, 1, 6);
        api(stage).cloneGroupOffset(stage.cluster.broker(), from, stage.name("CG_to"), topic, true, 10_000);
        Map<Integer, Long> copied = correction(stage, topic, stage.name("CG_to"));
        Failed.unlessEqual("offsets", Map.of(0, 5L, 1, 6L), copied);
    }

    private static Map<Integer, Long> correction(Stage stage, String topic, String compare) throws Exception {
        return api(stage).queryCorrectionOffset(stage.cluster.broker(), topic, compare, Set.of("nobody"), 10_000);
    }

    private static void correction(Stage stage) throws Exception {
        String topic = stage.topic("correction", 2);
        commit(stage, stage.name("CG_ahead"), topic, 0, 9);
        commit(stage, stage.name("CG_least"), topic, 0, 3);
        commit(stage, stage.name("CG_between"), topic, 0, 6);
        Failed.unlessEqual("least offset, beside a group further on", Map.of(0, 3L), correction(stage, topic, stage.name("CG_between")));
        Failed.unlessEqual("least offset, beside a group that is unknown", Map.of(0, 3L), correction(stage, topic, stage.name("CG_unknown")));
        commit(stage, stage.name("CG_least"), topic, 0, 2);
        Failed.unlessEqual("least offset, beside the group that has it", Map.of(0, 2L), correction(stage, topic, stage.name("CG_least")));
    }

    /** One client's lock holds off another's for a minute. */
    private static void locksExpire(Stage stage) throws Exception {
        String topic = stage.topic("expire", 1);
        String group = stage.name("CG");
        long begin = System.nanoTime();
        Failed.unless(lock(stage, group, topic, "one"), "the first client has no lock");
        Failed.unless(!lock(stage, group, topic, "two"), "the second client has the lock, too");
        Failed.unless(lock(stage, group, topic, "one"), "the first client has lost the lock");
        Failed.unlessSoon("the lock for the second client", 80, () -> {
            TimeUnit.MILLISECONDS.sleep(500);
            return lock(stage, group, topic, "two");
        });
        long held = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - begin);
        Failed.unless(held >= 59, "the lock was lost after " + held + " s");
    }

    private static boolean lock(Stage stage, String group, String topic, String client) throws Exception {
        LockBatchRequestBody body = new LockBatchRequestBody();
        body.setConsumerGroup(group);
        body.setClientId(client);
        body.getMqSet().add(new MessageQueue(topic, stage.cluster.brokerName(), 0));
        return api(stage).lockBatchMQ(stage.cluster.broker(), body, 10_000).size() == 1;
    }
}
