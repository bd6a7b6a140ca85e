package ringmq.compat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.admin.TopicOffset;
import org.apache.rocketmq.common.admin.TopicStatsTable;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.protocol.RequestCode;
import org.apache.rocketmq.common.protocol.ResponseCode;
import org.apache.rocketmq.common.protocol.body.ClusterInfo;
import org.apache.rocketmq.common.protocol.body.ConsumerConnection;
import org.apache.rocketmq.common.protocol.body.KVTable;
import org.apache.rocketmq.common.protocol.body.ProducerConnection;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.protocol.route.QueueData;
import org.apache.rocketmq.common.protocol.route.TopicRouteData;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;

/** What DefaultMQAdminExt asks of the broker and the name server. */
final class AdminBehaviours {
    private AdminBehaviours() {
    }

    static void add(Suite suite) {
        suite.add("admin: topic created, grown, made read-only", AdminBehaviours::topicConfig);
        suite.add("admin: illegal topic names are refused with code 1", AdminBehaviours::illegalTopics);
        suite.add("admin: system topics cannot be changed", AdminBehaviours::systemTopic);
        suite.add("admin: examineTopicRoute", AdminBehaviours::route);
        suite.add("admin: unknown topic has no route (code 17)", AdminBehaviours::noRoute);
        suite.add("admin: examineTopicStats", AdminBehaviours::topicStats);
        suite.add("admin: examineBrokerClusterInfo", AdminBehaviours::clusterInfo);
        suite.add("admin: fetchAllTopicList", AdminBehaviours::topicList);
        suite.add("admin: fetchBrokerRuntimeStats", AdminBehaviours::runtime);
        suite.add("admin: deleted topic is gone", AdminBehaviours::deleteTopic);
        suite.add("admin: subscription group created and deleted", AdminBehaviours::groups);
        suite.add("admin: consumer connections", AdminBehaviours::consumerConnection);
        suite.add("admin: producer connections", String.valueOf(RequestCode.GET_PRODUCER_CONNECTION_LIST), AdminBehaviours::producerConnection);
        suite.add("admin: key-value configuration of the name server", AdminBehaviours::keyValues);
        suite.add("query: message by offset id", String.valueOf(RequestCode.VIEW_MESSAGE_BY_ID), AdminBehaviours::viewMessage);
        suite.add("query: messages by key", String.valueOf(RequestCode.QUERY_MESSAGE), AdminBehaviours::queryKey);
        suite.add("query: message by unique key", String.valueOf(RequestCode.QUERY_MESSAGE), AdminBehaviours::queryUniqueKey);
    }

    private static void topicConfig(Stage stage) throws Exception {
        String topic = stage.topic("config", 2);
        TopicConfig grown = new TopicConfig(topic, 6, 6, 6);
        stage.admin().createAndUpdateTopicConfig(stage.cluster.broker(), grown);
        stage.awaitRoute(topic, 6);
        Map<String, TopicConfig> all = stage.admin().getAllTopicConfig(stage.cluster.broker(), 5000).getTopicConfigTable();
        Failed.unlessEqual("configuration at the broker", grown, all.get(topic));

        stage.admin().createAndUpdateTopicConfig(stage.cluster.broker(), new TopicConfig(topic, 4, 3, 4));
        Failed.unlessSoon("a read-only route", 10, () -> {
            QueueData data = stage.admin().examineTopicRouteInfo(topic).getQueueDatas().get(0);
            return data.getReadQueueNums() == 4 && data.getWriteQueueNums() == 3 && data.getPerm() == 4;
        });
    }

    private static void illegalTopics(Stage stage) throws Exception {
        Set<String> before = stage.admin().getAllTopicConfig(stage.cluster.broker(), 5000).getTopicConfigTable().keySet();
        for (String name : List.of("a/../x", "has space", "käse", "x\u0000y", "t".repeat(128), "dot.ted", " ")) {
            try {
                stage.admin().createAndUpdateTopicConfig(stage.cluster.broker(), new TopicConfig(name, 1, 1, 6));
                throw new Failed("accepted: " + name.replace('\u0000', '0'));
            } catch (MQClientException refused) {
                Failed.unlessEqual("code for " + name.replace('\u0000', '0'), ResponseCode.SYSTEM_ERROR, refused.getResponseCode());
            }
        }
        for (String topic : stage.admin().getAllTopicConfig(stage.cluster.broker(), 5000).getTopicConfigTable().keySet()) {
            Failed.unless(before.contains(topic) || topic.matches("[%|a-zA-Z0-9_-]{1,127}"), "topic made: " + topic);
        }
    }

    private static void systemTopic(Stage stage) throws Exception {
        try {
            stage.admin().createAndUpdateTopicConfig(stage.cluster.broker(), new TopicConfig("TBW102", 1, 1, 6));
            throw new Failed("TBW102 was changed");
        } catch (MQClientException refused) {
            Failed.unlessEqual("code", ResponseCode.SYSTEM_ERROR, refused.getResponseCode());
            Failed.unless(refused.getErrorMessage().contains("conflict with system topic"), refused.getErrorMessage());
        }
    }

