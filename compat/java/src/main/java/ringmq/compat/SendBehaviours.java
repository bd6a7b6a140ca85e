package ringmq.compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageId;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.ResponseCode;
import org.apache.rocketmq.common.sysflag.MessageSysFlag;

/** What a broker answers to producers, and what it then has stored. */
final class SendBehaviours {
    private SendBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("send, sync: receipt and stored message agree", SendBehaviours::sync);
        suite.add("send, sync: offsets of a queue count up", SendBehaviours::offsets);
        suite.add("send, async: every callback, every message once", SendBehaviours::async);
        suite.add("send, oneway: arrives", SendBehaviours::oneway);
        suite.add("send, batch: ids, offsets, properties", SendBehaviours::batch);
        suite.add("send, batch, async", SendBehaviours::batchAsync);
        suite.add("send to a chosen queue", SendBehaviours::chosenQueue);
        suite.add("send with a queue selector", SendBehaviours::selector);
        suite.add("send without waiting for the disk", SendBehaviours::noWait);
        suite.add("send over the VIP port", SendBehaviours::vip);
        suite.add("body of 1 MiB", stage -> body(stage, 1 << 20));
        suite.add("body of 4 MiB, the limit", stage -> body(stage, 4 << 20));
        suite.add("body above the limit is refused with code 13", SendBehaviours::tooLarge);
        suite.add("empty property values and long properties", SendBehaviours::properties);
        suite.add("compressed body", SendBehaviours::compressed);
        suite.add("unicode in body, tags, keys and properties", SendBehaviours::unicode);
        suite.add("unknown topic is created from TBW102", SendBehaviours::autoCreate);
        suite.add("16 producers at once: nothing lost, nothing twice", SendBehaviours::manyProducers);
    }

    private static void sync(Stage stage) throws Exception {
        String topic = stage.topic("sync", 4);
        long before = System.currentTimeMillis();
        Message message = new Message(topic, "TagA", "key1 key2", 7, Stage.bytes("hello"), true);
        message.putUserProperty("color", "blue");
        SendResult receipt = stage.producer().send(message);

        Failed.unlessEqual("status", SendStatus.SEND_OK, receipt.getSendStatus());
        Failed.unlessEqual("unique key in the receipt", message.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
            receipt.getMsgId());
        Failed.unlessEqual("region", "DefaultRegion", receipt.getRegionId());
        MessageId id = MessageDecoder.decodeMessageId(receipt.getOffsetMsgId());
        Failed.unlessEqual("broker in the offset id", "/" + stage.cluster.broker(), id.getAddress().toString());

        MessageExt stored = stage.readOne(topic);
        Failed.unlessEqual("body", "hello", Stage.text(stored));
        Failed.unlessEqual("tags", "TagA", stored.getTags());
        Failed.unlessEqual("keys", "key1 key2", stored.getKeys());
        Failed.unlessEqual("user property", "blue", stored.getUserProperty("color"));
        Failed.unlessEqual("cluster property", stage.cluster.name(), stored.getProperty(MessageConst.PROPERTY_CLUSTER));
        Failed.unlessEqual("WAIT property", null, stored.getProperties().get(MessageConst.PROPERTY_WAIT_STORE_MSG_OK));
        Failed.unlessEqual("flag", 7, stored.getFlag());
        Failed.unlessEqual("queue", receipt.getMessageQueue().getQueueId(), stored.getQueueId());
        Failed.unlessEqual("queue offset", receipt.getQueueOffset(), stored.getQueueOffset());
        Failed.unlessEqual("commit log offset", id.getOffset(), stored.getCommitLogOffset());
        Failed.unlessEqual("store host", "/" + stage.cluster.broker(), stored.getStoreHost().toString());
        Failed.unlessEqual("reconsume times", 0, stored.getReconsumeTimes());
        Failed.unless(stored.getBornHostString().equals("127.0.0.1"), "born host is " + stored.getBornHost());
        Failed.unless(stored.getBornTimestamp() >= before && stored.getStoreTimestamp() >= before - 1,
            "born at " + stored.getBornTimestamp() + ", stored at " + stored.getStoreTimestamp() + ", sent after " + before);
    }

    private static void offsets(Stage stage) throws Exception {
        String topic = stage.topic("offsets", 2);
        long[] next = new long[2];
        for (int i = 0; i < 40; i++) {
            SendResult receipt = stage.producer().send(new Message(topic, Stage.bytes("m" + i)));
            int queue = receipt.getMessageQueue().getQueueId();
            Failed.unlessEqual("offset in queue " + queue, next[queue]++, receipt.getQueueOffset());
        }
        stage.readAll(topic, 40);
    }

    /** Counts callbacks and keeps what went wrong. */
    private static final class Callbacks implements SendCallback {
        final CountDownLatch open;
        final ConcurrentLinkedQueue<String> ids = new ConcurrentLinkedQueue<>();
        final ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();

        Callbacks(int expected) {
            open = new CountDownLatch(expected);
        }

        @Override
        public void onSuccess(SendResult receipt) {
            if (receipt.getSendStatus() != SendStatus.SEND_OK) {
                failures.add(receipt.toString());
            }
            ids.addAll(Arrays.asList(receipt.getOffsetMsgId().split(",")));
            open.countDown();
        }

        @Override
        public void onException(Throwable e) {
            failures.add(e.toString());
            open.countDown();
        }

        void await() throws InterruptedException {
            Failed.unless(open.await(20, TimeUnit.SECONDS), open.getCount() + " callbacks missing after 20 s");
            Failed.unless(failures.isEmpty(), failures.size() + " sends failed, first: " + failures.peek());
        }
    }

    private static void async(Stage stage) throws Exception {
        String topic = stage.topic("async", 4);
        List<String> sent = new ArrayList<>();
        Callbacks callbacks = new Callbacks(500);
        for (int i = 0; i < 500; i++) {
            sent.add("a" + i);
            stage.producer().send(new Message(topic, Stage.bytes("a" + i)), callbacks);
        }
        callbacks.await();
        List<MessageExt> stored = stage.readAll(topic, 500);
        Stage.sameTexts("messages stored", sent, stored.stream().map(Stage::text).toList());
        // getMsgId of a MessageExt prefers the unique key; the offset id is this one.
        List<String> ids = stored.stream().map(m -> MessageDecoder.createMessageId(m.getStoreHost(), m.getCommitLogOffset())).toList();
        Stage.sameTexts("offset ids", callbacks.ids, ids);
    }

    private static void oneway(Stage stage) throws Exception {
        String topic = stage.topic("oneway", 4);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
            sent.add("o" + i);
            stage.producer().sendOneway(new Message(topic, Stage.bytes("o" + i)));
        }
        Stage.sameTexts("messages stored", sent, stage.bodies(topic, 100));
    }

    private static List<Message> batchOf(String topic, int count) {
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            Message message = new Message(topic, "Tag" + i % 3, "key" + i, Stage.bytes("b" + i));
            message.putUserProperty("index", String.valueOf(i));
            batch.add(message);
        }
        return batch;
    }

    private static void checkBatch(Stage stage, MessageQueue queue, SendResult receipt, List<Message> batch, long first)
        throws Exception {
        Failed.unlessEqual("status", SendStatus.SEND_OK, receipt.getSendStatus());
        Failed.unlessEqual("queue", queue, receipt.getMessageQueue());
        Failed.unlessEqual("offset of the first message", first, receipt.getQueueOffset());
        String[] ids = receipt.getOffsetMsgId().split(",");
        Failed.unlessEqual("offset ids in the receipt", batch.size(), ids.length);
        List<MessageExt> stored = stage.read(queue.getTopic(), (int) first + batch.size()).get(queue.getQueueId());
        for (int i = 0; i < batch.size(); i++) {
            Message sent = batch.get(i);
            MessageExt message = stored.get((int) first + i);
            Failed.unlessEqual("body of message " + i, Stage.text(sent), Stage.text(message));
            Failed.unlessEqual("tags of message " + i, sent.getTags(), message.getTags());
            Failed.unlessEqual("keys of message " + i, sent.getKeys(), message.getKeys());
            Failed.unlessEqual("property of message " + i, String.valueOf(i), message.getUserProperty("index"));
            Failed.unlessEqual("unique key of message " + i, sent.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX),
                message.getMsgId());
            Failed.unlessEqual("offset id of message " + i, ids[i],
                MessageDecoder.createMessageId(message.getStoreHost(), message.getCommitLogOffset()));
        }
    }

    private static void batch(Stage stage) throws Exception {
        String topic = stage.topic("batch", 2);
        MessageQueue queue = new MessageQueue(topic, stage.cluster.brokerName(), 1);
        List<Message> batch = batchOf(topic, 20);
        checkBatch(stage, queue, stage.producer().send(batch, queue), batch, 0);
        List<Message> one = batchOf(topic, 1);
        checkBatch(stage, queue, stage.producer().send(one, queue), one, 20);
        List<Message> more = batchOf(topic, 300);
        checkBatch(stage, queue, stage.producer().send(more, queue), more, 21);
    }

    private static void batchAsync(Stage stage) throws Exception {
        String topic = stage.topic("batchAsync", 1);
        Callbacks callbacks = new Callbacks(10);
        List<String> sent = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            List<Message> batch = batchOf(topic, 10);
            batch.forEach(message -> sent.add(Stage.text(message)));
            stage.producer().send(batch, callbacks);
        }
        callbacks.await();
        Failed.unlessEqual("distinct ids", 100, new HashSet<>(callbacks.ids).size());
        Stage.sameTexts("messages stored", sent, stage.bodies(topic, 100));
    }

    private static void chosenQueue(Stage stage) throws Exception {
        String topic = stage.topic("chosen", 4);
        for (MessageQueue queue : stage.producer().fetchPublishMessageQueues(topic)) {
            SendResult receipt = stage.producer().send(new Message(topic, Stage.bytes("to" + queue.getQueueId())), queue);
            Failed.unlessEqual("queue", queue, receipt.getMessageQueue());
        }
        stage.read(topic, 4).forEach((queue, messages) -> {
            Failed.unlessEqual("messages of queue " + queue, 1, messages.size());
            Failed.unlessEqual("body in queue " + queue, "to" + queue, Stage.text(messages.get(0)));
        });
    }

    private static void selector(Stage stage) throws Exception {
        String topic = stage.topic("selector", 4);
        for (int i = 0; i < 40; i++) {
            stage.producer().send(new Message(topic, Stage.bytes(String.valueOf(i))),
                (queues, message, arg) -> queues.get((Integer) arg % queues.size()), i);
        }
        stage.read(topic, 40).forEach((queue, messages) -> {
            List<Integer> got = messages.stream().map(m -> Integer.parseInt(Stage.text(m))).toList();
            List<Integer> want = new ArrayList<>();
            for (int i = queue; i < 40; i += 4) {
                want.add(i);
            }
            Failed.unlessEqual("numbers in queue " + queue, want, got);
        });
    }

    private static void noWait(Stage stage) throws Exception {
        String topic = stage.topic("noWait", 1);
        Message message = new Message(topic, "t", Stage.bytes("no wait"));
        message.setWaitStoreMsgOK(false);
        Failed.unlessEqual("status", SendStatus.SEND_OK, stage.producer().send(message).getSendStatus());
        Failed.unlessEqual("body", "no wait", Stage.text(stage.readOne(topic)));
    }

    private static void vip(Stage stage) throws Exception {
        String topic = stage.topic("vip", 1);
        DefaultMQProducer producer = stage.newProducer(stage.name("PG_vip"));
        producer.setVipChannelEnabled(true);
        producer.start();
        Failed.unlessEqual("status", SendStatus.SEND_OK, producer.send(new Message(topic, Stage.bytes("vip"))).getSendStatus());
        Failed.unlessEqual("body", "vip", Stage.text(stage.readOne(topic)));
    }

    private static byte[] noise(int size) {
        byte[] body = new byte[size];
        new Random(size).nextBytes(body);
        return body;
    }

    private static void body(Stage stage, int size) throws Exception {
        String topic = stage.topic("body", 1);
        stage.producer().setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        byte[] body = noise(size);
        stage.producer().send(new Message(topic, body));
        Failed.unless(Arrays.equals(body, stage.readOne(topic).getBody()), "the body of " + size + " bytes came back changed");
    }

    private static void tooLarge(Stage stage) throws Exception {
        String topic = stage.topic("tooLarge", 1);
        stage.producer().setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        stage.producer().setMaxMessageSize(8 << 20);
        try {
            SendResult receipt = stage.producer().send(new Message(topic, noise((4 << 20) + 1)));
            throw new Failed("accepted: " + receipt);
        } catch (MQBrokerException refused) {
            Failed.unlessEqual("code", ResponseCode.MESSAGE_ILLEGAL, refused.getResponseCode());
        }
        stage.producer().send(new Message(topic, Stage.bytes("after it")));
        Failed.unlessEqual("body", "after it", Stage.text(stage.readOne(topic)));
    }

    private static void properties(Stage stage) throws Exception {
        String topic = stage.topic("properties", 1);
        Message message = new Message(topic, "t", Stage.bytes("p"));
        for (int i = 0; i < 300; i++) {
            message.putUserProperty("name" + i, "v".repeat(i % 100 + 1));
        }
        stage.producer().send(message);
        MessageExt stored = stage.readOne(topic);
        for (int i = 0; i < 300; i++) {
            Failed.unlessEqual("property " + i, "v".repeat(i % 100 + 1), stored.getUserProperty("name" + i));
        }
    }

    private static void compressed(Stage stage) throws Exception {
        String topic = stage.topic("compressed", 1);
        byte[] body = Stage.bytes("all work and no play ".repeat(5000));
        stage.producer().send(new Message(topic, body));
        MessageExt stored = stage.readOne(topic);
        Failed.unless(Arrays.equals(body, stored.getBody()), "the body came back changed");
        Failed.unless((stored.getSysFlag() & MessageSysFlag.COMPRESSED_FLAG) != 0, "sysFlag is " + stored.getSysFlag());
        Failed.unless(stored.getStoreSize() < body.length / 10, "stored in " + stored.getStoreSize() + " bytes");
    }

    private static void unicode(Stage stage) throws Exception {
        String topic = stage.topic("unicode", 1);
        String text = "grüße, 你好, привет, 😀";
        Message message = new Message(topic, "标签", "ключ", Stage.bytes(text));
        message.putUserProperty("имя", text);
        stage.producer().send(message);
        MessageExt stored = stage.readOne(topic);
        Failed.unlessEqual("body", text, Stage.text(stored));
        Failed.unlessEqual("tags", "标签", stored.getTags());
        Failed.unlessEqual("keys", "ключ", stored.getKeys());
        Failed.unlessEqual("property", text, stored.getUserProperty("имя"));
    }

    private static void autoCreate(Stage stage) throws Exception {
        String topic = stage.name("autoCreate");
        stage.producer().send(new Message(topic, Stage.bytes("first")));
        stage.awaitRoute(topic, 4); // the client's defaultTopicQueueNums
        Failed.unlessEqual("permission", 6, stage.admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getPerm());
        Failed.unlessEqual("body", "first", Stage.text(stage.readOne(topic)));
    }

    private static void manyProducers(Stage stage) throws Exception {
        String topic = stage.topic("many", 3);
        DefaultMQProducer producer = stage.producer();
        Set<String> sent = ConcurrentHashMap.newKeySet();
        ConcurrentLinkedQueue<String> failures = new ConcurrentLinkedQueue<>();
        List<Thread> threads = new ArrayList<>();
        for (int t = 0; t < 16; t++) {
            String name = "t" + t + "-";
            threads.add(new Thread(() -> {
                try {
                    for (int i = 0; i < 50; i++) {
                        sent.add(name + i);
                        producer.send(new Message(topic, Stage.bytes(name + i)));
                    }
                } catch (Exception e) {
                    failures.add(e.toString());
                }
            }));
        }
        threads.forEach(Thread::start);
        for (Thread thread : threads) {
            thread.join();
        }
        Failed.unless(failures.isEmpty(), "send failed: " + failures.peek());
        Stage.sameTexts("messages stored", sent, stage.bodies(topic, 800));
    }
}
