package ringmq.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.protocol.RequestCode;

/** Messages that wait: for a delay level, for another try, for a moment of their own. */
final class WaitingBehaviours {
    /** How late a message may be here: the machine is busy with the other behaviours. */
    private static final long LATE_MILLIS = 3000;

    private WaitingBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("delay: each level comes at its time, whole", WaitingBehaviours::levels);
        suite.add("delay: messages of one level keep their order", WaitingBehaviours::order);
        suite.add("delay: level 0 and a negative one do not wait", WaitingBehaviours::none);
        suite.add("retry: the first id and topic stay with the message, the level grows",
            String.valueOf(RequestCode.CONSUMER_SEND_MSG_BACK), WaitingBehaviours::origin);
        suite.add("timer: TIMER_DELAY_MS, TIMER_DELAY_SEC and TIMER_DELIVER_MS come at their moment", Cluster.TIMERS, WaitingBehaviours::timers);
        suite.add("timer: too far a moment is refused, a past one does not wait", Cluster.TIMERS, WaitingBehaviours::refused);
    }

    /** When messages come, by their texts. */
    private static Map<String, MessageExt> arrivals(DefaultMQPushConsumer consumer, Map<String, Long> at) throws Exception {
        Map<String, MessageExt> got = new ConcurrentHashMap<>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                at.putIfAbsent(Stage.text(message), System.currentTimeMillis());
                got.put(Stage.text(message), message);
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        return got;
    }

    private static void cameAfter(String text, long sent, long delay, Map<String, Long> at) throws Exception {
        Failed.unlessSoon(text, PushBehaviours.SOON, () -> at.containsKey(text));
        long took = at.get(text) - sent;
        Failed.unless(took >= delay, text + " came after " + took + " ms, before its time");
        Failed.unless(took <= delay + LATE_MILLIS, text + " came after " + took + " ms, late");
    }

    private static void levels(Stage stage) throws Exception {
        String topic = stage.topic("levels", 4);
        Map<String, Long> at = new ConcurrentHashMap<>();
        Map<String, MessageExt> got = arrivals(stage.pushConsumer(stage.name("CG"), topic, "TagA"), at);
        stage.producer().send(new Message(topic, "TagA", Stage.bytes("first")));
        Failed.unlessSoon("the first message", PushBehaviours.SOON, () -> at.containsKey("first")); // the consumer listens
        long[] delays = {1000, 5000, 10_000};
        long[] sent = new long[3];
        for (int level = 1; level <= 3; level++) {
            Message message = new Message(topic, "TagA", "key" + level, Stage.bytes("level" + level));
            message.setDelayTimeLevel(level);
            message.putUserProperty("mine", "x" + level);
            sent[level - 1] = System.currentTimeMillis();
            SendResult result = stage.producer().send(message);
            Failed.unlessEqual("status", SendStatus.SEND_OK, result.getSendStatus());
        }
        for (int level = 1; level <= 3; level++) {
            String text = "level" + level;
            cameAfter(text, sent[level - 1], delays[level - 1], at);
            MessageExt message = got.get(text);
            Failed.unlessEqual("topic", topic, message.getTopic());
            Failed.unlessEqual("keys", "key" + level, message.getKeys());
            Failed.unlessEqual("property", "x" + level, message.getUserProperty("mine"));
            Failed.unlessEqual("level", level, message.getDelayTimeLevel());
            Failed.unlessEqual("reconsume times", 0, message.getReconsumeTimes());
            Failed.unless(message.getBornTimestamp() <= sent[level - 1] + 1000, "the time of birth is that of the delivery");
        }
    }

    private static void order(Stage stage) throws Exception {
        String topic = stage.topic("delayed", 1);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            Message message = new Message(topic, Stage.bytes("d" + i));
            message.setDelayTimeLevel(1);
            stage.producer().send(message);
            sent.add("d" + i);
        }
        List<String> got = new ArrayList<>();
        stage.readAll(topic, sent.size()).forEach(message -> got.add(Stage.text(message)));
        Failed.unlessEqual("order", sent, got);
    }

    private static void none(Stage stage) throws Exception {
        String topic = stage.topic("undelayed", 1);
        for (int level : new int[] {0, -1}) {
            Message message = new Message(topic, Stage.bytes("level " + level));
            message.setDelayTimeLevel(level);
            stage.producer().send(message);
        }
        List<String> got = new ArrayList<>();
        stage.readAll(topic, 2).forEach(message -> got.add(Stage.text(message)));
        Failed.unlessEqual("messages", List.of("level 0", "level -1"), got);
    }

    private static void origin(Stage stage) throws Exception {
        String topic = stage.topic("origin", 1);
        Queue<MessageExt> tries = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            tries.add(message);
            context.setDelayLevelWhenNextConsume(message.getReconsumeTimes() == 0 ? 1 : 0);
            return message.getReconsumeTimes() < 2 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        stage.producer().send(new Message(topic, "TagO", "keyO", Stage.bytes("origin")));
        Failed.unlessSoon(() -> "three tries, but there are " + tries.size(), PushBehaviours.SOON + 15, () -> tries.size() >= 3);
        List<MessageExt> all = List.copyOf(tries);
        for (int i = 1; i < 3; i++) {
            MessageExt again = all.get(i);
            Failed.unlessEqual("first id", ((MessageClientExt) all.get(0)).getOffsetMsgId(), again.getProperty(MessageConst.PROPERTY_ORIGIN_MESSAGE_ID));
            Failed.unlessEqual("first topic", topic, again.getProperty(MessageConst.PROPERTY_RETRY_TOPIC));
            Failed.unlessEqual("tag", "TagO", again.getTags());
            Failed.unlessEqual("keys", "keyO", again.getKeys());
            Failed.unlessEqual("time of birth", all.get(0).getBornTimestamp(), again.getBornTimestamp());
        }
        Failed.unlessEqual("level the consumer asked for", 1, all.get(1).getDelayTimeLevel());
        Failed.unlessEqual("level of the second try", 4, all.get(2).getDelayTimeLevel()); // 3 + attempts
    }

    private static Message timer(String topic, String text, String property, long value) {
        Message message = new Message(topic, "TagA", Stage.bytes(text));
        MessageAccessor.putProperty(message, property, String.valueOf(value));
        return message;
    }

    private static void timers(Stage stage) throws Exception {
        String topic = stage.topic("timers", 1);
        Map<String, Long> at = new ConcurrentHashMap<>();
        Map<String, MessageExt> got = arrivals(stage.pushConsumer(stage.name("CG"), topic, "TagA"), at);
        stage.producer().send(new Message(topic, "TagA", Stage.bytes("first")));
        Failed.unlessSoon("the first message", PushBehaviours.SOON, () -> at.containsKey("first"));
        long sent = System.currentTimeMillis();
        stage.producer().send(timer(topic, "two seconds", "TIMER_DELAY_SEC", 2));
        stage.producer().send(timer(topic, "a moment", "TIMER_DELAY_MS", 1234));
        stage.producer().send(timer(topic, "a time", "TIMER_DELIVER_MS", sent + 3300));
        stage.producer().send(timer(topic, "the past", "TIMER_DELIVER_MS", sent - 1000));
        // 5.x rounds down to the second.
        cameAfter("the past", sent, 0, at);
        cameAfter("a moment", sent, 234, at);
        cameAfter("two seconds", sent, 1000, at);
        cameAfter("a time", sent, 2300, at);
        for (MessageExt message : got.values()) {
            Failed.unlessEqual("topic", topic, message.getTopic());
        }
        Failed.unlessEqual("real topic of one that waited", topic, got.get("a time").getProperty(MessageConst.PROPERTY_REAL_TOPIC));
    }

    private static void refused(Stage stage) throws Exception {
        String topic = stage.topic("far", 1);
        stage.producer().setRetryTimesWhenSendFailed(0);
        for (Message far : List.of(timer(topic, "far", "TIMER_DELAY_SEC", 40L * 24 * 3600 + 60), timer(topic, "never", "TIMER_DELIVER_MS", Long.MAX_VALUE))) {
            try {
                stage.producer().send(far);
                throw new Failed(Stage.text(far) + " was taken");
            } catch (MQBrokerException e) {
                Failed.unlessEqual("code", 13, e.getResponseCode());
                Failed.unless(e.getErrorMessage().startsWith("timer message illegal"), "remark " + e.getErrorMessage());
            }
        }
        stage.producer().send(timer(topic, "past", "TIMER_DELAY_SEC", -5));
        Failed.unlessEqual("body", "past", Stage.text(stage.readOne(topic)));
    }
}
