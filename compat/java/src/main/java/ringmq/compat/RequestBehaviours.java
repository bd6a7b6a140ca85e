package ringmq.compat;

import java.util.HashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Request and reply, light queues, trace, names and marks of topics. */
final class RequestBehaviours {
    private RequestBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("request: the reply comes back to the producer that asked", RequestBehaviours::reply);
        suite.add("request, async: the callback gets the reply", RequestBehaviours::replyAsync);
        suite.add("request: compressed both ways", RequestBehaviours::replyCompressed);
        suite.add("request: many at once, each gets its own reply", RequestBehaviours::replyMany);
        suite.add("request: without a reply it times out", RequestBehaviours::noReply);
        suite.add("light queues: a message is in all queues that it names", RequestBehaviours::light);
        suite.add("trace: what was sent and consumed is in the trace topic", RequestBehaviours::trace);
        suite.add("namespace: topics and groups of the same name in two", RequestBehaviours::namespaces);
        suite.add("unit mode: topics are marked", RequestBehaviours::unitMode);
        suite.add("pull: an offset that is not there leaves an event", RequestBehaviours::offsetMoved);
    }

    /** Answers each message of a topic with "re: " and its body. */
    private static void responder(Stage stage, String topic) throws Exception {
        DefaultMQProducer replier = stage.newProducer(stage.name("PG_replier"));
        replier.setCompressMsgBodyOverHowmuch(1000);
        replier.start();
        DefaultMQPushConsumer consumer = stage.pushConsumer(stage.name("CG"), topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt message : messages) {
                try {
                    replier.send(MessageUtil.createReplyMessage(message, Stage.bytes("re: " + Stage.text(message))), 5000);
                } catch (Exception e) {
                    return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
    }

    private static void reply(Stage stage) throws Exception {
        String topic = stage.topic("request", 2);
        responder(stage, topic);
        for (int i = 0; i < 3; i++) {
            Message answer = stage.producer().request(new Message(topic, "tag", Stage.bytes("q" + i)), 30_000);
            Failed.unlessEqual("reply", "re: q" + i, Stage.text(answer));
            Failed.unlessEqual("kind", "reply", answer.getProperty(MessageConst.PROPERTY_MESSAGE_TYPE));
        }
    }

    private static void replyAsync(Stage stage) throws Exception {
        String topic = stage.topic("requestAsync", 2);
        responder(stage, topic);
        CompletableFuture<Message> answer = new CompletableFuture<>();
        stage.producer().request(new Message(topic, Stage.bytes("async")), new RequestCallback() {
            @Override
            public void onSuccess(Message message) {
                if (message != null) { // null: the client also calls when the question is on its way
                    answer.complete(message);
                }
            }

            @Override
            public void onException(Throwable e) {
                answer.completeExceptionally(e);
            }
        }, 30_000);
        Failed.unlessEqual("reply", "re: async", Stage.text(answer.get(40, TimeUnit.SECONDS)));
    }

    private static void replyCompressed(Stage stage) throws Exception {
        String topic = stage.topic("requestLarge", 1);
        responder(stage, topic);
        String question = "x".repeat(50_000);
        Message answer = stage.producer().request(new Message(topic, Stage.bytes(question)), 30_000);
        Failed.unlessEqual("length of the reply", question.length() + 4, Stage.text(answer).length());
    }

    private static void replyMany(Stage stage) throws Exception {
        String topic = stage.topic("requestMany", 4);
        responder(stage, topic);
        Queue<String> wrong = new ConcurrentLinkedQueue<>();
        Thread[] askers = new Thread[8];
        DefaultMQProducer producer = stage.producer();
        for (int a = 0; a < askers.length; a++) {
            String name = "asker" + a + "-";
            askers[a] = new Thread(() -> {
                for (int i = 0; i < 20; i++) {
                    try {
                        String got = Stage.text(producer.request(new Message(topic, Stage.bytes(name + i)), 30_000));
                        if (!got.equals("re: " + name + i)) {
                            wrong.add(name + i + " got " + got);
                        }
                    } catch (Exception e) {
                        wrong.add(name + i + " got " + e);
                    }
                }
            });
            askers[a].start();
        }
        for (Thread asker : askers) {
            asker.join();
        }
        Failed.unlessEqual("wrong replies", List.of(), List.copyOf(wrong));
    }

    private static void noReply(Stage stage) throws Exception {
        String topic = stage.topic("requestLost", 1);
        try {
            stage.producer().request(new Message(topic, Stage.bytes("anybody?")), 2000);
        } catch (RequestTimeoutException expected) {
            return;
        }
        throw new Failed("a reply from nowhere");
    }

    private static void light(Stage stage) throws Exception {
        String topic = stage.topic("light", 2);
        String one = "%LMQ%" + stage.name("one");
        String two = "%LMQ%" + stage.name("two");
        for (int i = 0; i < 6; i++) {
            Message message = new Message(topic, Stage.bytes("m" + i));
            MessageAccessor.putProperty(message, "INNER_MULTI_DISPATCH", i % 2 == 0 ? one + "," + two : two);
            stage.producer().send(message);
        }
        stage.settle(topic, 6);
        Failed.unlessEqual("light queue one", "m0 m2 m4", readLight(stage, one, 3));
        Failed.unlessEqual("light queue two", "m0 m1 m2 m3 m4 m5", readLight(stage, two, 6));
        Failed.unlessEqual("offsets noted in the last", "5", lastOffsets);
    }

    private static String lastOffsets;

    private static String readLight(Stage stage, String name, int count) throws Exception {
        MessageQueue queue = new MessageQueue(name, stage.cluster.brokerName(), 0);
        StringBuilder bodies = new StringBuilder();
        long next = 0;
        while (next < count) {
            PullResult pulled = stage.reader().pullBlockIfNotFound(queue, "*", next, 32);
            Failed.unlessEqual("status at " + next, PullStatus.FOUND, pulled.getPullStatus());
            for (MessageExt message : pulled.getMsgFoundList()) {
                bodies.append(bodies.isEmpty() ? "" : " ").append(Stage.text(message));
                lastOffsets = message.getProperty("INNER_MULTI_QUEUE_OFFSET");
            }
            next = pulled.getNextBeginOffset();
        }
        return bodies.toString();
    }

    private static void trace(Stage stage) throws Exception {
        String topic = stage.topic("traced", 1);
        DefaultMQProducer producer = new DefaultMQProducer(stage.name("PG_traced"), true);
        producer.setNamesrvAddr(stage.cluster.namesrv());
        producer.setInstanceName(stage.name("traced"));
        producer.start();
        try {
            SendResult sent = producer.send(new Message(topic, "tag", "key1", Stage.bytes("traced")));
            Failed.unlessSoon("a trace of " + sent.getMsgId(), PushBehaviours.SOON, () -> traceOf(stage, sent.getMsgId()).contains("Pub"));
            DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(stage.name("CG_traced"), true);
            consumer.setNamesrvAddr(stage.cluster.namesrv());
            consumer.setInstanceName(stage.name("tracedC"));
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.subscribe(topic, "*");
            PushBehaviours.collect(consumer);
            try {
                Failed.unlessSoon("traces of the consumer", PushBehaviours.SOON,
                    () -> traceOf(stage, sent.getMsgId()).containsAll(Set.of("Pub", "SubBefore", "SubAfter")));
            } finally {
                consumer.shutdown();
            }
        } finally {
            producer.shutdown();
        }
    }

    /** The kinds of trace records about a message. */
    private static Set<String> traceOf(Stage stage, String id) {
        Set<String> kinds = new HashSet<>();
        try {
            for (MessageExt message : stage.admin().queryMessage("RMQ_SYS_TRACE_TOPIC", id, 64, 0, Long.MAX_VALUE).getMessageList()) {
                for (String record : Stage.text(message).split("\u0002")) {
                    kinds.add(record.split("\u0001")[0]);
                }
            }
        } catch (Exception notYet) {
            return kinds;
        }
        return kinds;
    }

    private static void namespaces(Stage stage) throws Exception {
        String topic = stage.name("spaced");
        String group = stage.name("CG");
        for (String space : List.of("NSa", "NSb")) {
            stage.admin().createAndUpdateTopicConfig(stage.cluster.broker(), new TopicConfig(space + "%" + topic, 1, 1, 6));
            stage.awaitRoute(space + "%" + topic, 1);
            DefaultMQProducer producer = new DefaultMQProducer(space, stage.name("PG"));
            producer.setNamesrvAddr(stage.cluster.namesrv());
            producer.setInstanceName(stage.name(space));
            producer.start();
            producer.send(new Message(topic, Stage.bytes("of " + space)));
            producer.shutdown();
        }
        for (String space : List.of("NSa", "NSb")) {
            DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(space, group);
            consumer.setNamesrvAddr(stage.cluster.namesrv());
            consumer.setInstanceName(stage.name(space));
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.subscribe(topic, "*");
            Queue<String> got = PushBehaviours.collect(consumer);
            try {
                PushBehaviours.getsExactly("the consumer of " + space, List.of("of " + space), got);
                stage.awaitRoute("%RETRY%" + space + "%" + group, 1);
            } finally {
                consumer.shutdown();
            }
        }
    }

    private static void unitMode(Stage stage) throws Exception {
        String topic = stage.name("unit");
        DefaultMQProducer producer = stage.newProducer(stage.name("PG_unit"));
        producer.setUnitMode(true);
        producer.start();
        producer.send(new Message(topic, Stage.bytes("unit")));
        Failed.unlessSoon("a route of " + topic, PushBehaviours.SOON, () -> flagOf(stage, topic) == 1);
        String group = stage.name("CG_unit");
        DefaultMQPushConsumer consumer = stage.pushConsumer(group, topic, "*");
        consumer.setUnitMode(true);
        PushBehaviours.getsExactly("the consumer", List.of("unit"), PushBehaviours.collect(consumer));
        Failed.unlessSoon("a marked retry topic", PushBehaviours.SOON, () -> flagOf(stage, "%RETRY%" + group) == 2);
    }

    /** The topicSysFlag that clients are told, -1 while there is no route. */
    private static int flagOf(Stage stage, String topic) {
        try {
            return stage.admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getTopicSysFlag();
        } catch (Exception notYet) {
            return -1;
        }
    }

    private static void offsetMoved(Stage stage) throws Exception {
        String topic = stage.topic("moved", 1);
        stage.fill(topic, "m", 3);
        stage.settle(topic, 3);
        MessageQueue queue = stage.queues(topic).iterator().next();
        PullResult pulled = stage.reader().pull(queue, "*", 1000, 32, 10_000);
        Failed.unlessEqual("status", PullStatus.OFFSET_ILLEGAL, pulled.getPullStatus());
        Failed.unlessEqual("next offset", 3L, pulled.getNextBeginOffset());
        String group = stage.reader().getConsumerGroup();
        String[] event = new String[1];
        Failed.unlessSoon("an event of " + group, 20, () -> {
            try {
                event[0] = Stage.text(stage.admin().queryMessage("OFFSET_MOVED_EVENT", group, 32, 0, Long.MAX_VALUE).getMessageList().get(0));
                return true;
            } catch (Exception notYet) {
                return false;
            }
        });
        Failed.unless(event[0].contains("\"offsetNew\":3,\"offsetRequest\":1000"), "the event is " + event[0]);
    }
}
