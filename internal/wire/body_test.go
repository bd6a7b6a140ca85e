package wire

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/fastjson"
)

// TestBodyShapes holds bodies against the shapes of Java's classes.
func TestBodyShapes(t *testing.T) {
	mq := MessageQueue{BrokerName: "b", QueueID: 0, Topic: "T"}
	for _, c := range []struct {
		body any
		want string
	}{
		{DataVersion{7, 1700000000000}, `{"counter":7,"timestamp":1700000000000}`},
		{TopicConfig{"T", 8, 8, 6, "SINGLE_TAG", 0, false}, `{"order":false,"perm":6,"readQueueNums":8,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":0,"writeQueueNums":8}`},
		{TopicRouteData{QueueDatas: []QueueData{{"b", 8, 8, 6, 0}}, BrokerDatas: []BrokerData{{"c", "b", map[int64]string{0: "ip:port"}}}, OrderTopicConf: "b:8"},
			`{"brokerDatas":[{"brokerAddrs":{0:"ip:port"},"brokerName":"b","cluster":"c"}],"filterServerTable":{},"orderTopicConf":"b:8","queueDatas":[{"brokerName":"b","perm":6,"readQueueNums":8,"topicSysFlag":0,"writeQueueNums":8}]}`},
		{ClusterInfo{map[string]*BrokerData{"b": {"c", "b", map[int64]string{0: "ip:port"}}}, map[string][]string{"c": {"b"}}},
			`{"brokerAddrTable":{"b":{"brokerAddrs":{0:"ip:port"},"brokerName":"b","cluster":"c"}},"clusterAddrTable":{"c":["b"]}}`},
		{TopicList{"ip:port", []string{"T"}}, `{"brokerAddr":"ip:port","topicList":["T"]}`},
		{TopicList{}, `{"topicList":[]}`},
		{SubscriptionData{false, "T", "TagA", []string{"TagA"}, []int32{2598919}, 1700000000001, "TAG"},
			`{"classFilterMode":false,"codeSet":[2598919],"expressionType":"TAG","subString":"TagA","subVersion":1700000000001,"tagsSet":["TagA"],"topic":"T"}`},
		{Connection{"id", "ip:port", "JAVA", 409}, `{"clientAddr":"ip:port","clientId":"id","language":"JAVA","version":409}`},
		{ProducerTableInfo{map[string][]ProducerInfo{"PG": {{"id", "/ip:port", "JAVA", 409, 0}}}}, `{"data":{"PG":[{"clientId":"id","language":"JAVA","lastUpdateTimestamp":0,"remoteIP":"/ip:port","version":409}]}}`},
		{LockBatchRequestBody{"CG", "id", []MessageQueue{mq}}, `{"clientId":"id","consumerGroup":"CG","mqSet":[{"brokerName":"b","queueId":0,"topic":"T"}]}`},
		{ConsumeStats{map[MessageQueue]OffsetWrapper{mq: {10, 5, 0}}, 1.5}, `{"consumeTps":1.5,"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"brokerOffset":10,"consumerOffset":5,"lastTimestamp":0}}}`},
		{TopicStatsTable{map[MessageQueue]TopicOffset{mq: {0, 10, 0}}}, `{"offsetTable":{{"brokerName":"b","queueId":0,"topic":"T"}:{"lastUpdateTimestamp":0,"maxOffset":10,"minOffset":0}}}`},
		{QueryCorrectionOffsetBody{map[int32]int64{0: 5}}, `{"correctionOffsets":{0:5}}`},
		{ResetOffsetBodyForC{[]MessageQueueForC{{"b", 5, 0, "T"}}}, `{"offsetTable":[{"brokerName":"b","offset":5,"queueId":0,"topic":"T"}]}`},
		{GetConsumerStatusBody{ConsumerTable: map[string]map[MessageQueue]int64{"id": {mq: 5}}}, `{"consumerTable":{"id":{{"brokerName":"b","queueId":0,"topic":"T"}:5}},"messageQueueTable":{}}`},
		{OffsetSerializeWrapper{map[string]map[int32]int64{"T@CG": {1: 7, 0: 5}}}, `{"offsetTable":{"T@CG":{0:5,1:7}}}`},
		{BrokerStatsItem{0, 0, 0}, `{"avgpt":0.0,"sum":0,"tps":0.0}`},
		{OffsetMovedEvent{"CG", mq, 1, 2}, `{"consumerGroup":"CG","messageQueue":{"brokerName":"b","queueId":0,"topic":"T"},"offsetNew":2,"offsetRequest":1}`},
	} {
		out, err := fastjson.Marshal(c.body)
		require.NoError(t, err)
		require.Equal(t, c.want, string(out))
	}
}