    private static void route(Stage stage) throws Exception {
        String topic = stage.topic("route", 5);
        TopicRouteData route = stage.admin().examineTopicRouteInfo(topic);
        Failed.unlessEqual("brokers", 1, route.getBrokerDatas().size());
        Failed.unlessEqual("address", stage.cluster.broker(), route.getBrokerDatas().get(0).getBrokerAddrs().get(0L));
        Failed.unlessEqual("cluster", stage.cluster.name(), route.getBrokerDatas().get(0).getCluster());
        Failed.unlessEqual("broker of the queues", stage.cluster.brokerName(), route.getQueueDatas().get(0).getBrokerName());
        Failed.unlessEqual("read queues", 5, route.getQueueDatas().get(0).getReadQueueNums());
    }

    private static void noRoute(Stage stage) throws Exception {
        try {
            stage.admin().examineTopicRouteInfo(stage.name("nowhere"));
            throw new Failed("an unknown topic has a route");
        } catch (MQClientException refused) {
            Failed.unlessEqual("code", ResponseCode.TOPIC_NOT_EXIST, refused.getResponseCode());
        }
    }

    private static void topicStats(Stage stage) throws Exception {
        String topic = stage.topic("topicStats", 3);
        long before = System.currentTimeMillis();
        for (int queue = 0; queue < 2; queue++) {
            PushBehaviours.fillQueue(stage, topic, queue, "m", 5 + queue);
        }
        stage.settle(topic, 11);
        TopicStatsTable stats = stage.admin().examineTopicStats(topic);
        Failed.unlessEqual("queues", 3, stats.getOffsetTable().size());
        long[] max = {5, 6, 0};
        for (int queue = 0; queue < 3; queue++) {
            TopicOffset offset = stats.getOffsetTable().get(new MessageQueue(topic, stage.cluster.brokerName(), queue));
            Failed.unlessEqual("maximum offset of queue " + queue, max[queue], offset.getMaxOffset());
            Failed.unlessEqual("minimum offset of queue " + queue, 0L, offset.getMinOffset());
            boolean recent = offset.getLastUpdateTimestamp() >= before - 1;
            Failed.unless(queue == 2 ? offset.getLastUpdateTimestamp() == 0 : recent,
                "last update of queue " + queue + " is " + offset.getLastUpdateTimestamp() + ", sent after " + before);
        }
    }

    private static void clusterInfo(Stage stage) throws Exception {
        ClusterInfo info = stage.admin().examineBrokerClusterInfo();
        Failed.unlessEqual("brokers of the cluster", Set.of(stage.cluster.brokerName()), info.getClusterAddrTable().get(stage.cluster.name()));
        Failed.unlessEqual("address", stage.cluster.broker(),
            info.getBrokerAddrTable().get(stage.cluster.brokerName()).getBrokerAddrs().get(0L));
    }

    private static void topicList(Stage stage) throws Exception {
        String topic = stage.topic("listed", 1);
        Set<String> topics = stage.admin().fetchAllTopicList().getTopicList();
        for (String name : List.of(topic, "TBW102", "SELF_TEST_TOPIC", "BenchmarkTest", "OFFSET_MOVED_EVENT", "SCHEDULE_TOPIC_XXXX",
            stage.cluster.name(), stage.cluster.brokerName(), stage.cluster.name() + "_REPLY_TOPIC")) {
            Failed.unless(topics.contains(name), name + " is not listed");
        }
        Failed.unless(stage.admin().fetchTopicsByCLuster(stage.cluster.name()).getTopicList().contains(topic), "not listed by cluster");
    }

    private static void runtime(Stage stage) throws Exception {
        KVTable table = stage.admin().fetchBrokerRuntimeStats(stage.cluster.broker());
        // What clusterList prints.
        for (String key : List.of("brokerVersionDesc", "putTps", "getTransferedTps", "sendThreadPoolQueueHeadWaitTimeMills",
            "pullThreadPoolQueueHeadWaitTimeMills", "sendThreadPoolQueueSize", "pullThreadPoolQueueSize", "earliestMessageTimeStamp",
            "commitLogDiskRatio", "pageCacheLockTimeMills", "bootTimestamp", "msgPutTotalTodayNow", "runtime")) {
            Failed.unless(table.getTable().containsKey(key), key + " is missing");
        }
    }

    private static void deleteTopic(Stage stage) throws Exception {
        String topic = stage.topic("deleted", 2);
        stage.fill(topic, "m", 4);
        stage.settle(topic, 4); // the Java broker dies (SIGSEGV) of a queue that goes while it is written
        stage.admin().deleteTopicInBroker(Set.of(stage.cluster.broker()), topic);
        stage.admin().deleteTopicInNameServer(Set.of(stage.cluster.namesrv()), topic, stage.cluster.name());
        Failed.unless(!stage.admin().getAllTopicConfig(stage.cluster.broker(), 5000).getTopicConfigTable().containsKey(topic),
            "the broker still has it");
        Failed.unless(!stage.admin().fetchAllTopicList().getTopicList().contains(topic), "the name server still has it");
        try {
            stage.admin().examineTopicStats(topic);
            throw new Failed("it still has a route");
        } catch (MQClientException | MQBrokerException gone) {
            // Code 17 from the name server; after a restart of its client, from the broker.
            Failed.unless(gone.toString().contains("17"), gone.toString());
        }
    }

