package ringmq.compat;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.PullCallback;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What consumers that ask by themselves get: lite pull, and the older pull consumer underneath it. */
final class PullBehaviours {
    private PullBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("lite pull: subscribe", PullBehaviours::subscribe);
        suite.add("lite pull: subscribe with tags", PullBehaviours::subscribeTags);
        suite.add("lite pull: assign and seek", PullBehaviours::assignAndSeek);
        suite.add("lite pull: pause and resume", PullBehaviours::pause);
        suite.add("lite pull: offset of a time, committed offset", PullBehaviours::offsets);
        suite.add("pull: status and next offset at every position", PullBehaviours::positions);
        suite.add("pull: a message ends the wait", PullBehaviours::waits);
        suite.add("pull: count is bounded", PullBehaviours::bounded);
    }

    /** Polls until so many messages have come, and a moment longer: there must be no more. */
    static List<String> poll(DefaultLitePullConsumer consumer, int count) throws Exception {
        List<String> got = new ArrayList<>();
        Failed.unlessSoon(() -> count + " messages, but there are " + got.size(), PushBehaviours.SOON, () -> {
            for (MessageExt message : consumer.poll(100)) {
                got.add(Stage.text(message));
            }
            return got.size() >= count;
        });
        for (MessageExt message : consumer.poll(200)) {
            got.add(Stage.text(message));
        }
        return got;
    }

    private static void subscribe(Stage stage) throws Exception {
        String topic = stage.topic("liteSubscribe", 4);
        List<String> sent = stage.fill(topic, "s", 60);
        DefaultLitePullConsumer consumer = stage.litePull(stage.name("CG"));
        consumer.subscribe(topic, "*");
        consumer.start();
        Stage.sameTexts("the consumer", sent, poll(consumer, 60));
        List<String> more = stage.fill(topic, "more", 20);
        Stage.sameTexts("the consumer", more, poll(consumer, 20));
    }

    private static void subscribeTags(Stage stage) throws Exception {
        String topic = stage.topic("liteTags", 2);
        List<String> wanted = new ArrayList<>();
        for (int i = 0; i < 40; i++) {
            String tag = i % 2 == 0 ? "even" : "odd";
            if (i % 2 == 0) {
                wanted.add(tag + i);
            }
            stage.producer().send(new Message(topic, tag, Stage.bytes(tag + i)));
        }
        DefaultLitePullConsumer consumer = stage.litePull(stage.name("CG"));
        consumer.subscribe(topic, "even");
        consumer.start();
        Stage.sameTexts("the consumer", wanted, poll(consumer, 20));
    }

    private static Set<MessageQueue> sorted(DefaultLitePullConsumer consumer, String topic) throws Exception {
        Set<MessageQueue> queues = new TreeSet<>(Comparator.comparing(MessageQueue::getQueueId));
        for (MessageQueue queue : consumer.fetchMessageQueues(topic)) {
            queues.add(new MessageQueue(queue.getTopic(), queue.getBrokerName(), queue.getQueueId()));
        }
        return queues;
    }

    private static void assignAndSeek(Stage stage) throws Exception {
        String topic = stage.topic("liteAssign", 2);
        List<String> zero = PushBehaviours.fillQueue(stage, topic, 0, "zero", 30);
        PushBehaviours.fillQueue(stage, topic, 1, "one", 30);
        DefaultLitePullConsumer consumer = stage.litePull(stage.name("CG"));
        consumer.setAutoCommit(false);
        consumer.start();
        MessageQueue queue = sorted(consumer, topic).iterator().next();
        Failed.unlessEqual("first queue", 0, queue.getQueueId());
        consumer.assign(List.of(queue));
        consumer.seek(queue, 10);
        Stage.sameTexts("queue 0 from offset 10", zero.subList(10, 30), poll(consumer, 20));
        consumer.seekToBegin(queue);
        Stage.sameTexts("queue 0 from the beginning", zero, poll(consumer, 30));
        consumer.seekToEnd(queue);
        List<String> late = PushBehaviours.fillQueue(stage, topic, 0, "late", 5);
        Stage.sameTexts("queue 0 from the end", late, poll(consumer, 5));
    }

    private static void pause(Stage stage) throws Exception {
        String topic = stage.topic("litePause", 1);
        DefaultLitePullConsumer consumer = stage.litePull(stage.name("CG"));
        consumer.start();
        Set<MessageQueue> queues = sorted(consumer, topic);
        consumer.assign(queues);
        Stage.sameTexts("before the pause", stage.fill(topic, "a", 5), poll(consumer, 5));
        consumer.pause(queues);
        List<String> sent = stage.fill(topic, "b", 5);
        List<String> got = new ArrayList<>();
        // The pull that was under way at the pause still brings its messages, but no other one follows.
        consumer.poll(500).forEach(message -> got.add(Stage.text(message)));
        sent.addAll(stage.fill(topic, "c", 5));
        Failed.unlessEqual("messages during the pause", 0, consumer.poll(500).size());
        consumer.resume(queues);
        got.addAll(poll(consumer, 10 - got.size()));
        Stage.sameTexts("after the pause", sent, got);
    }

    private static void offsets(Stage stage) throws Exception {
        String topic = stage.topic("liteOffsets", 1);
        List<String> sent = stage.fill(topic, "a", 5);
        TimeUnit.MILLISECONDS.sleep(300);
        long middle = System.currentTimeMillis();
        sent.addAll(stage.fill(topic, "b", 5));
        stage.settle(topic, 10);
        DefaultLitePullConsumer consumer = stage.litePull(stage.name("CG"));
        consumer.setAutoCommit(false);
        consumer.start();
        MessageQueue queue = sorted(consumer, topic).iterator().next();
        Failed.unlessEqual("offset of a time", 5L, consumer.offsetForTimestamp(queue, middle));
        consumer.assign(List.of(queue));
        consumer.seekToBegin(queue);
        Stage.sameTexts("the consumer", sent, poll(consumer, 10));
        consumer.commitSync();
        Failed.unlessEqual("committed offset", 10L, consumer.committed(queue));
    }

    private static void positions(Stage stage) throws Exception {
        String topic = stage.topic("positions", 1);
        MessageQueue queue = new MessageQueue(topic, stage.cluster.brokerName(), 0);
        pullAt(stage, queue, "*", 0, PullStatus.NO_NEW_MSG, 0, 0);
        pullAt(stage, queue, "*", 7, PullStatus.OFFSET_ILLEGAL, 0, 0);
        stage.fill(topic, "m", 10);
        stage.settle(topic, 10);
        pullAt(stage, queue, "*", 0, PullStatus.FOUND, 10, 10);
        pullAt(stage, queue, "*", 4, PullStatus.FOUND, 10, 10);
        pullAt(stage, queue, "*", 10, PullStatus.NO_NEW_MSG, 10, 10);
        pullAt(stage, queue, "*", 11, PullStatus.OFFSET_ILLEGAL, 10, 10);
        pullAt(stage, queue, "*", 1L << 40, PullStatus.OFFSET_ILLEGAL, 10, 10);
        pullAt(stage, queue, "other", 2, PullStatus.NO_MATCHED_MSG, 10, 10);
    }

    private static void pullAt(Stage stage, MessageQueue queue, String tags, long offset, PullStatus status, long next, long max)
        throws Exception {
        PullResult got = stage.reader().pull(queue, tags, offset, 32, 10_000);
        Failed.unlessEqual("status at " + offset, status, got.getPullStatus());
        Failed.unlessEqual("next offset at " + offset, next, got.getNextBeginOffset());
        Failed.unlessEqual("minimum offset at " + offset, 0L, got.getMinOffset());
        Failed.unlessEqual("maximum offset at " + offset, max, got.getMaxOffset());
    }

    private static void waits(Stage stage) throws Exception {
        String topic = stage.topic("waits", 1);
        MessageQueue queue = new MessageQueue(topic, stage.cluster.brokerName(), 0);
        CompletableFuture<PullResult> result = new CompletableFuture<>();
        stage.reader().pullBlockIfNotFound(queue, "*", 0, 32, new PullCallback() {
            @Override
            public void onSuccess(PullResult pulled) {
                result.complete(pulled);
            }

            @Override
            public void onException(Throwable e) {
                result.completeExceptionally(e);
            }
        });
        TimeUnit.MILLISECONDS.sleep(500);
        Failed.unless(!result.isDone(), "the pull of an empty queue was answered at once: " + result);
        long start = System.nanoTime();
        stage.fill(topic, "m", 1);
        PullResult pulled = result.get(10, TimeUnit.SECONDS);
        long ms = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - start);
        Failed.unlessEqual("status", PullStatus.FOUND, pulled.getPullStatus());
        Failed.unlessEqual("body", "m0", Stage.text(pulled.getMsgFoundList().get(0)));
        Failed.unless(ms < 2000, "the answer came " + ms + " ms after the message");
    }

    private static void bounded(Stage stage) throws Exception {
        String topic = stage.topic("bounded", 1);
        MessageQueue queue = new MessageQueue(topic, stage.cluster.brokerName(), 0);
        stage.fill(topic, "m", 50);
        stage.settle(topic, 50);
        Failed.unlessEqual("messages of a pull of 7", 7, stage.reader().pull(queue, "*", 0, 7).getMsgFoundList().size());
        PullResult most = stage.reader().pull(queue, "*", 0, 1000);
        Failed.unlessEqual("messages of a pull of 1000", 32, most.getMsgFoundList().size());
        Failed.unlessEqual("next offset", 32L, most.getNextBeginOffset());
    }
}
