package wire

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "record the goldens anew from the Java servers and clients that the script in PEER starts")

// Where the recording listens; every address that the Java name server gives out is turned to the tap's, which
// has as many digits.
const (
	namesrvPort, namesrvTap = "21000", "21001"
	brokerPort, brokerTap   = "21011", "21031"
	secondPort              = "21051"
)

// TestRecord starts the Java servers, puts a tap in front of each, lets Java's clients and a raw one of ours
// use them, and writes what was said to testdata/java-4.9.7.
func TestRecord(t *testing.T) {
	if !*update {
		t.Skip("only with -update")
	}
	rec := newRecorder()
	java(t, "namesrv", "-p", namesrvPort)
	listens(t, namesrvPort)
	rec.tap(t, "namesrv", namesrvTap, namesrvPort, brokerPort, brokerTap)
	options := []string{"enablePropertyFilter=true", "transactionCheckInterval=2000", "transactionTimeOut=1000", "brokerFastFailureEnable=false"}
	java(t, append([]string{"broker", "-n", "127.0.0.1:" + namesrvTap, "-p", brokerPort}, options...)...)
	listens(t, brokerPort)
	rec.tap(t, "broker", brokerTap, brokerPort, "", "")
	for _, s := range []string{"JSON", "ROCKETMQ"} {
		recordClients(t, s)
	}
	recordRaw(t)
	// A second broker compresses its registration and leaves the cluster properly.
	second := java(t, "broker", "-n", "127.0.0.1:"+namesrvTap, "-p", secondPort, "compressedRegister=true", "brokerName=broker-b", "forceRegister=false", "registerNameServerPeriod=10000")
	listens(t, secondPort)
	require.Eventually(t, func() bool {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		return rec.has(CodeQueryDataVersion)
	}, time.Minute, time.Second, "the broker never asked for its data version")
	stop(second)
	rec.write(t)
}

// recordClients runs Java's client and admin tool with one serialization.
func recordClients(t *testing.T, serialization string) {
	env := "JAVA_TOOL_OPTIONS=-Drocketmq.serialize.type=" + serialization
	client := func(env string) *javaProgram {
		c := startJava(t, env, "testdata/Client.java", "127.0.0.1:"+namesrvTap)
		c.say("go")
		return c
	}
	client(env + " -Dorg.apache.rocketmq.client.sendSmartMsg=false").quit() // long field names
	defer client(env).quit()
	tool := startJava(t, env, "testdata/Admin.java")
	defer tool.quit()
	address := strings.NewReplacer(" N", " -n 127.0.0.1:"+namesrvTap, " B", " -b 127.0.0.1:"+brokerTap)
	for _, line := range []string{
		"updateTopic B -t AdminTopic -r 4 -w 4", "updateTopic B -t OrderTopic -o true", "topicList N", "topicList N -c", "topicRoute N -t TopicTest", "topicRoute N -t Missing",
		"topicStatus N -t TopicTest", "topicClusterList N -t TopicTest", "updateTopicPerm B N -t AdminTopic -p 4", "clusterList N", "brokerStatus N B",
		"updateSubGroup N B -g admin_group", "consumerProgress N -g push_group", "consumerProgress N", "consumerConnection N -g push_group", "producerConnection N -g producer_group -t TopicTest",
		"producer N B", "consumerStatus N -g push_group", "brokerConsumeStats N B", "statsAll N", "cloneGroupOffset N -s push_group -d admin_group -t TopicTest",
		"updateKvConfig N -s ns -k key -v value", "deleteKvConfig N -s ns -k key", "updateOrderConf N -t OrderTopic -m put -v broker-a:4", "updateOrderConf N -t OrderTopic -m get", "updateOrderConf N -t OrderTopic -m delete",
		"wipeWritePerm N -b broker-a", "addWritePerm N -b broker-a", "resetOffsetByTime N -g push_group -t TopicTest -s 0 -f true", "resetOffsetByTime N -g nobody -t TopicTest -s 0",
		"cleanExpiredCQ N B", "deleteExpiredCommitLog N B", "cleanUnusedTopic N B", "getNamesrvConfig N", "updateNamesrvConfig N -k waitTime -v 1", "getBrokerConfig N B", "updateBrokerConfig N B -k flushDelayOffsetInterval -v 10000",
		"getConsumerConfig N -g push_group", "queryCq N -t TopicTest -q 0 -i 0 -c 2 B", "queryCq N -t TopicTest -q 0 -i 0 -c 2 B -g push_group", "sendMessage N -t TopicTest -p hello -k adminkey -c TagA",
		"consumeMessage N -t TopicTest -g admin_consume", "printMsg N -t TopicTest", "queryMsgByKey N -t TopicTest -k plain", "queryMsgByOffset N -t TopicTest -b broker-a -i 0 -o 0",
		"deleteSubGroup N B -g admin_group -r true", "deleteTopic N -c DefaultCluster -t AdminTopic",
		"clusterAclConfigVersion N B", "updateAclConfig N B -a accountA -s secretB", "deleteAclConfig N B -a accountA", "updateGlobalWhiteAddr N B -g 10.0.0.1",
	} {
		t.Logf("%s: %.300s", line, tool.say(address.Replace(line))) // what fails is recorded as well
	}
}