    private static void groups(Stage stage) throws Exception {
        String group = stage.name("CG");
        SubscriptionGroupConfig config = new SubscriptionGroupConfig();
        config.setGroupName(group);
        config.setRetryMaxTimes(3);
        config.setRetryQueueNums(2);
        stage.admin().createAndUpdateSubscriptionGroupConfig(stage.cluster.broker(), config);
        SubscriptionGroupConfig got = stage.admin().examineSubscriptionGroupConfig(stage.cluster.broker(), group);
        Failed.unlessEqual("retries", 3, got.getRetryMaxTimes());
        Failed.unlessEqual("retry queues", 2, got.getRetryQueueNums());
        stage.admin().deleteSubscriptionGroup(stage.cluster.broker(), group, true);
        Failed.unless(!stage.admin().getAllSubscriptionGroup(stage.cluster.broker(), 5000).getSubscriptionGroupTable().containsKey(group),
            "the broker still has it");
    }

    private static void consumerConnection(Stage stage) throws Exception {
        String topic = stage.topic("connection", 1);
        String group = stage.name("CG");
        PushBehaviours.collect(stage.pushConsumer(group, topic, "TagA"));
        Failed.unlessSoon("a connection of " + group, 10, () -> {
            try {
                return stage.admin().examineConsumerConnectionInfo(group).getConnectionSet().size() == 1;
            } catch (MQClientException | MQBrokerException notYet) {
                return false;
            }
        });
        ConsumerConnection info = stage.admin().examineConsumerConnectionInfo(group);
        Failed.unlessEqual("model", MessageModel.CLUSTERING, info.getMessageModel());
        Failed.unlessEqual("expression", "TagA", info.getSubscriptionTable().get(topic).getSubString());
        Failed.unless(info.getConnectionSet().iterator().next().getClientAddr().startsWith("127.0.0.1:"), "client address");
    }

    private static void producerConnection(Stage stage) throws Exception {
        String topic = stage.topic("producers", 1);
        stage.fill(topic, "m", 1);
        Failed.unlessSoon("a connection of the producer group", 10, () -> {
            try {
                ProducerConnection info = stage.admin().examineProducerConnectionInfo(stage.name("PG"), topic);
                return info.getConnectionSet().size() == 1;
            } catch (MQClientException | MQBrokerException notYet) {
                return false;
            }
        });
    }

    private static void keyValues(Stage stage) throws Exception {
        String space = stage.name("space");
        stage.admin().createAndUpdateKvConfig(space, "key", "a;b,c = d");
        Failed.unlessEqual("value", "a;b,c = d", stage.admin().getKVConfig(space, "key"));
        Failed.unlessEqual("values of the namespace", Map.of("key", "a;b,c = d"), stage.admin().getKVListByNamespace(space).getTable());
        stage.admin().deleteKvConfig(space, "key");
        try {
            stage.admin().getKVConfig(space, "key");
            throw new Failed("the value is still there");
        } catch (MQClientException gone) {
            Failed.unlessEqual("code", ResponseCode.QUERY_NOT_FOUND, gone.getResponseCode());
        }
    }

    private static void viewMessage(Stage stage) throws Exception {
        String topic = stage.topic("view", 1);
        SendResult receipt = stage.producer().send(new Message(topic, "TagV", "keyV", Stage.bytes("view me")));
        MessageExt got = stage.admin().viewMessage(receipt.getOffsetMsgId());
        Failed.unlessEqual("body", "view me", Stage.text(got));
        Failed.unlessEqual("topic", topic, got.getTopic());
        Failed.unlessEqual("keys", "keyV", got.getKeys());
    }

    private static void queryKey(Stage stage) throws Exception {
        String topic = stage.topic("query", 2);
        for (int i = 0; i < 6; i++) {
            stage.producer().send(new Message(topic, "t", i % 2 == 0 ? "even all" : "odd all", Stage.bytes("q" + i)));
        }
        stage.settle(topic, 6);
        long begin = System.currentTimeMillis() - 3_600_000;
        long end = System.currentTimeMillis() + 3_600_000;
        QueryResult even = stage.admin().queryMessage(topic, "even", 32, begin, end);
        Stage.sameTexts("messages with key even", List.of("q0", "q2", "q4"), even.getMessageList().stream().map(Stage::text).toList());
        QueryResult all = stage.admin().queryMessage(topic, "all", 32, begin, end);
        Failed.unlessEqual("messages with key all", 6, all.getMessageList().size());
    }

    private static void queryUniqueKey(Stage stage) throws Exception {
        String topic = stage.topic("unique", 1);
        stage.fill(topic, "other", 3);
        SendResult receipt = stage.producer().send(new Message(topic, Stage.bytes("mine")));
        stage.settle(topic, 4);
        MessageExt got = stage.admin().viewMessage(topic, receipt.getMsgId());
        Failed.unlessEqual("body", "mine", Stage.text(got));
    }
}