func TestBodyDefaults(t *testing.T) {
	var group SubscriptionGroupConfig
	require.NoError(t, fastjson.Unmarshal([]byte(`{"groupName":"CG"}`), &group))
	out, err := fastjson.Marshal(group)
	require.NoError(t, err)
	require.Equal(t, `{"brokerId":0,"consumeBroadcastEnable":true,"consumeEnable":true,"consumeFromMinEnable":true,"groupName":"CG","notifyConsumerIdsChangedEnable":true,"retryMaxTimes":16,"retryQueueNums":1,"whichBrokerWhenConsumeSlowly":1}`, string(out))
	var topics TopicConfigSerializeWrapper
	require.NoError(t, fastjson.Unmarshal([]byte(`{"topicConfigTable":{"T":{"topicName":"T","perm":4}}}`), &topics))
	require.Equal(t, &TopicConfig{"T", 16, 16, 4, "SINGLE_TAG", 0, false}, topics.TopicConfigTable["T"])
	var heartbeat HeartbeatData
	require.NoError(t, fastjson.Unmarshal([]byte(`{"consumerDataSet":[{"subscriptionDataSet":[{"topic":"T"}]}]}`), &heartbeat))
	require.Equal(t, "TAG", heartbeat.ConsumerDataSet[0].SubscriptionDataSet[0].ExpressionType)
}

func registration() *RegisterBrokerBody {
	return &RegisterBrokerBody{TopicConfigSerializeWrapper: TopicConfigSerializeWrapper{
		DataVersion:      DataVersion{3, 1700000000000},
		TopicConfigTable: map[string]*TopicConfig{"T": {"T", 8, 4, 6, "SINGLE_TAG", 0, false}, "中": {"中", 1, 1, 7, "MULTI_TAG", 0, false}},
	}}
}

func compressedBody(t testing.TB) []byte {
	data, err := registration().EncodeCompressed()
	require.NoError(t, err)
	return data
}

func TestRegisterBrokerBody(t *testing.T) {
	data := compressedBody(t)
	require.Equal(t, "\x00\x00\x00\x27"+`{"counter":3,"timestamp":1700000000000}`+"\x00\x00\x00\x02\x00\x00\x00\x12T 8 4 6 SINGLE_TAG\x00\x00\x00\x13中 1 1 7 MULTI_TAG\x00\x00\x00\x02[]", string(inflate(t, data)))
	var back RegisterBrokerBody
	require.NoError(t, back.DecodeCompressed(data))
	want := registration()
	want.FilterServerList = []string{}
	require.True(t, reflect.DeepEqual(want, &back), "%+v", back)
	require.Equal(t, int32(crc32.ChecksumIEEE(data)&0x7fffffff), BodyCRC32(data))
	require.Equal(t, int32(0x7fffffff&0xcbf43926), BodyCRC32([]byte("123456789")))
}

func deflate(t testing.TB, plain []byte) []byte {
	var out bytes.Buffer
	z := zlib.NewWriter(&out)
	_, err := z.Write(plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return out.Bytes()
}

func TestRegisterBrokerBodyRefuses(t *testing.T) {
	block := func(s string) string { return string(binary.BigEndian.AppendUint32(nil, uint32(len(s)))) + s }
	one := "\x00\x00\x00\x01"
	for plain, want := range map[string]string{
		"":                   "shorter",
		"\x00\x00\x00\x05{}": "shorter",
		block("{}"):          "shorter",
		block("{}") + one:    "shorter",
		block("{}") + "\x7f\xff\xff\xff" + block("T 1 1 6 SINGLE_TAG"):       "shorter",
		block("{}") + one + block("T 1 1 6"):                                 "has 4 words",
		block("{}") + one + block("T 1  1 6 SINGLE_TAG"):                     "has 6 words",
		block("{}") + one + block("T x 1 6 SINGLE_TAG") + block("[]"):        `a number "x"`,
		block("{}") + one + block("T 1 1 6 SINGLE_TAG") + block("{"):         "filter servers",
		block("{") + one + block("T 1 1 6 SINGLE_TAG") + block("[]"):         "data version",
		block("{}") + one + block("T 1 1 6 SINGLE_TAG") + "\xff\xff\xff\xff": "shorter",
	} {
		var b RegisterBrokerBody
		require.ErrorContains(t, b.DecodeCompressed(deflate(t, []byte(plain))), want, "%q", plain)
	}
	var b RegisterBrokerBody
	require.ErrorContains(t, b.DecodeCompressed([]byte("no zlib")), "not compressed")
	require.ErrorContains(t, b.DecodeCompressed(compressedBody(t)[:20]), "does not decompress")
	require.ErrorContains(t, b.DecodeCompressed(deflate(t, []byte(strings.Repeat("\x00", maxInflated+1)))), "more than 16777216 bytes")
}
