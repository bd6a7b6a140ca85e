package ringmq.compat;

import java.util.List;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.consumer.PullResultExt;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;

/**
 * Settings of the whole broker, one after the other, on a broker of their own. Its groups are stopped when they are two MiB
 * behind, at its next look: after three minutes.
 */
final class BrokerBehaviours {
    private BrokerBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("broker: without read permission nothing is pulled, without write permission senders are sent away", BrokerBehaviours::permission);
        suite.add("broker: a wiped write permission sends senders away until it is added again", BrokerBehaviours::wiped);
        suite.add("broker: rejectTransactionMessage", BrokerBehaviours::rejectTransactions);
        suite.add("broker: startAcceptSendRequestTimeStamp", BrokerBehaviours::startAccept);
        suite.add("broker: slow consumers are sent to whichBrokerWhenConsumeSlowly", BrokerBehaviours::redirected);
        suite.add("broker: maxTransferCountOnMessageInMemory counts at once", BrokerBehaviours::transferCount);
        suite.add("slow: a group that reads too slowly is stopped", BrokerBehaviours::slowStopped);
    }

    private static void set(Stage stage, String... options) throws Exception {
        Properties changes = new Properties();
        for (int i = 0; i < options.length; i += 2) {
            changes.setProperty(options[i], options[i + 1]);
        }
        stage.admin().updateBrokerConfig(stage.cluster.broker(), changes);
    }

    private static void awaitPerm(Stage stage, String topic, int perm) throws Exception {
        Failed.unlessSoon("permission " + perm + " of " + topic, PushBehaviours.SOON,
            () -> stage.admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getPerm() == perm);
    }

    /** What a fresh producer is told. */
    private static Exception refusal(Stage stage, String topic) throws Exception {
        DefaultMQProducer producer = stage.newProducer(stage.name("PG_refused"));
        producer.setRetryTimesWhenSendFailed(0);
        producer.start();
        try {
            producer.send(new Message(topic, Stage.bytes("x")));
        } catch (MQClientException | MQBrokerException expected) {
            return expected;
        }
        throw new Failed("a message was sent to " + topic);
    }

    /** Checks that one of an exception's causes is the broker's answer. */
    private static void saysWhy(Throwable refusal, int code, String remark) {
        for (Throwable cause = refusal; cause != null; cause = cause.getCause()) {
            if (cause instanceof MQBrokerException answer) {
                Failed.unlessEqual("code", code, answer.getResponseCode());
                Failed.unless(answer.getErrorMessage().contains(remark), "the broker says " + answer.getErrorMessage());
                return;
            }
        }
        throw new Failed("a send ends with " + refusal);
    }

    private static MessageQueue queue(Stage stage, String topic) {
        return new MessageQueue(topic, stage.cluster.brokerName(), 0);
    }

    private static PullResult pull(Stage stage, String topic, int count) throws Exception {
        return stage.reader().pull(queue(stage, topic), "*", 0, count, 10_000);
    }

    private static void permission(Stage stage) throws Exception {
        String topic = stage.topic("permission", 1);
        stage.fill(topic, "m", 1);
        stage.settle(topic, 1);
        try {
            set(stage, "brokerPermission", "4");
            awaitPerm(stage, topic, 4);
            refusal(stage, topic);
            Failed.unlessEqual("messages", 1, pull(stage, topic, 32).getMsgFoundList().size());
            set(stage, "brokerPermission", "2");
            try {
                pull(stage, topic, 32);
                throw new Failed("a message was pulled");
            } catch (MQBrokerException e) {
                String host = stage.cluster.broker().split(":")[0];
                Failed.unlessEqual("code", 16, e.getResponseCode());
                Failed.unlessEqual("remark", "the broker[" + host + "] pulling message is forbidden", e.getErrorMessage());
            }
        } finally {
            set(stage, "brokerPermission", "6");
        }
        awaitPerm(stage, topic, 6);
        stage.fill(topic, "again", 1);
    }

    private static void wiped(Stage stage) throws Exception {
        String topic = stage.topic("wiped", 1);
        stage.fill(topic, "m", 1);
        try {
            Failed.unless(stage.admin().wipeWritePermOfBroker(stage.cluster.namesrv(), stage.cluster.brokerName()) > 0, "no topic was changed");
            awaitPerm(stage, topic, 4);
            refusal(stage, topic);
        } finally {
            stage.admin().addWritePermOfBroker(stage.cluster.namesrv(), stage.cluster.brokerName());
        }
        awaitPerm(stage, topic, 6);
        stage.fill(topic, "again", 1);
    }

    private static void rejectTransactions(Stage stage) throws Exception {
        String topic = stage.topic("reject", 1);
        TransactionMQProducer producer = stage.newTransactionProducer(stage.name("PG_reject"));
        producer.setTransactionListener(new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object arg) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        producer.start();
        set(stage, "rejectTransactionMessage", "true");
        try {
            producer.sendMessageInTransaction(new Message(topic, Stage.bytes("refused")), null);
            throw new Failed("a transaction began");
        } catch (MQClientException e) {
            saysWhy(e, 16, "sending transaction message is forbidden");
        } finally {
            set(stage, "rejectTransactionMessage", "false");
        }
        producer.sendMessageInTransaction(new Message(topic, Stage.bytes("commit")), null);
        PushBehaviours.getsExactly("the consumer", List.of("commit"), PushBehaviours.collect(stage.pushConsumer(stage.name("CG"), topic, "*")));
    }

    private static void startAccept(Stage stage) throws Exception {
        String topic = stage.topic("accept", 1);
        set(stage, "startAcceptSendRequestTimeStamp", "32503676400000");
        try {
            saysWhy(refusal(stage, topic), 1, "broker unable to service, until ");
        } finally {
            set(stage, "startAcceptSendRequestTimeStamp", "0");
        }
        stage.fill(topic, "m", 1);
    }

    private static void redirected(Stage stage) throws Exception {
        String topic = stage.topic("redirected", 1);
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(stage.reader().getConsumerGroup());
        config.setWhichBrokerWhenConsumeSlowly(3);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        stage.fill(topic, "m", 3);
        stage.settle(topic, 3);
        Failed.unlessEqual("broker for a consumer", 0L, ((PullResultExt) pull(stage, topic, 1)).getSuggestWhichBrokerId());
        set(stage, "slaveReadEnable", "true", "accessMessageInMemoryMaxRatio", "0");
        try {
            Failed.unlessEqual("broker for a slow consumer", 3L, ((PullResultExt) pull(stage, topic, 1)).getSuggestWhichBrokerId());
        } finally {
            set(stage, "slaveReadEnable", "false", "accessMessageInMemoryMaxRatio", "40");
        }
    }

    private static void transferCount(Stage stage) throws Exception {
        String topic = stage.topic("transfer", 1);
        stage.fill(topic, "m", 5);
        stage.settle(topic, 5);
        Failed.unlessEqual("messages of a pull", 5, pull(stage, topic, 32).getMsgFoundList().size());
        set(stage, "maxTransferCountOnMessageInMemory", "2");
        try {
            Failed.unlessEqual("messages of a pull", 2, pull(stage, topic, 32).getMsgFoundList().size());
        } finally {
            set(stage, "maxTransferCountOnMessageInMemory", "32");
        }
    }

    /** Reads one message again and again while the log has grown by four MiB. */
    private static void slowStopped(Stage stage) throws Exception {
        String topic = stage.topic("slow", 1);
        stage.producer().setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        for (int i = 0; i < 4; i++) {
            Failed.unlessSoon("a message that the broker takes", 30, () -> {
                try {
                    stage.producer().send(new Message(topic, new byte[1 << 20]));
                    return true;
                } catch (MQClientException | MQBrokerException notNow) { // the other behaviours play with permissions
                    return false;
                }
            });
        }
        String group = stage.reader().getConsumerGroup();
        Failed.unlessSoon("the end of " + group, 230, () -> {
            try {
                stage.reader().pull(queue(stage, topic), "*", 0, 1, 10_000);
            } catch (MQBrokerException notNow) { // the other behaviours play with permissions
                TimeUnit.MILLISECONDS.sleep(100);
            }
            TimeUnit.SECONDS.sleep(1);
            return !stage.admin().examineSubscriptionGroupConfig(stage.cluster.broker(), group).isConsumeEnable();
        });
        try {
            pull(stage, topic, 1);
            throw new Failed("the group consumes");
        } catch (MQBrokerException e) {
            Failed.unlessEqual("code", 16, e.getResponseCode());
        }
    }
}
