package ringmq.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.sysflag.MessageSysFlag;

/**
 * Transactions: what a message's producer decides is what becomes of it, at once or when it is asked. The broker is
 * set up to look for pending ones every second.
 */
final class TransactionBehaviours {
    private TransactionBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("transaction: committed messages arrive, once, whole", TransactionBehaviours::commit);
        suite.add("transaction: nobody sees what is rolled back", TransactionBehaviours::rollback);
        suite.add("transaction: the producer of an undecided message is asked until it knows", TransactionBehaviours::unknown);
        suite.add("transaction: another producer of the group answers for one that is gone", TransactionBehaviours::heir);
        suite.add("transaction: a message has its own time before it is asked for", TransactionBehaviours::immune);
        suite.add("transaction: what nobody decides is set aside, and can be asked for again", TransactionBehaviours::discarded);
    }

    /** Decides by the words that a message begins with, and counts what it is asked. */
    private static final class Decider implements TransactionListener {
        final Map<String, AtomicInteger> asked = new ConcurrentHashMap<>();
        /** What a question is about, the last time. */
        final Map<String, MessageExt> questions = new ConcurrentHashMap<>();

        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object arg) {
            String text = Stage.text(message);
            if (text.startsWith("commit")) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }
            return text.startsWith("rollback") ? LocalTransactionState.ROLLBACK_MESSAGE : LocalTransactionState.UNKNOW;
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            String text = Stage.text(message);
            questions.put(text, message);
            int times = asked.computeIfAbsent(text, t -> new AtomicInteger()).incrementAndGet();
            if (text.startsWith("later rollback")) {
                return LocalTransactionState.ROLLBACK_MESSAGE;
            }
            if (text.startsWith("never")) {
                return LocalTransactionState.UNKNOW;
            }
            return text.startsWith("much later") && times < 2 ? LocalTransactionState.UNKNOW : LocalTransactionState.COMMIT_MESSAGE;
        }
    }

    private static TransactionMQProducer producer(Stage stage, String group, TransactionListener listener) throws Exception {
        TransactionMQProducer made = stage.newTransactionProducer(group);
        made.setTransactionListener(listener);
        made.start();
        return made;
    }

    private static void send(TransactionMQProducer producer, String topic, String text, LocalTransactionState decides) throws Exception {
        Message message = new Message(topic, "TagA", "key", Stage.bytes(text));
        TransactionSendResult receipt = producer.sendMessageInTransaction(message, null);
        Failed.unlessEqual("status", SendStatus.SEND_OK, receipt.getSendStatus());
        Failed.unlessEqual("decision", decides, receipt.getLocalTransactionState());
        Failed.unlessEqual("unique key in the receipt", message.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
            receipt.getMsgId());
    }

    private static void commit(Stage stage) throws Exception {
        String topic = stage.topic("commit", 4);
        TransactionMQProducer producer = producer(stage, stage.name("PG"), new Decider());
        Queue<String> got = PushBehaviours.collect(stage.pushConsumer(stage.name("CG"), topic, "TagA"));
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            send(producer, topic, "commit" + i, LocalTransactionState.COMMIT_MESSAGE);
            sent.add("commit" + i);
        }
        PushBehaviours.getsExactly("the consumer", sent, got);
        for (MessageExt stored : stage.readAll(topic, 40)) {
            Failed.unlessEqual("kind in the system flag", MessageSysFlag.TRANSACTION_COMMIT_TYPE,
                MessageSysFlag.getTransactionValue(stored.getSysFlag()));
            Failed.unlessEqual("group", producer.getProducerGroup(), stored.getProperty(MessageConst.PROPERTY_PRODUCER_GROUP));
            Failed.unlessEqual("real topic", topic, stored.getProperty(MessageConst.PROPERTY_REAL_TOPIC));
            Failed.unlessEqual("real queue", "" + stored.getQueueId(), stored.getProperty(MessageConst.PROPERTY_REAL_QUEUE_ID));
            Failed.unlessEqual("keys", "key", stored.getKeys());
        }
    }

    private static void rollback(Stage stage) throws Exception {
        String topic = stage.topic("rollback", 1);
        Decider decider = new Decider();
        TransactionMQProducer producer = producer(stage, stage.name("PG"), decider);
        for (int i = 0; i < 10; i++) {
            send(producer, topic, "rollback" + i, LocalTransactionState.ROLLBACK_MESSAGE);
        }
        send(producer, topic, "later commit", LocalTransactionState.UNKNOW); // asked for: the checker has passed the others
        Failed.unlessSoon("a question", PushBehaviours.SOON, () -> decider.asked.containsKey("later commit"));
        SendResult end = stage.producer().send(new Message(topic, Stage.bytes("end")));
        Failed.unlessEqual("status", SendStatus.SEND_OK, end.getSendStatus());
        Failed.unlessEqual("questions", List.of("later commit"), new ArrayList<>(decider.asked.keySet()));
        List<String> texts = new ArrayList<>();
        stage.readAll(topic, 2).forEach(message -> texts.add(Stage.text(message)));
        Stage.sameTexts("the topic", List.of("later commit", "end"), texts);
    }

    private static void unknown(Stage stage) throws Exception {
        String topic = stage.topic("unknown", 4);
        Decider decider = new Decider();
        TransactionMQProducer producer = producer(stage, stage.name("PG"), decider);
        Queue<String> got = PushBehaviours.collect(stage.pushConsumer(stage.name("CG"), topic, "*"));
        for (String text : List.of("later commit", "much later commit", "later rollback")) {
            send(producer, topic, text, LocalTransactionState.UNKNOW);
        }
        PushBehaviours.getsExactly("the consumer", List.of("later commit", "much later commit"), got);
        Failed.unlessSoon("a question for the message to roll back", PushBehaviours.SOON, () -> decider.asked.containsKey("later rollback"));
        Failed.unlessEqual("questions for the one decided late", 2, decider.asked.get("much later commit").get());
        MessageExt question = decider.questions.get("much later commit");
        Failed.unlessEqual("topic of a question", topic, question.getTopic());
        Failed.unlessEqual("tags of a question", "TagA", question.getTags());
        Failed.unlessEqual("count in the question", "2", question.getProperty(MessageConst.PROPERTY_TRANSACTION_CHECK_TIMES));
    }

    private static void heir(Stage stage) throws Exception {
        String topic = stage.topic("heir", 1);
        String group = stage.name("PG");
        TransactionMQProducer gone = producer(stage, group, new Decider());
        send(gone, topic, "later commit", LocalTransactionState.UNKNOW);
        gone.shutdown();
        Decider decider = new Decider();
        producer(stage, group, decider);
        Queue<String> got = PushBehaviours.collect(stage.pushConsumer(stage.name("CG"), topic, "*"));
        PushBehaviours.getsExactly("the consumer", List.of("later commit"), got);
    }

    private static void immune(Stage stage) throws Exception {
        String topic = stage.topic("immune", 1);
        Decider decider = new Decider();
        TransactionMQProducer producer = producer(stage, stage.name("PG"), decider);
        Message message = new Message(topic, Stage.bytes("later commit, immune"));
        message.putUserProperty("CHECK_IMMUNITY_TIME_IN_SECONDS", "6");
        long begin = System.nanoTime();
        producer.sendMessageInTransaction(message, null);
        send(producer, topic, "later commit", LocalTransactionState.UNKNOW);
        Failed.unlessSoon("a question for each", PushBehaviours.SOON, () -> decider.asked.keySet().containsAll(List.of("later commit", "later commit, immune")));
        long took = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - begin);
        Failed.unless(took >= 6000, "it was asked for after " + took + " ms");
        PushBehaviours.getsExactly("the consumer", List.of("later commit, immune", "later commit"),
            PushBehaviours.collect(stage.pushConsumer(stage.name("CG"), topic, "*")));
    }

    private static final String DISCARDED = "TRANS_CHECK_MAX_TIME_TOPIC";

    /** A message is set aside after ten questions, put back by the tool's request, and set aside again. */
    private static void discarded(Stage stage) throws Exception {
        String topic = stage.topic("discarded", 1);
        Decider decider = new Decider();
        TransactionMQProducer producer = producer(stage, stage.name("PG"), decider);
        send(producer, topic, "never decided " + topic, LocalTransactionState.UNKNOW);
        MessageExt first = aside(stage, topic, -1);
        int asked = decider.asked.get("never decided " + topic).get();
        Failed.unless(asked >= 2, "it was asked for " + asked + " times");
        stage.admin().resumeCheckHalfMessage(((MessageClientExt) first).getOffsetMsgId());
        aside(stage, topic, first.getQueueOffset());
        int again = decider.asked.get("never decided " + topic).get();
        Failed.unless(again > asked, "it was not asked for again: " + again + " questions");
    }

    private static MessageExt aside(Stage stage, String topic, long after) throws Exception {
        MessageExt[] found = new MessageExt[1];
        MessageQueue queue =
            new MessageQueue(DISCARDED, stage.cluster.brokerName(), 0);
        Failed.unlessSoon("a message of " + topic + " in " + DISCARDED, 60, () -> {
            TimeUnit.MILLISECONDS.sleep(200);
            for (long at = 0; ; ) {
                PullResult pulled;
                try {
                    pulled = stage.reader().pull(queue, "*", at, 32, 10_000);
                } catch (Exception noTopicYet) {
                    return false;
                }
                if (pulled.getPullStatus() != PullStatus.FOUND) {
                    return found[0] != null;
                }
                for (MessageExt message : pulled.getMsgFoundList()) {
                    if (Stage.text(message).equals("never decided " + topic) && message.getQueueOffset() > after) {
                        found[0] = message;
                    }
                }
                at = pulled.getNextBeginOffset();
            }
        });
        return found[0];
    }
}
