package ringmq.compat;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** How the consumers of a group share queues as they come and go. */
final class SharingBehaviours {
    /** Well below the 20 s after which a client looks by itself: the broker has to have told it. */
    private static final int TOLD = 12;

    /** For what waits for the client's own timer. */
    private static final int SOON_AFTER = 25;

    private SharingBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("sharing, orderly: order survives a change of owner", SharingBehaviours::orderlyHandover);
        suite.add("sharing: queues are shared anew on join and leave, nothing is lost", SharingBehaviours::joinAndLeave);
        suite.add("sharing: a consumer that vanishes gives its queues back", SharingBehaviours::vanish);
        suite.add("sharing: lite pull consumers", SharingBehaviours::litePull);
    }

    private static Set<MessageQueue> owned(DefaultMQPushConsumer consumer, String topic) {
        return consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet().stream()
            .filter(queue -> queue.getTopic().equals(topic)).collect(Collectors.toSet());
    }

    /** Waits until each consumer owns as many queues as told, all of them different. */
    private static void shares(String topic, int seconds, List<DefaultMQPushConsumer> consumers, int... sizes) throws Exception {
        Failed.unlessSoon(() -> {
            List<String> owners = new ArrayList<>();
            consumers.forEach(consumer -> owners.add(owned(consumer, topic).stream().map(MessageQueue::getQueueId).sorted().toList().toString()));
            return "queues shared in sizes " + Arrays.toString(sizes) + ", but they are shared as " + owners;
        }, seconds, () -> {
            List<Integer> got = new ArrayList<>();
            Set<MessageQueue> all = ConcurrentHashMap.newKeySet();
            for (DefaultMQPushConsumer consumer : consumers) {
                Set<MessageQueue> queues = owned(consumer, topic);
                got.add(queues.size());
                all.addAll(queues);
            }
            List<Integer> want = Arrays.stream(sizes).boxed().sorted().toList();
            return got.stream().sorted().toList().equals(want) && all.size() == want.stream().mapToInt(Integer::intValue).sum();
        });
    }

    /** Sends a message every few milliseconds until it is told to stop. */
    private static final class Stream implements AutoCloseable {
        final Queue<String> sent = new ConcurrentLinkedQueue<>();
        private final AtomicBoolean stop = new AtomicBoolean();
        private final ConcurrentLinkedQueue<Exception> failures = new ConcurrentLinkedQueue<>();
        private final Thread thread;

        Stream(Stage stage, String topic, int queues) throws Exception {
            stage.producer();
            thread = new Thread(() -> {
                int[] next = new int[queues];
                for (int i = 0; !stop.get(); i++) {
                    int queue = i % queues;
                    String body = queue + ":" + next[queue]++;
                    try {
                        stage.producer().send(new Message(topic, Stage.bytes(body)), (all, message, arg) -> all.get(queue), null);
                        sent.add(body);
                        TimeUnit.MILLISECONDS.sleep(5);
                    } catch (Exception e) {
                        failures.add(e);
                        return;
                    }
                }
            });
            thread.start();
        }

        @Override
        public void close() throws InterruptedException {
            stop.set(true);
            thread.join();
            Failed.unless(failures.isEmpty(), "send failed: " + failures.peek());
        }
    }

    private static void joinAndLeave(Stage stage) throws Exception {
        String topic = stage.topic("join", 8);
        String group = stage.name("CG");
        List<DefaultMQPushConsumer> consumers = new ArrayList<>();
        List<Queue<String>> got = new ArrayList<>();
        Queue<String> sent;
        try (Stream stream = new Stream(stage, topic, 8)) {
            sent = stream.sent;
            int[][] sizes = {{8}, {4, 4}, {3, 3, 2}};
            for (int[] size : sizes) {
                consumers.add(stage.pushConsumer(group, topic, "*"));
                got.add(PushBehaviours.collect(consumers.get(consumers.size() - 1)));
                shares(topic, size.length == 1 ? PushBehaviours.SOON : TOLD, consumers, size);
                flows(got);
            }
            consumers.remove(1).shutdown();
            shares(topic, TOLD, consumers, 4, 4);
            flows(List.of(got.get(0), got.get(2)));
            consumers.remove(0).shutdown();
            shares(topic, TOLD, consumers, 8);
            flows(got.subList(2, 3));
        }
        Failed.unlessSoon("every message sent during the changes has come", SOON_AFTER, () -> {
            Set<String> seen = ConcurrentHashMap.newKeySet();
            got.forEach(seen::addAll);
            return seen.containsAll(sent);
        });
    }

    /** Waits until each consumer gets something more. */
    private static void flows(List<Queue<String>> got) throws Exception {
        for (Queue<String> one : got) {
            int before = one.size();
            Failed.unlessSoon("more messages at each of " + got.size() + " consumers", SOON_AFTER, () -> one.size() > before);
        }
    }

    private static void vanish(Stage stage) throws Exception {
        String topic = stage.topic("vanish", 4);
        String group = stage.name("CG");
        List<DefaultMQPushConsumer> consumers = List.of(
            stage.pushConsumer(group, topic, "*"), stage.pushConsumer(group, topic, "*"));
        Queue<String> first = PushBehaviours.collect(consumers.get(0));
        PushBehaviours.collect(consumers.get(1));
        shares(topic, PushBehaviours.SOON, consumers, 2, 2);
        // Its connections close; it never says goodbye.
        consumers.get(1).getDefaultMQPushConsumerImpl().getmQClientFactory().getMQClientAPIImpl().getRemotingClient().shutdown();
        shares(topic, TOLD, consumers.subList(0, 1), 4);
        List<String> sent = stage.fill(topic, "v", 40);
        PushBehaviours.getsExactly("the consumer that stayed", sent, first);
    }

    private static void litePull(Stage stage) throws Exception {
        String topic = stage.topic("liteShare", 4);
        String group = stage.name("CG");
        List<DefaultLitePullConsumer> consumers = List.of(stage.litePull(group), stage.litePull(group));
        for (DefaultLitePullConsumer consumer : consumers) {
            consumer.subscribe(topic, "*");
            consumer.start();
        }
        Failed.unlessSoon("two queues for each of two lite pull consumers", PushBehaviours.SOON,
            () -> consumers.get(0).assignment().size() == 2 && consumers.get(1).assignment().size() == 2);
        List<String> sent = stage.fill(topic, "l", 40);
        List<String> got = new ArrayList<>();
        Failed.unlessSoon(() -> "40 messages, but there are " + got.size(), PushBehaviours.SOON, () -> {
            for (DefaultLitePullConsumer consumer : consumers) {
                for (MessageExt message : consumer.poll(50)) {
                    got.add(Stage.text(message));
                }
            }
            return got.size() >= sent.size();
        });
        Stage.sameTexts("both consumers together", sent, got);
        consumers.get(0).shutdown();
        Failed.unlessSoon("four queues for the consumer that is left", TOLD, () -> consumers.get(1).assignment().size() == 4);
    }

    /** What orderly listeners of several consumers saw, in the order in which they saw it. */
    private static final class OrderlyLog {
        final Map<Integer, List<Integer>> seen = new ConcurrentHashMap<>();
        final Map<Integer, AtomicInteger> inside = new ConcurrentHashMap<>();
        final Queue<String> overlaps = new ConcurrentLinkedQueue<>();

        Queue<String> listen(DefaultMQPushConsumer consumer, String name) throws Exception {
            Queue<String> own = new ConcurrentLinkedQueue<>();
            consumer.registerMessageListener((MessageListenerOrderly) (messages, context) -> {
                for (MessageExt message : messages) {
                    int queue = message.getQueueId();
                    AtomicInteger here = inside.computeIfAbsent(queue, q -> new AtomicInteger());
                    if (here.incrementAndGet() > 1) {
                        overlaps.add(name + " in queue " + queue);
                    }
                    List<Integer> order = seen.computeIfAbsent(queue, q -> new CopyOnWriteArrayList<>());
                    order.add(Integer.parseInt(Stage.text(message).split(":")[1]));
                    own.add(Stage.text(message));
                    here.decrementAndGet();
                }
                return ConsumeOrderlyStatus.SUCCESS;
            });
            consumer.start();
            return own;
        }

        /** A message may come again after a change of owner, but never before the one in front of it. */
        void check(int queues, int messages) {
            for (int queue = 0; queue < queues; queue++) {
                int next = 0;
                for (int number : seen.getOrDefault(queue, List.of())) {
                    Failed.unless(number <= next, "queue " + queue + ": message " + number + " came before message " + next);
                    next = Math.max(next, number + 1);
                }
                Failed.unless(next >= messages, "queue " + queue + ": " + next + " of " + messages + " messages came");
            }
            Failed.unless(overlaps.isEmpty(), "two owners at once: " + overlaps);
        }
    }

    private static void orderlyHandover(Stage stage) throws Exception {
        int queues = 4;
        String topic = stage.topic("handover", queues);
        String group = stage.name("CG");
        OrderlyLog log = new OrderlyLog();
        List<DefaultMQPushConsumer> consumers = new ArrayList<>();
        Queue<String> sent;
        try (Stream stream = new Stream(stage, topic, queues)) {
            sent = stream.sent;
            consumers.add(stage.pushConsumer(group, topic, "*"));
            Queue<String> first = log.listen(consumers.get(0), "the first");
            Failed.unlessSoon("messages at the first consumer", PushBehaviours.SOON, () -> !first.isEmpty());
            consumers.add(stage.pushConsumer(group, topic, "*"));
            Queue<String> second = log.listen(consumers.get(1), "the second");
            // The new owner asks for the lock when the old one may still hold it, and then again after 20 s.
            shares(topic, 45, consumers, 2, 2);
            Failed.unlessSoon("messages at the second consumer", PushBehaviours.SOON, () -> !second.isEmpty());
            consumers.remove(0).shutdown();
            shares(topic, 45, consumers, 4);
        }
        int total = sent.size();
        int perQueue = total / queues;
        Failed.unlessSoon(() -> perQueue + " messages of each queue, but there are "
            + log.seen.values().stream().map(List::size).toList(), PushBehaviours.SOON,
            () -> log.seen.size() == queues && log.seen.values().stream().allMatch(order -> Set.copyOf(order).size() >= perQueue));
        log.check(queues, perQueue);
    }
}