// recordRaw sends the requests that Java's tools do not, and those that are refused.
func recordRaw(t *testing.T) {
	n, b := dialRaw(t, namesrvTap), dialRaw(t, brokerTap)
	n.call(CodeGetKvConfig, &GetKvConfigRequest{Namespace: "none", Key: "none"}, nil)
	n.call(CodePutKvConfig, &PutKvConfigRequest{Namespace: "ns", Key: "k", Value: "v \"中\""}, nil)
	n.call(CodeGetKvConfig, &GetKvConfigRequest{Namespace: "ns", Key: "k"}, nil)
	n.call(CodeGetKvlistByNamespace, &GetKvlistByNamespaceRequest{Namespace: "ns"}, nil)
	n.call(CodeGetKvlistByNamespace, &GetKvlistByNamespaceRequest{Namespace: "none"}, nil)
	n.call(CodeGetTopicsByCluster, &GetTopicsByClusterRequest{Cluster: "DefaultCluster"}, nil)
	n.call(CodeGetSystemTopicListFromNs, nil, nil)
	n.call(CodeGetUnitTopicList, nil, nil)
	n.call(CodeGetHasUnitSubTopicList, nil, nil)
	n.call(CodeGetHasUnitSubUnunitTopicList, nil, nil)
	n.call(CodeWipeWritePermOfBroker, &WipeWritePermOfBrokerRequest{BrokerName: "broker-x"}, nil)
	n.call(CodeUnregisterBroker, &UnregisterBrokerRequest{BrokerName: "broker-x", BrokerAddr: "10.0.0.1:1", ClusterName: "c"}, nil)
	n.call(CodeUpdateNamesrvConfig, nil, "serverWorkerThreads=8\n")
	n.old(CodeGetRouteinfoByTopic, &GetRouteinfoByTopicRequest{Topic: "TopicTest"})
	n.call(Code(9999), nil, nil)

	b.call(CodeGetAllTopicConfig, nil, nil)
	b.call(CodeGetAllConsumerOffset, nil, nil)
	b.call(CodeGetAllDelayOffset, nil, nil)
	b.call(CodeGetEarliestMsgStoretime, &GetEarliestMsgStoretimeRequest{Topic: "TopicTest", QueueID: 0}, nil)
	b.call(CodeGetMinOffset, &GetMinOffsetRequest{Topic: "TopicTest", QueueID: 0}, nil)
	b.call(CodeSearchOffsetByTimestamp, &SearchOffsetByTimestampRequest{Topic: "TopicTest", QueueID: 0, Timestamp: 5}, nil)
	b.call(CodeViewMessageByID, &ViewMessageByIDRequest{Offset: 0}, nil)
	b.call(CodeViewMessageByID, &ViewMessageByIDRequest{Offset: 1 << 40}, nil)
	b.call(CodeQueryConsumerOffset, &QueryConsumerOffsetRequest{ConsumerGroup: []byte("push_group"), Topic: []byte("TopicTest"), QueueID: 0}, nil)
	b.call(CodeQueryConsumerOffset, &QueryConsumerOffsetRequest{ConsumerGroup: []byte("nobody"), Topic: []byte("none"), QueueID: 0}, nil)
	b.call(CodeUpdateConsumerOffset, &UpdateConsumerOffsetRequest{ConsumerGroup: []byte("raw_group"), Topic: []byte("TopicTest"), QueueID: 1, CommitOffset: 2}, nil)
	b.call(CodeGetConsumerListByGroup, &GetConsumerListByGroupRequest{ConsumerGroup: "nobody"}, nil)
	b.call(CodeGetSystemTopicListFromBroker, nil, nil)
	b.call(CodeQueryTopicConsumeByWho, &QueryTopicConsumeByWhoRequest{Topic: "TopicTest"}, nil)
	b.call(CodeQueryConsumeTimeSpan, &QueryConsumeTimeSpanRequest{Topic: "TopicTest", Group: "raw_group"}, nil)
	b.call(CodeQueryConsumeTimeSpan, &QueryConsumeTimeSpanRequest{Topic: "none", Group: "raw_group"}, nil)
	b.call(CodeQueryCorrectionOffset, &QueryCorrectionOffsetRequest{CompareGroup: "raw_group", Topic: "TopicTest"}, nil)
	b.call(CodeCloneGroupOffset, &CloneGroupOffsetRequest{SrcGroup: "raw_group", DestGroup: "clone_group", Topic: "TopicTest"}, nil)
	b.call(CodeViewBrokerStatsData, &ViewBrokerStatsDataRequest{StatsName: "TOPIC_PUT_NUMS", StatsKey: "TopicTest"}, nil)
	b.call(CodeViewBrokerStatsData, &ViewBrokerStatsDataRequest{StatsName: "NONE", StatsKey: "none"}, nil)
	b.call(CodeResumeCheckHalfMessage, &ResumeCheckHalfMessageRequest{MsgID: "7F00000100002A9F0000000000000000"}, nil)
	b.call(CodeGetProducerConnectionList, &GetProducerConnectionListRequest{ProducerGroup: "nobody"}, nil)
	b.call(CodeGetConsumerConnectionList, &GetConsumerConnectionListRequest{ConsumerGroup: "nobody"}, nil)
	b.call(CodeCheckClientConfig, nil, CheckClientRequestBody{ClientID: "raw", Group: "raw_group", SubscriptionData: &SubscriptionData{Topic: "TopicTest", SubString: "a >", ExpressionType: ExpressionSQL92}})
	b.call(CodeSuspendConsumer, nil, nil)
	b.call(Code(9999), nil, nil)
	recordRefusedSends(b)
	recordRawConsumer(t, b)
}

