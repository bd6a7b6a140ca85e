import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.rocketmq.client.consumer.*;
import org.apache.rocketmq.client.consumer.listener.*;
import org.apache.rocketmq.client.producer.*;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.*;

/**
 * Uses every feature of the stock client once, for record_test.go, which listens between it and the servers.
 * The argument is the name server's address. It prints "done" and stays until its standard input ends.
 */
public class Client {
    static final String TOPIC = "TopicTest";

    public static void main(String[] args) throws Exception {
        DefaultMQPushConsumer push = new DefaultMQPushConsumer("push_group");
        push.setNamesrvAddr(args[0]);
        push.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        push.subscribe(TOPIC, "TagA || TagB");
        push.setMaxReconsumeTimes(3);
        CountDownLatch failed = new CountDownLatch(1);
        push.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
            if (msgs.get(0).getReconsumeTimes() == 0 && "fail".equals(msgs.get(0).getKeys())) {
                failed.countDown();
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        push.start();

        DefaultMQPushConsumer orderly = new DefaultMQPushConsumer("orderly_group");
        orderly.setNamesrvAddr(args[0]);
        orderly.setInstanceName("orderly");
        orderly.subscribe(TOPIC, "*");
        orderly.registerMessageListener((MessageListenerOrderly) (msgs, context) -> ConsumeOrderlyStatus.SUCCESS);
        orderly.start();

        DefaultMQPushConsumer sql = new DefaultMQPushConsumer("sql_group");
        sql.setNamesrvAddr(args[0]);
        sql.setInstanceName("sql");
        sql.subscribe(TOPIC, MessageSelector.bySql("a > 5"));
        sql.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
        sql.start();

        DefaultMQProducer producer = new DefaultMQProducer("producer_group");
        producer.setNamesrvAddr(args[0]);
        producer.setInstanceName("producer");
        producer.start();
        send(producer);

        TransactionMQProducer half = new TransactionMQProducer("half_group");
        half.setNamesrvAddr(args[0]);
        half.setInstanceName("half");
        CountDownLatch checked = new CountDownLatch(1);
        half.setTransactionListener(new TransactionListener() {
            @Override public LocalTransactionState executeLocalTransaction(Message msg, Object arg) {
                return (LocalTransactionState) arg;
            }
            @Override public LocalTransactionState checkLocalTransaction(MessageExt msg) {
                checked.countDown();
                return LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        half.start();
        half.sendMessageInTransaction(message("TagA", "commit"), LocalTransactionState.COMMIT_MESSAGE);
        half.sendMessageInTransaction(message("TagA", "rollback"), LocalTransactionState.ROLLBACK_MESSAGE);
        half.sendMessageInTransaction(message("TagA", "unknown"), LocalTransactionState.UNKNOW);

        if (!failed.await(40, TimeUnit.SECONDS) || !checked.await(60, TimeUnit.SECONDS)) {
            System.err.println("no retry or no check within the time");
        }
        Thread.sleep(7000); // offsets are reported every five seconds
        System.out.println("done");
        while (System.in.read() >= 0) {
            // the test holds the consumers up until it closes our input
        }
        half.shutdown();
        sql.shutdown();
        orderly.shutdown();
        push.shutdown();
        producer.shutdown();
        System.exit(0);
    }

    static Message message(String tag, String key) {
        Message m = new Message(TOPIC, tag, key, ("body of " + key).getBytes(StandardCharsets.UTF_8));
        m.putUserProperty("a", "7");
        m.putUserProperty("text", "quoted \" back\\slash 中文 😀");
        return m;
    }

    static void send(DefaultMQProducer producer) throws Exception {
        producer.send(message("TagA", "plain"));
        producer.send(message("TagB", "fail"));
        producer.sendOneway(message("TagA", "oneway"));
        producer.send(Arrays.asList(message("TagA", "batch1"), message("TagB", "batch2")));
        Message delayed = message("TagA", "delayed");
        delayed.setDelayTimeLevel(1);
        producer.send(delayed);
        try {
            producer.send(new Message("%illegal topic%", "x".getBytes()));
        } catch (Exception expected) {
            System.err.println(expected.getMessage());
        }

        DefaultMQPushConsumer answerer = new DefaultMQPushConsumer("answer_group");
        answerer.setNamesrvAddr(producer.getNamesrvAddr());
        answerer.setInstanceName("answerer");
        answerer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        answerer.subscribe("RequestTopic", "*");
        answerer.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
            if (MessageUtil.getReplyToClient(msgs.get(0)) == null) {
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            }
            try {
                producer.send(MessageUtil.createReplyMessage(msgs.get(0), "answer".getBytes()));
            } catch (Exception e) {
                System.err.println("answer: " + e.getMessage());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        producer.send(new Message("RequestTopic", "first".getBytes()));
        answerer.start();
        for (int tries = 0; tries < 4; tries++) { // the broker knows us only after our next heartbeat, within 30 s
            try {
                producer.request(new Message("RequestTopic", "question".getBytes()), 12000);
                break;
            } catch (Exception e) {
                System.err.println("request: " + e.getMessage());
            }
        }
        answerer.shutdown();
    }
}
