package ringmq.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.protocol.RequestCode;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;

/** What push consumers get. */
final class PushBehaviours {
    /** A group's first pull may wait for the client's own timers (heartbeat 1 s, rebalance 20 s). */
    static final int SOON = 40;

    private PushBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("push, orderly: order within each queue", PushBehaviours::orderly);
        suite.add("push, orderly: a suspended message holds its queue", PushBehaviours::suspended);
        suite.add("push, clustering: every message once", PushBehaviours::clustering);
        suite.add("push, broadcasting: every consumer gets all", PushBehaviours::broadcasting);
        suite.add("push: several messages per call", PushBehaviours::batches);
        suite.add("push: two topics in one group", PushBehaviours::twoTopics);
        suite.add("push: two groups each get all", PushBehaviours::twoGroups);
        suite.add("push: a message wakes a held pull at once", PushBehaviours::wake);
        suite.add("push: bodies of 1 MiB", PushBehaviours::large);
        suite.add("push: topic created after the consumer", PushBehaviours::lateTopic);
        suite.add("tags: only those asked for", PushBehaviours::tags);
        suite.add("tags: equal hash codes are told apart", PushBehaviours::collidingTags);
        suite.add("tags: long runs of other tags are skipped", PushBehaviours::rareTag);
        suite.add("retry: a refused message comes again", String.valueOf(RequestCode.CONSUMER_SEND_MSG_BACK), PushBehaviours::retry);
        suite.add("retry: after the last try the message is in the dead letter topic",
            String.valueOf(RequestCode.CONSUMER_SEND_MSG_BACK), PushBehaviours::deadLetter);
    }

    /** Has a consumer put the bodies that it gets into a collection. */
    static Queue<String> collect(DefaultMQPushConsumer consumer) throws Exception {
        Queue<String> got = new ConcurrentLinkedQueue<>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> got.add(Stage.text(message)));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        return got;
    }

    /** Waits for as many messages as were sent and checks that they are those, each once. */
    static void getsExactly(String what, List<String> sent, Queue<String> got) throws Exception {
        Failed.unlessSoon(() -> what + " has " + sent.size() + " messages, but it has " + got.size(), SOON,
            () -> got.size() >= sent.size());
        Stage.sameTexts(what, sent, got);
    }

    private static void clustering(Stage stage) throws Exception {
        String topic = stage.topic("clustering", 4);
        List<String> sent = stage.fill(topic, "before", 100);
        Queue<String> got = collect(stage.pushConsumer(stage.name("CG"), topic, "*"));
        getsExactly("the consumer", sent, got);
        sent.addAll(stage.fill(topic, "after", 100));
        getsExactly("the consumer", sent, got);
    }

    private static void broadcasting(Stage stage) throws Exception {
        String topic = stage.topic("broadcasting", 4);
        // Without an own offset, a broadcasting consumer from the first offset begins at 0.
        List<String> sent = stage.fill(topic, "x", 50);
        List<Queue<String>> got = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
            consumer.setMessageModel(MessageModel.BROADCASTING);
            got.add(collect(consumer));
        }
        for (Queue<String> one : got) {
            getsExactly("a broadcasting consumer", sent, one);
        }
        sent.addAll(stage.fill(topic, "y", 50));
        for (Queue<String> one : got) {
            getsExactly("a broadcasting consumer", sent, one);
        }
    }

    /** Notes the bodies of each queue in the order in which an orderly listener sees them. */
    static Map<Integer, Queue<String>> collectOrderly(DefaultMQPushConsumer consumer, AtomicInteger overlaps) throws Exception {
        Map<Integer, Queue<String>> got = new ConcurrentHashMap<>();
        Map<Integer, AtomicInteger> inside = new ConcurrentHashMap<>();
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            int queue = context.getMessageQueue().getQueueId();
            AtomicInteger here = inside.computeIfAbsent(queue, q -> new AtomicInteger());
            if (here.incrementAndGet() > 1) {
                overlaps.incrementAndGet();
            }
            Queue<String> seen = got.computeIfAbsent(queue, q -> new ConcurrentLinkedQueue<>());
            messages.forEach(message -> seen.add(Stage.text(message)));
            here.decrementAndGet();
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        return got;
    }

    static List<String> fillQueue(Stage stage, String topic, int queue, String prefix, int count) throws Exception {
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            sent.add(prefix + i);
            stage.producer().send(new Message(topic, Stage.bytes(prefix + i)), (queues, message, arg) -> queues.get((Integer) arg), queue);
        }
        return sent;
    }

    private static void orderly(Stage stage) throws Exception {
        String topic = stage.topic("orderly", 3);
        AtomicInteger overlaps = new AtomicInteger();
        List<List<String>> sent = new ArrayList<>();
        for (int queue = 0; queue < 3; queue++) {
            sent.add(fillQueue(stage, topic, queue, "early", 50));
        }
        Map<Integer, Queue<String>> got = collectOrderly(stage.pushConsumer(stage.name("CG"), topic, "*"), overlaps);
        for (int queue = 0; queue < 3; queue++) {
            sent.get(queue).addAll(fillQueue(stage, topic, queue, "late", 50));
        }
        for (int queue = 0; queue < 3; queue++) {
            List<String> want = sent.get(queue);
            int q = queue;
            Failed.unlessSoon(() -> "100 messages of queue " + q + ", but there are " + got.get(q), SOON,
                () -> got.containsKey(q) && got.get(q).size() >= want.size());
            Failed.unlessEqual("order in queue " + queue, want, List.copyOf(got.get(queue)));
        }
        Failed.unlessEqual("calls that overlapped in a queue", 0, overlaps.get());
    }

    private static void suspended(Stage stage) throws Exception {
        String topic = stage.topic("suspended", 1);
        List<String> sent = stage.fill(topic, "m", 10);
        List<String> want = new ArrayList<>(sent);
        want.addAll(4, List.of("m3", "m3")); // refused twice
        Queue<String> got = new ConcurrentLinkedQueue<>();
        AtomicInteger refusals = new AtomicInteger();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.setSuspendCurrentQueueTimeMillis(100);
        consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
            got.add(Stage.text(messages.get(0)));
            boolean refuse = Stage.text(messages.get(0)).equals("m3") && refusals.incrementAndGet() <= 2;
            return refuse ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        Failed.unlessSoon(() -> "12 calls, but there are " + got, SOON, () -> got.size() >= want.size());
        Failed.unlessEqual("calls", want, List.copyOf(got));
    }

    private static void batches(Stage stage) throws Exception {
        String topic = stage.topic("batches", 1);
        List<String> sent = stage.fill(topic, "m", 200);
        Queue<String> got = new ConcurrentLinkedQueue<>();
        AtomicInteger most = new AtomicInteger();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.setConsumeMessageBatchMaxSize(16);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            most.accumulateAndGet(messages.size(), Math::max);
            messages.forEach(message -> got.add(Stage.text(message)));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        getsExactly("the consumer", sent, got);
        // One pull brings 32 messages, which the client hands on 16 at a time.
        Failed.unlessEqual("most messages in a call", 16, most.get());
    }

    private static void twoTopics(Stage stage) throws Exception {
        String first = stage.topic("first", 2);
        String second = stage.topic("second", 2);
        List<String> sent = stage.fill(first, "f", 40);
        sent.addAll(stage.fill(second, "s", 40));
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), first, "*");
        consumer.subscribe(second, "fill");
        getsExactly("the consumer", sent, collect(consumer));
    }

    private static void twoGroups(Stage stage) throws Exception {
        String topic = stage.topic("twoGroups", 2);
        List<String> sent = stage.fill(topic, "g", 40);
        Queue<String> one = collect(stage.pushConsumer(stage.name("CG_one"), topic, "*"));
        Queue<String> two = collect(stage.pushConsumer(stage.name("CG_two"), topic, "*"));
        getsExactly("the first group", sent, one);
        getsExactly("the second group", sent, two);
    }

    private static void wake(Stage stage) throws Exception {
        String topic = stage.topic("wake", 1);
        List<String> sent = new ArrayList<>(stage.fill(topic, "first", 1));
        Queue<String> got = collect(stage.pushConsumer(stage.name("CG"), topic, "*"));
        getsExactly("the consumer", sent, got);
        long slowest = 0;
        for (int i = 0; i < 10; i++) {
            TimeUnit.MILLISECONDS.sleep(300); // the consumer's next pull is on its way and is held
            sent.addAll(stage.fill(topic, "m" + i + "-", 1));
            long start = System.nanoTime();
            getsExactly("the consumer", sent, got);
            slowest = Math.max(slowest, TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start));
        }
        // A broker that does not wake held pulls answers at its next scan, up to 5 s later.
        Failed.unless(slowest < 1500, "a message came " + slowest + " ms after it was acknowledged");
    }

    private static void large(Stage stage) throws Exception {
        String topic = stage.topic("large", 1);
        stage.producer().setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        byte[] body = new byte[1 << 20];
        for (int i = 0; i < 6; i++) {
            body[0] = (byte) i;
            stage.producer().send(new Message(topic, body.clone()));
        }
        AtomicInteger sum = new AtomicInteger();
        AtomicInteger count = new AtomicInteger();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                sum.addAndGet(message.getBody()[0] + message.getBody().length);
                count.incrementAndGet();
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        Failed.unlessSoon("6 large messages", SOON, () -> count.get() >= 6);
        Failed.unlessEqual("sum of first bytes and sizes", 15 + 6 * (1 << 20), sum.get());
    }

    private static void lateTopic(Stage stage) throws Exception {
        String topic = stage.name("lateTopic");
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.setPollNameServerInterval(1000);
        Queue<String> got = collect(consumer);
        List<String> sent = stage.fill(topic, "late", 20);
        getsExactly("the consumer", sent, got);
    }

    private static void tags(Stage stage) throws Exception {
        String topic = stage.topic("tags", 2);
        Queue<String> got = collect(stage.pushConsumer(stage.name("CG"), topic, "TagA || TagC||标签"));
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 60; i++) {
            String tag = List.of("TagA", "TagB", "TagC", "标签", "tagA").get(i % 5);
            String body = tag + i;
            if (!tag.equals("TagB") && !tag.equals("tagA")) {
                wanted.add(body);
            }
            stage.producer().send(new Message(topic, tag, Stage.bytes(body)));
        }
        stage.producer().send(new Message(topic, Stage.bytes("no tag")));
        getsExactly("the consumer", wanted, got);
    }

    private static void collidingTags(Stage stage) throws Exception {
        String topic = stage.topic("colliding", 1);
        Failed.unlessEqual("hash code of BB", "Aa".hashCode(), "BB".hashCode());
        Queue<String> got = collect(stage.pushConsumer(stage.name("CG"), topic, "Aa"));
        for (int i = 0; i < 10; i++) {
            stage.producer().send(new Message(topic, "BB", Stage.bytes("other" + i)));
        }
        stage.producer().send(new Message(topic, "Aa", Stage.bytes("mine")));
        getsExactly("the consumer", List.of("mine"), got);
    }

    private static void rareTag(Stage stage) throws Exception {
        String topic = stage.topic("rare", 1);
        for (int b = 0; b < 20; b++) { // 4,000 messages: more than one pull may look at
            List<Message> batch = new ArrayList<>();
            for (int i = 0; i < 200; i++) {
                batch.add(new Message(topic, "common", Stage.bytes("c")));
            }
            stage.producer().send(batch);
        }
        stage.producer().send(new Message(topic, "rare", Stage.bytes("rare")));
        getsExactly("the consumer", List.of("rare"), collect(stage.pushConsumer(stage.name("CG"), topic, "rare")));
    }

    private static void retry(Stage stage) throws Exception {
        String topic = stage.topic("retry", 1);
        Queue<Integer> tries = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            Failed.unlessEqual("topic seen by the listener", topic, message.getTopic());
            tries.add(message.getReconsumeTimes());
            context.setDelayLevelWhenNextConsume(1);
            return message.getReconsumeTimes() < 2 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        stage.fill(topic, "r", 1);
        Failed.unlessSoon(() -> "three tries, but there are " + tries, SOON, () -> tries.size() >= 3);
        Failed.unlessEqual("reconsume times of the tries", List.of(0, 1, 2), List.copyOf(tries));
    }

    private static void deadLetter(Stage stage) throws Exception {
        String topic = stage.topic("dead", 1);
        String group = stage.name("CG");
        DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
        consumer.setMaxReconsumeTimes(1);
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            context.setDelayLevelWhenNextConsume(1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        consumer.start();
        stage.fill(topic, "d", 1);
        String dead = MixAll.getDLQTopic(group);
        stage.awaitRoute(dead, 1);
        Failed.unlessEqual("body", "d0", Stage.text(stage.readOne(dead)));
    }
}