func recordRefusedSends(b *raw) {
	send := func(topic string, queue int32) *SendMessageRequest {
		return &SendMessageRequest{ProducerGroup: []byte("raw"), Topic: []byte(topic), DefaultTopic: []byte("none"), DefaultTopicQueueNums: 4, QueueID: queue, Properties: []byte("a\x01\"中\"\x02")}
	}
	b.call(CodeSendMessage, send("TopicTest", 0), "body")
	b.call(CodeSendMessage, send("none", 0), "body")
	b.call(CodeSendMessageV2, send("TopicTest", 99).V2(), "body")
	b.call(CodeSendMessageV2, send("SCHEDULE_TOPIC_XXXX", 0).V2(), "body")
	b.call(CodeSendReplyMessage, send("TopicTest", 0), "body")
	b.call(CodeConsumerSendMsgBack, &ConsumerSendMsgBackRequest{Offset: 1 << 40, Group: "push_group"}, nil)
	b.call(CodeEndTransaction, &EndTransactionRequest{ProducerGroup: "raw", CommitLogOffset: 1 << 40, CommitOrRollback: 8, MsgID: "x"}, nil)
	pull := &PullMessageRequest{ConsumerGroup: []byte("raw_group"), Topic: []byte("none"), MaxMsgNums: 1}
	b.call(CodePullMessage, pull, nil)
	pull.Topic = []byte("TopicTest")
	b.call(CodePullMessage, pull, nil)
	b.call(CodeQueryMessage, &QueryMessageRequest{Topic: "TopicTest", Key: "none", MaxNum: 5, EndTimestamp: 1 << 50}, nil)
}

