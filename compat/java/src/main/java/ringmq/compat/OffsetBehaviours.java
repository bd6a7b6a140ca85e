package ringmq.compat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.admin.ConsumeStats;
import org.apache.rocketmq.common.admin.OffsetWrapper;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;

/** Where consumers begin and what the broker remembers of it. */
final class OffsetBehaviours {
    private OffsetBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("offsets: a restarted consumer goes on where it stopped", OffsetBehaviours::restart);
        suite.add("offsets: a restarted orderly consumer too", OffsetBehaviours::restartOrderly);
        suite.add("offsets: a restarted lite pull consumer too", OffsetBehaviours::restartLitePull);
        suite.add("offsets: a broadcasting consumer keeps its own", OffsetBehaviours::restartBroadcasting);
        suite.add("offsets: a new group on a young topic begins at 0, also from the last offset", OffsetBehaviours::youngTopic);
        suite.add("offsets: a broadcasting consumer from the last offset gets only new messages", OffsetBehaviours::lastOffset);
        suite.add("offsets: a broadcasting consumer from a time", OffsetBehaviours::fromTime);
        suite.add("offsets: an offset that was set is where the consumer begins", OffsetBehaviours::set);
        suite.add("offsets: examineConsumeStats counts what is left", OffsetBehaviours::stats);
        suite.add("offsets: minimum, maximum and by time", OffsetBehaviours::byTime);
    }

    private static void restart(Stage stage) throws Exception {
        String topic = stage.topic("restart", 4);
        String group = stage.name("CG");
        for (String round : List.of("a", "b", "c")) {
            DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
            List<String> sent = stage.fill(topic, round, 40);
            Queue<String> got = PushBehaviours.collect(consumer);
            PushBehaviours.getsExactly("the consumer of round " + round, sent, got);
            consumer.shutdown();
        }
    }

    private static void restartOrderly(Stage stage) throws Exception {
        String topic = stage.topic("restartOrderly", 1);
        String group = stage.name("CG");
        for (String round : List.of("a", "b")) {
            DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
            List<String> sent = PushBehaviours.fillQueue(stage, topic, 0, round, 30);
            Map<Integer, Queue<String>> got = PushBehaviours.collectOrderly(consumer, new AtomicInteger());
            Failed.unlessSoon(() -> "30 messages in round " + round + ", but there are " + got, PushBehaviours.SOON,
                () -> got.containsKey(0) && got.get(0).size() >= 30);
            Failed.unlessEqual("messages of round " + round, sent, List.copyOf(got.get(0)));
            consumer.shutdown();
        }
    }

    private static void restartLitePull(Stage stage) throws Exception {
        String topic = stage.topic("restartLite", 2);
        String group = stage.name("CG");
        for (String round : List.of("a", "b")) {
            DefaultLitePullConsumer consumer = stage.litePull(group);
            consumer.setAutoCommit(false);
            consumer.subscribe(topic, "*");
            consumer.start();
            List<String> sent = stage.fill(topic, round, 30);
            Stage.sameTexts("the consumer of round " + round, sent, PullBehaviours.poll(consumer, 30));
            consumer.commitSync();
            consumer.shutdown();
        }
    }

    private static void restartBroadcasting(Stage stage) throws Exception {
        String topic = stage.topic("restartBroadcast", 2);
        String group = stage.name("CG");
        for (String round : List.of("a", "b")) {
            DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
            consumer.setMessageModel(MessageModel.BROADCASTING);
            consumer.setInstanceName(stage.name("kept")); // names the file of its offsets
            List<String> sent = stage.fill(topic, round, 30);
            Queue<String> got = PushBehaviours.collect(consumer);
            PushBehaviours.getsExactly("the consumer of round " + round, sent, got);
            consumer.shutdown();
        }
    }

    /** Request 14 answers 0 for an unknown group while the queue's first message is still at hand. */
    private static void youngTopic(Stage stage) throws Exception {
        String topic = stage.topic("young", 2);
        List<String> sent = stage.fill(topic, "y", 20);
        for (ConsumeFromWhere where : List.of(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET, ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET)) {
            DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG_" + where), topic, "*");
            consumer.setConsumeFromWhere(where);
            PushBehaviours.getsExactly("a consumer with " + where, sent, PushBehaviours.collect(consumer));
        }
    }

    private static void lastOffset(Stage stage) throws Exception {
        String topic = stage.topic("last", 2);
        stage.fill(topic, "old", 20);
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.setMessageModel(MessageModel.BROADCASTING);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        Queue<String> got = PushBehaviours.collect(consumer);
        Failed.unlessSoon("both queues at the consumer", PushBehaviours.SOON,
            () -> consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet().stream()
                .filter(queue -> queue.getTopic().equals(topic)).count() == 2);
        List<String> sent = stage.fill(topic, "new", 20);
        PushBehaviours.getsExactly("the consumer", sent, got);
    }

    private static void fromTime(Stage stage) throws Exception {
        String topic = stage.topic("time", 1);
        stage.fill(topic, "old", 10);
        TimeUnit.MILLISECONDS.sleep(2100); // consumeTimestamp has whole seconds
        long start = System.currentTimeMillis() / 1000 * 1000;
        List<String> sent = stage.fill(topic, "new", 10);
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.setMessageModel(MessageModel.BROADCASTING);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP);
        consumer.setConsumeTimestamp(new java.text.SimpleDateFormat("yyyyMMddHHmmss").format(start));
        Queue<String> got = PushBehaviours.collect(consumer);
        Failed.unlessSoon("the new messages", PushBehaviours.SOON, () -> got.containsAll(sent));
        // Between two messages the nearer one is chosen, so one old message may come with them.
        Failed.unless(got.size() <= sent.size() + 1, "the consumer got " + got);
    }

    private static void set(Stage stage) throws Exception {
        String topic = stage.topic("set", 1);
        String group = stage.name("CG");
        List<String> sent = stage.fill(topic, "s", 30);
        MessageQueue queue = new MessageQueue(topic, stage.cluster.brokerName(), 0);
        stage.admin().updateConsumeOffset(stage.cluster.broker(), group, queue, 20);
        DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
        PushBehaviours.getsExactly("the consumer", sent.subList(20, 30), PushBehaviours.collect(consumer));
        consumer.shutdown();
        stage.admin().updateConsumeOffset(stage.cluster.broker(), group, queue, 5);
        DefaultMQPushConsumer again = stage.pushConsumer(group, topic, "*");
        PushBehaviours.getsExactly("the consumer set back", sent.subList(5, 30), PushBehaviours.collect(again));
    }

    private static void stats(Stage stage) throws Exception {
        String topic = stage.topic("stats", 2);
        String group = stage.name("CG");
        List<String> sent = stage.fill(topic, "before", 20);
        DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
        PushBehaviours.getsExactly("the consumer", sent, PushBehaviours.collect(consumer));
        consumer.shutdown();
        stage.fill(topic, "after", 10);
        stage.settle(topic, 30);
        Map<MessageQueue, long[]> got = new HashMap<>();
        ConsumeStats stats = stage.admin().examineConsumeStats(group, topic);
        for (Map.Entry<MessageQueue, OffsetWrapper> entry : stats.getOffsetTable().entrySet()) {
            OffsetWrapper offsets = entry.getValue();
            got.put(entry.getKey(), new long[] {offsets.getBrokerOffset(), offsets.getConsumerOffset()});
        }
        Failed.unlessEqual("queues in the answer", 2, got.size());
        got.forEach((queue, offsets) -> {
            Failed.unlessEqual("broker offset of " + queue, 15L, offsets[0]);
            Failed.unlessEqual("consumer offset of " + queue, 10L, offsets[1]);
        });
        Failed.unlessEqual("messages left", 10L, stats.computeTotalDiff());
    }

    private static void byTime(Stage stage) throws Exception {
        String topic = stage.topic("byTime", 1);
        MessageQueue queue = new MessageQueue(topic, stage.cluster.brokerName(), 0);
        Failed.unlessEqual("maximum offset of an empty queue", 0L, stage.admin().maxOffset(queue));
        Failed.unlessEqual("minimum offset of an empty queue", 0L, stage.admin().minOffset(queue));
        List<Long> stored = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            SendResult receipt = stage.producer().send(new Message(topic, Stage.bytes("t" + i)));
            Failed.unlessEqual("offset", (long) i, receipt.getQueueOffset());
            TimeUnit.MILLISECONDS.sleep(40);
        }
        for (MessageExt message : stage.readAll(topic, 5)) {
            stored.add(message.getStoreTimestamp());
        }
        Failed.unlessEqual("maximum offset", 5L, stage.admin().maxOffset(queue));
        Failed.unlessEqual("minimum offset", 0L, stage.admin().minOffset(queue));
        Failed.unlessEqual("earliest store time", stored.get(0), stage.admin().earliestMsgStoreTime(queue));
        for (int i = 0; i < 5; i++) {
            Failed.unlessEqual("offset of the time of message " + i, (long) i, stage.admin().searchOffset(queue, stored.get(i)));
            Failed.unlessEqual("offset just after message " + i, (long) i, stage.admin().searchOffset(queue, stored.get(i) + 5));
        }
        Failed.unlessEqual("offset of a time before all", 0L, stage.admin().searchOffset(queue, stored.get(0) - 100_000));
        Failed.unlessEqual("offset of a time after all", 4L, stage.admin().searchOffset(queue, stored.get(4) + 100_000));
    }
}
