package ringmq.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.body.CMResult;
import org.apache.rocketmq.common.protocol.body.ConsumeMessageDirectlyResult;
import org.apache.rocketmq.common.protocol.body.ConsumerRunningInfo;
import org.apache.rocketmq.common.protocol.body.QueryConsumeQueueResponseBody;
import org.apache.rocketmq.common.protocol.body.QueueTimeSpan;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;

/** What is done to consumer groups from outside: switched, reset, copied, asked; locks; order topics. */
final class GroupBehaviours {
    private GroupBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("group: offsets of running consumers are reset to a time", GroupBehaviours::reset);
        suite.add("order: a topic in the name servers' order configuration is one", GroupBehaviours::orderTopic);
        suite.add("group: consumeEnable stops it and lets it go on", GroupBehaviours::consumeEnable);
        suite.add("group: consumeBroadcastEnable", GroupBehaviours::broadcastEnable);
        suite.add("group: offsets are copied to another", GroupBehaviours::cloned);
        suite.add("group: a retried message keeps its id, topic and properties", GroupBehaviours::retryKeeps);
        suite.add("order: locks are given up when their owner stops", GroupBehaviours::locksReleased);
        suite.add("relay: a running consumer tells about itself", GroupBehaviours::runningInfo);
        suite.add("relay: a message is consumed directly", GroupBehaviours::directly);
        suite.add("query: consume queue and time span", GroupBehaviours::consumeQueue);
    }

    private static void reset(Stage stage) throws Exception {
        String topic = stage.topic("reset", 2);
        String group = stage.name("CG");
        long begin = System.currentTimeMillis() - 60_000;
        List<String> sent = stage.fill(topic, "r", 20);
        Queue<String> got = PushBehaviours.collect(stage.pushConsumer(group, topic, "*"));
        PushBehaviours.getsExactly("the consumer", sent, got);
        Failed.unlessSoon("a reset; it needs the group's offsets of all queues", PushBehaviours.SOON, () -> {
            try {
                return stage.admin().resetOffsetByTimestamp(topic, group, begin, true).size() == 2;
            } catch (MQClientException noOffsetsYet) {
                return false;
            }
        });
        List<String> twice = new ArrayList<>(sent);
        twice.addAll(sent);
        PushBehaviours.getsExactly("the consumer, after the reset", twice, got);
    }

    private static void orderTopic(Stage stage) throws Exception {
        String topic = stage.topic("ordered", 2);
        stage.admin().createOrUpdateOrderConf(topic, stage.cluster.brokerName() + ":2", true);
        // The broker hears of it when it registers next.
        Failed.unlessSoon("order of " + topic, 80, () -> stage.admin().examineTopicConfig(stage.cluster.broker(), topic).isOrder());
    }

    private static SubscriptionGroupConfig group(String name) {
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(name);
        return config;
    }

    private static void consumeEnable(Stage stage) throws Exception {
        String topic = stage.topic("enable", 1);
        SubscriptionGroupConfig config = group(stage.name("CG"));
        config.setConsumeEnable(false);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        List<String> sent = stage.fill(topic, "e", 5);
        Queue<String> got = PushBehaviours.collect(stage.pushConsumer(config.getGroupName(), topic, "*"));
        TimeUnit.SECONDS.sleep(4); // long enough for a pull
        Failed.unlessEqual("messages of a group that may not consume", List.of(), List.copyOf(got));
        config.setConsumeEnable(true);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        PushBehaviours.getsExactly("the consumer", sent, got);
    }

    private static void broadcastEnable(Stage stage) throws Exception {
        String topic = stage.topic("broadcast", 1);
        SubscriptionGroupConfig config = group(stage.name("CG"));
        config.setConsumeBroadcastEnable(false);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        List<String> sent = stage.fill(topic, "b", 5);
        DefaultMQPushConsumer consumer = stage.pushConsumer(config.getGroupName(), topic, "*");
        consumer.setMessageModel(MessageModel.BROADCASTING);
        Queue<String> got = PushBehaviours.collect(consumer);
        TimeUnit.SECONDS.sleep(4); // long enough for a pull
        Failed.unlessEqual("messages of a group that may not broadcast", List.of(), List.copyOf(got));
        config.setConsumeBroadcastEnable(true);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        PushBehaviours.getsExactly("the consumer", sent, got);
    }

    private static void cloned(Stage stage) throws Exception {
        String topic = stage.topic("cloned", 2);
        String from = stage.name("CG_from");
        String to = stage.name("CG_to");
        stage.fill(topic, "old", 10);
        stage.settle(topic, 10);
        for (MessageQueue queue : stage.queues(topic)) {
            stage.admin().updateConsumeOffset(stage.cluster.broker(), from, queue, 5);
        }
        // The tool finds the brokers by the group's retry topic.
        DefaultMQPushConsumer consumer = stage.pushConsumer(from, topic, "*");
        PushBehaviours.collect(consumer);
        stage.awaitRoute("%RETRY%" + from, 1);
        consumer.shutdown();
        stage.admin().cloneGroupOffset(from, to, topic, true);
        List<String> sent = stage.fill(topic, "new", 6);
        PushBehaviours.getsExactly("the other group", sent, PushBehaviours.collect(stage.pushConsumer(to, topic, "*")));
    }

    private static void retryKeeps(Stage stage) throws Exception {
        String topic = stage.topic("keeps", 1);
        Queue<MessageExt> seen = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "tag");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            seen.addAll(messages);
            context.setDelayLevelWhenNextConsume(1);
            return seen.size() < 3 ? ConsumeConcurrentlyStatus.RECONSUME_LATER
                : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Message message = new Message(topic, "tag", "key", Stage.bytes("kept"));
        message.putUserProperty("color", "blue");
        SendResult sent = stage.producer().send(message);
        Failed.unlessSoon(() -> "three tries, but there are " + seen.size(), PushBehaviours.SOON, () -> seen.size() >= 3);
        for (MessageExt one : seen) {
            Failed.unlessEqual("id", sent.getMsgId(), one.getMsgId());
            Failed.unlessEqual("topic", topic, one.getTopic());
            Failed.unlessEqual("tag, key, property, body", "tag key blue kept",
                one.getTags() + " " + one.getKeys() + " " + one.getProperty("color") + " " + Stage.text(one));
            if (one.getReconsumeTimes() > 0) {
                Failed.unlessEqual("first id", sent.getOffsetMsgId(), one.getProperty("ORIGIN_MESSAGE_ID"));
            }
        }
    }

    private static void locksReleased(Stage stage) throws Exception {
        String topic = stage.topic("released", 2);
        String group = stage.name("CG");
        for (int turn = 0; turn < 2; turn++) {
            List<String> sent = stage.fill(topic, "turn" + turn + "-", 6);
            Queue<String> got = new ConcurrentLinkedQueue<>();
            DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                messages.forEach(message -> got.add(Stage.text(message)));
                return ConsumeOrderlyStatus.SUCCESS;
            });
            long start = System.nanoTime();
            consumer.start();
            PushBehaviours.getsExactly("owner " + turn, sent, got);
            long seconds = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
            Failed.unless(seconds < 30, "owner " + turn + " had its locks after " + seconds + " s; they expire after 60");
            consumer.shutdown();
        }
    }

    private static String clientOf(Stage stage, String group) throws Exception {
        String[] client = new String[1];
        Failed.unlessSoon("a connection of " + group, PushBehaviours.SOON, () -> {
            try {
                client[0] = stage.admin().examineConsumerConnectionInfo(group).getConnectionSet().iterator().next().getClientId();
                return true;
            } catch (Exception notYet) {
                return false;
            }
        });
        return client[0];
    }

    private static void runningInfo(Stage stage) throws Exception {
        String topic = stage.topic("running", 3);
        String group = stage.name("CG");
        PushBehaviours.getsExactly("the consumer", stage.fill(topic, "i", 3), PushBehaviours.collect(stage.pushConsumer(group, topic, "*")));
        String client = clientOf(stage, group);
        Failed.unlessSoon("all queues in the consumer's account", PushBehaviours.SOON, () -> {
            ConsumerRunningInfo info = stage.admin().getConsumerRunningInfo(group, client, true);
            Failed.unless(info.getJstack() != null && info.getJstack().contains("ConsumeMessageThread"), "no stacks: " + info.getJstack());
            return info.getMqTable().keySet().stream().filter(queue -> queue.getTopic().equals(topic)).count() == 3;
        });
        Map<String, Map<MessageQueue, Long>> status = stage.admin().getConsumeStatus(topic, group, client);
        Failed.unlessEqual("clients with a status", Set.of(client), status.keySet());
        try {
            stage.admin().getConsumerRunningInfo(group, "nobody", false);
            throw new Failed("somebody answers for a client that is not there");
        } catch (MQClientException e) {
            Failed.unlessEqual("code", 1, e.getResponseCode());
        }
    }

    private static void directly(Stage stage) throws Exception {
        String topic = stage.topic("directly", 1);
        String group = stage.name("CG");
        Queue<String> got = PushBehaviours.collect(stage.pushConsumer(group, topic, "*"));
        SendResult sent = stage.producer().send(new Message(topic, Stage.bytes("again")));
        PushBehaviours.getsExactly("the consumer", List.of("again"), got);
        ConsumeMessageDirectlyResult result = stage.admin().consumeMessageDirectly(group, clientOf(stage, group), sent.getOffsetMsgId());
        Failed.unlessEqual("result", CMResult.CR_SUCCESS, result.getConsumeResult());
        PushBehaviours.getsExactly("the consumer", List.of("again", "again"), got);
    }

    private static void consumeQueue(Stage stage) throws Exception {
        String topic = stage.topic("queue", 1);
        String group = stage.name("CG");
        PushBehaviours.getsExactly("the consumer", stage.fill(topic, "q", 5), PushBehaviours.collect(stage.pushConsumer(group, topic, "*")));
        QueryConsumeQueueResponseBody body = stage.admin().queryConsumeQueue(stage.cluster.broker(), topic, 0, 1, 3, group);
        Failed.unlessEqual("entries", 3, body.getQueueData().size());
        Failed.unlessEqual("span", "0 5", body.getMinQueueIndex() + " " + body.getMaxQueueIndex());
        Failed.unlessEqual("tag's hash code", (long) "fill".hashCode(), body.getQueueData().get(0).getTagsCode());
        Failed.unlessSoon("a time span of " + group, PushBehaviours.SOON, () -> {
            List<QueueTimeSpan> spans = stage.admin().queryConsumeTimeSpan(topic, group);
            return spans.size() == 1 && spans.get(0).getMinTimeStamp() > 0 && spans.get(0).getDelayTime() == 0;
        });
    }
}