// recordRawConsumer is a consumer on one connection, asked about from another.
func recordRawConsumer(t *testing.T, b *raw) {
	c := dialRaw(t, brokerTap)
	c.call(CodeHeartBeat, nil, HeartbeatData{ClientID: "raw@1", ConsumerDataSet: []ConsumerData{{
		GroupName: "raw_group", ConsumeType: ConsumePassively, MessageModel: Clustering, ConsumeFromWhere: ConsumeFromLastOffset,
		SubscriptionDataSet: []SubscriptionData{{Topic: "TopicTest", SubString: "*", SubVersion: 1, ExpressionType: ExpressionTag}},
	}}})
	mq := MessageQueue{BrokerName: "broker-a", QueueID: 0, Topic: "TopicTest"}
	go c.answer(map[int32]any{
		int32(CodeGetConsumerStatusFromClient): GetConsumerStatusBody{MessageQueueTable: map[MessageQueue]int64{mq: 5}},
		int32(CodeGetConsumerRunningInfo):      ConsumerRunningInfo{Properties: map[string]string{"PROP_CLIENT_VERSION": "V4_9_7"}},
		int32(CodeConsumeMessageDirectly):      ConsumeMessageDirectlyResult{ConsumeResult: "CR_SUCCESS", AutoCommit: true},
	})
	b.call(CodeGetConsumerListByGroup, &GetConsumerListByGroupRequest{ConsumerGroup: "raw_group"}, nil)
	b.call(CodeGetConsumerConnectionList, &GetConsumerConnectionListRequest{ConsumerGroup: "raw_group"}, nil)
	b.call(CodeInvokeBrokerToGetConsumerStatus, &InvokeBrokerToGetConsumerStatusRequest{Topic: "TopicTest", Group: "raw_group"}, nil)
	b.call(CodeInvokeBrokerToResetOffset, &InvokeBrokerToResetOffsetRequest{Topic: "TopicTest", Group: "raw_group", Timestamp: 0, IsForce: true}, nil)
	b.call(CodeGetConsumerRunningInfo, &GetConsumerRunningInfoRequest{ConsumerGroup: "raw_group", ClientID: "raw@1"}, nil)
	b.call(CodeGetConsumerRunningInfo, &GetConsumerRunningInfoRequest{ConsumerGroup: "raw_group", ClientID: "nobody"}, nil)
	first := fmt.Sprintf("7F000001%08X%016X", 21011, 0) // the message at commit log offset 0
	b.call(CodeConsumeMessageDirectly, &ConsumeMessageDirectlyRequest{ConsumerGroup: "raw_group", ClientID: "raw@1", MsgID: first, BrokerName: "broker-a"}, nil)
	b.call(CodeLockBatchMq, nil, LockBatchRequestBody{ConsumerGroup: "raw_group", ClientID: "raw@1", MqSet: []MessageQueue{mq}})
	b.call(CodeUnlockBatchMq, nil, UnlockBatchRequestBody{ConsumerGroup: "raw_group", ClientID: "raw@1", MqSet: []MessageQueue{mq}})
	b.call(CodeUnregisterClient, &UnregisterClientRequest{ClientID: "raw@1", ConsumerGroup: "raw_group"}, nil)
}

// tap listens on port and passes frames on to the server behind it. In what the server says it replaces an
// address by another of the same length.
func (rec *recorder) tap(t *testing.T, name, port, server, from, to string) {
	l, err := net.Listen("tcp", "127.0.0.1:"+port)
	require.NoError(t, err)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			near, err := l.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", "127.0.0.1:"+server)
			if err != nil {
				near.Close()
				continue
			}
			dialog := rec.listen(name)
			pass := func(dst, src net.Conn, fromClient bool) {
				defer dst.Close()
				defer src.Close()
				for {
					frame, err := readFrame(src)
					if err != nil {
						return
					}
					if !fromClient && from != "" {
						frame = bytes.ReplaceAll(frame, []byte("127.0.0.1:"+from), []byte("127.0.0.1:"+to))
					}
					dialog.hear(frame, fromClient)
					if _, err := dst.Write(frame); err != nil {
						return
					}
				}
			}
			go pass(far, near, true)
			go pass(near, far, false)
		}
	}()
}

// write prints the recorded exchanges, a file per code.
func (rec *recorder) write(t *testing.T) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	rec.keepUnanswered()
	require.NoError(t, os.RemoveAll(goldens))
	require.NoError(t, os.MkdirAll(goldens, 0o755))
	for code, list := range rec.byCode() {
		require.NoError(t, os.WriteFile(filepath.Join(goldens, fileName(code)), []byte(list), 0o644))
	}
}
