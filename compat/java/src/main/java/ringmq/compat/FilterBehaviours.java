package ringmq.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** SQL92 filters, as push consumers register them and pull consumers bring them along. The broker has enablePropertyFilter. */
final class FilterBehaviours {
    private FilterBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("SQL92, push: only what the expression matches", FilterBehaviours::push);
        suite.add("SQL92, push: a new expression of the group counts", FilterBehaviours::changed);
        suite.add("SQL92, push: what is tried again is the same for the filter", FilterBehaviours::retried);
        suite.add("SQL92, pull: the expression comes with the pull", FilterBehaviours::pull);
        suite.add("SQL92: an expression that does not parse is refused at the start", FilterBehaviours::refused);
    }

    /** Sends messages a = 0 … 19, b = x, y or nothing, and returns the texts of those whose number is wanted. */
    private static List<String> send(Stage stage, String topic, String prefix, IntPredicate wanted) throws Exception {
        List<String> out = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            Message message = new Message(topic, i % 2 == 0 ? "even" : "odd", Stage.bytes(prefix + i));
            message.putUserProperty("a", "" + i);
            message.putUserProperty("round", prefix);
            if (i % 3 != 2) {
                message.putUserProperty("b", i % 3 == 0 ? "x" : "y");
            }
            stage.producer().send(message);
            if (wanted.test(i)) {
                out.add(prefix + i);
            }
        }
        return out;
    }

    private static DefaultMQPushConsumer consumer(Stage stage, String group, String topic, String sql) throws Exception {
        DefaultMQPushConsumer made = stage.pushConsumer(group, topic, "*");
        made.subscribe(topic, MessageSelector.bySql(sql));
        return made;
    }

    private static void push(Stage stage) throws Exception {
        String topic = stage.topic("sql", 2);
        List<List<String>> wanted = new ArrayList<>();
        List<Queue<String>> got = new ArrayList<>();
        String[] expressions = {
            "a > 5 AND b = 'x'", "a BETWEEN 3 AND 7 OR b IS NULL", "b IN ('x', 'y') AND NOT (a >= 4)", "TAGS = 'even' AND a <> '8'", "TRUE",
        };
        for (int i = 0; i < expressions.length; i++) {
            got.add(PushBehaviours.collect(consumer(stage, stage.name("CG" + i), topic, expressions[i])));
        }
        wanted.add(send(stage, topic, "m", i -> i > 5 && i % 3 == 0));
        wanted.add(texts(i -> 3 <= i && i <= 7 || i % 3 == 2));
        wanted.add(texts(i -> i % 3 != 2 && i < 4));
        wanted.add(texts(i -> i % 2 == 0 && i != 8));
        wanted.add(texts(i -> true));
        for (int i = 0; i < expressions.length; i++) {
            PushBehaviours.getsExactly("the consumer of " + expressions[i], wanted.get(i), got.get(i));
        }
    }

    private static List<String> texts(IntPredicate wanted) {
        return IntStream.range(0, 20).filter(wanted).mapToObj(i -> "m" + i).toList();
    }

    private static void changed(Stage stage) throws Exception {
        String topic = stage.topic("changed", 1);
        String group = stage.name("CG");
        DefaultMQPushConsumer first = consumer(stage, group, topic, "a < 3");
        Queue<String> got = PushBehaviours.collect(first);
        PushBehaviours.getsExactly("the first consumer", send(stage, topic, "f", i -> i < 3), got);
        first.shutdown();
        Queue<String> after = PushBehaviours.collect(consumer(stage, group, topic, "a > 16 AND round = 's'"));
        PushBehaviours.getsExactly("the second consumer", send(stage, topic, "s", i -> i > 16), after);
    }

    private static void retried(Stage stage) throws Exception {
        String topic = stage.topic("again", 1);
        DefaultMQPushConsumer consumer = consumer(stage, stage.name("CG"), topic, "a = 7");
        Queue<Integer> tries = new ConcurrentLinkedQueue<>();
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            MessageExt message = messages.get(0);
            tries.add(message.getReconsumeTimes());
            context.setDelayLevelWhenNextConsume(1);
            return message.getReconsumeTimes() < 1 ? ConsumeConcurrentlyStatus.RECONSUME_LATER
                : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        send(stage, topic, "r", i -> false);
        Failed.unlessSoon(() -> "two tries, but there are " + tries, PushBehaviours.SOON, () -> tries.size() >= 2);
        Failed.unlessEqual("tries", List.of(0, 1), List.copyOf(tries));
    }

    private static void pull(Stage stage) throws Exception {
        String topic = stage.topic("pullsql", 1);
        List<String> wanted = send(stage, topic, "p", i -> i % 3 == 1 && i > 9);
        DefaultMQPullConsumer reader = stage.reader();
        MessageQueue queue = reader.fetchSubscribeMessageQueues(topic).iterator().next();
        MessageSelector expression = MessageSelector.bySql("b = 'y' AND a > 9");
        Failed.unlessSoon("a broker whose version the client knows, by its first heartbeat", PushBehaviours.SOON, () -> {
            try {
                reader.pull(queue, expression, 0, 5);
                return true;
            } catch (MQClientException e) {
                if (e.getErrorMessage().contains("does not upgrade")) {
                    return false;
                }
                throw e;
            }
        });
        List<String> got = new ArrayList<>();
        for (long offset = 0; offset < 20;) {
            PullResult result = reader.pull(queue, expression, offset, 5);
            if (result.getPullStatus() == PullStatus.FOUND) {
                result.getMsgFoundList().forEach(message -> got.add(Stage.text(message)));
            }
            Failed.unless(result.getNextBeginOffset() > offset, "the pull does not move on from " + offset + ": " + result);
            offset = result.getNextBeginOffset();
        }
        Failed.unlessEqual("messages", wanted, got);
    }

    private static void refused(Stage stage) throws Exception {
        String topic = stage.topic("badsql", 1);
        stage.fill(topic, "x", 1);
        for (String bad : List.of("a >", "a > 'x'", "a BETWEEN 5 AND 3", "a # 5", "5")) {
            DefaultMQPushConsumer consumer = consumer(stage, stage.name("CG" + bad.length()), topic, bad);
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) ->
                ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
            try {
                consumer.start();
                throw new Failed("the consumer of " + bad + " starts");
            } catch (MQClientException e) {
                Throwable cause = e.getCause() == null ? e : e.getCause();
                Failed.unless(String.valueOf(cause.getMessage()).contains("CODE: 23") || e.getResponseCode() == 23, "the error for " + bad + " is " + e);
            }
        }
    }
}
