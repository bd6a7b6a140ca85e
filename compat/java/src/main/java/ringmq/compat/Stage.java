package ringmq.compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.route.QueueData;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** What one behaviour works with: clients of its own, which end with it, and names that nobody else has. */
final class Stage implements AutoCloseable {
    private interface Shutdown {
        void run() throws Exception;
    }

    private static final AtomicInteger COUNT = new AtomicInteger();

    final Cluster cluster;
    private final int number = COUNT.incrementAndGet();
    private final Deque<Shutdown> opened = new ArrayDeque<>();
    private DefaultMQProducer producer;
    private DefaultMQAdminExt admin;
    private DefaultMQPullConsumer reader;

    Stage(Cluster cluster) {
        this.cluster = cluster;
    }

    @Override
    public void close() throws Exception {
        while (!opened.isEmpty()) {
            opened.pop().run();
        }
    }

    /** A name for a topic or group of this behaviour. */
    String name(String what) {
        return what + "_" + cluster.run() + "_" + number;
    }

    /** Creates a topic and waits until clients can find it. */
    String topic(String what, int queues) throws Exception {
        String topic = name(what);
        admin().createAndUpdateTopicConfig(cluster.broker(), new TopicConfig(topic, queues, queues, 6));
        awaitRoute(topic, queues);
        return topic;
    }

    void awaitRoute(String topic, int queues) throws Exception {
        Failed.unlessSoon("a route of " + topic + " with " + queues + " queues", PushBehaviours.SOON, () -> {
            try {
                QueueData data = admin().examineTopicRouteInfo(topic).getQueueDatas().get(0);
                return data.getReadQueueNums() == queues && data.getWriteQueueNums() == queues;
            } catch (MQClientException unknownYet) {
                return false;
            }
        });
    }

    DefaultMQAdminExt admin() throws MQClientException {
        if (admin == null) {
            admin = new DefaultMQAdminExt(10_000);
            admin.setNamesrvAddr(cluster.namesrv());
            admin.setInstanceName(name("admin"));
            admin.start();
            opened.push(admin::shutdown);
        }
        return admin;
    }

    /** The producer of this behaviour, with the defaults of the client. */
    DefaultMQProducer producer() throws MQClientException {
        if (producer == null) {
            producer = newProducer(name("PG"));
            producer.start();
        }
        return producer;
    }

    /** A producer that is to be set up and started. */
    DefaultMQProducer newProducer(String group) {
        DefaultMQProducer made = new DefaultMQProducer(group);
        made.setNamesrvAddr(cluster.namesrv());
        made.setInstanceName(name("producer") + opened.size());
        made.setSendMsgTimeout(10_000); // the machine is busy with the other behaviours
        opened.push(made::shutdown);
        return made;
    }

    /** A producer of transactions that is to be given a listener and started. */
    TransactionMQProducer newTransactionProducer(String group) {
        TransactionMQProducer made = new TransactionMQProducer(group);
        made.setNamesrvAddr(cluster.namesrv());
        made.setInstanceName(name("transactions") + opened.size());
        made.setSendMsgTimeout(10_000);
        opened.push(made::shutdown);
        return made;
    }

    /** A push consumer from the first offset that is to be given a listener and started. */
    DefaultMQPushConsumer pushConsumer(String group, String topic, String tags) throws MQClientException {
        DefaultMQPushConsumer made = new DefaultMQPushConsumer(group);
        made.setNamesrvAddr(cluster.namesrv());
        made.setInstanceName(name("push") + opened.size());
        made.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        made.setConsumeThreadMin(4);
        made.setConsumeThreadMax(4);
        made.setAwaitTerminationMillisWhenShutdown(5000);
        made.subscribe(topic, tags);
        opened.push(made::shutdown);
        return made;
    }

    /** A lite pull consumer that is to be given queues or a subscription, and started. */
    DefaultLitePullConsumer litePull(String group) {
        DefaultLitePullConsumer made = new DefaultLitePullConsumer(group);
        made.setNamesrvAddr(cluster.namesrv());
        made.setInstanceName(name("lite") + opened.size());
        made.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        made.setPullThreadNums(4);
        opened.push(made::shutdown);
        return made;
    }

    DefaultMQPullConsumer reader() throws MQClientException {
        if (reader == null) {
            reader = new DefaultMQPullConsumer(name("CG_reader"));
            reader.setNamesrvAddr(cluster.namesrv());
            reader.setInstanceName(name("reader"));
            reader.start();
            opened.push(reader::shutdown);
        }
        return reader;
    }

    Set<MessageQueue> queues(String topic) throws MQClientException {
        return reader().fetchSubscribeMessageQueues(topic);
    }

    /**
     * Waits until so many messages of a topic can be pulled. The Java broker acknowledges a message before
     * it has entered it into its consume queue, so what reads must not hurry.
     */
    void settle(String topic, int count) throws Exception {
        Failed.unlessSoon(() -> count + " messages of " + topic + ", but there are " + stored(topic), 10, () -> stored(topic) >= count);
    }

    private long stored(String topic) throws MQClientException {
        long sum = 0;
        for (MessageQueue queue : queues(topic)) {
            sum += reader().maxOffset(queue);
        }
        return sum;
    }

    /** The messages of a topic, so many, by queue, in order; each queue is checked to be without gap. */
    Map<Integer, List<MessageExt>> read(String topic, int count) throws Exception {
        settle(topic, count);
        Map<Integer, List<MessageExt>> out = new TreeMap<>();
        int found = 0;
        for (MessageQueue queue : queues(topic)) {
            List<MessageExt> messages = read(queue);
            out.put(queue.getQueueId(), messages);
            found += messages.size();
        }
        Failed.unlessEqual("number of messages of " + topic, count, found);
        return out;
    }

    private List<MessageExt> read(MessageQueue queue) throws Exception {
        List<MessageExt> out = new ArrayList<>();
        long next = reader().minOffset(queue);
        long max = reader().maxOffset(queue);
        while (next < max) {
            PullResult pulled = reader().pull(queue, "*", next, 32, 10_000);
            Failed.unless(pulled.getPullStatus() == PullStatus.FOUND, queue + " at " + next + " of " + max + ": " + pulled);
            for (MessageExt message : pulled.getMsgFoundList()) {
                Failed.unlessEqual("offset in " + queue, next, message.getQueueOffset());
                out.add(message);
                next++;
            }
            Failed.unlessEqual("next offset of " + queue, next, pulled.getNextBeginOffset());
        }
        return out;
    }

    /** The messages of a topic, so many, in one list, each queue's in order. */
    List<MessageExt> readAll(String topic, int count) throws Exception {
        List<MessageExt> out = new ArrayList<>();
        read(topic, count).values().forEach(out::addAll);
        return out;
    }

    /** The bodies of a topic, so many. */
    List<String> bodies(String topic, int count) throws Exception {
        return readAll(topic, count).stream().map(Stage::text).toList();
    }

    /** The only message of a topic. */
    MessageExt readOne(String topic) throws Exception {
        return readAll(topic, 1).get(0);
    }

    /** Sends messages with the bodies {@code prefix0 …}, round over the queues. */
    List<String> fill(String topic, String prefix, int count) throws Exception {
        List<String> bodies = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            bodies.add(prefix + i);
            producer().send(new Message(topic, "fill", bytes(prefix + i)));
        }
        return bodies;
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(Message message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    /** How often each text occurs. */
    static Map<String, Integer> count(Iterable<String> texts) {
        Map<String, Integer> out = new HashMap<>();
        texts.forEach(text -> out.merge(text, 1, Integer::sum));
        return out;
    }

    /** Checks that two collections hold the same texts equally often, and says what the difference is. */
    static void sameTexts(String what, Iterable<String> want, Iterable<String> got) {
        Map<String, Integer> difference = count(want);
        count(got).forEach((text, times) -> difference.merge(text, -times, Integer::sum));
        difference.values().removeIf(times -> times == 0);
        if (!difference.isEmpty()) {
            String some = difference.toString();
            throw new Failed(what + ", missing (+) or too many (-): "
                + (some.length() < 300 ? some : some.substring(0, 300) + " …, " + difference.size() + " texts"));
        }
    }
}
