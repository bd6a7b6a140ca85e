package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/fastjson"
)

// rawHeader writes fields as they were read.
type rawHeader Ext

func (h rawHeader) AppendExt(w ExtWriter) ExtWriter {
	for _, f := range h {
		w.Bytes(string(f.Key), f.Value)
	}
	return w
}

// asOurs turns a frame of Java's 4.9.7 into what 4.9.8 would have sent: the version is another.
func asOurs(frame []byte, c *Command) []byte {
	frame = bytes.Clone(frame)
	if c.Serialize == RocketMQ {
		binary.BigEndian.PutUint16(frame[8+3:], uint16(Version))
		return frame
	}
	header := frame[8 : len(frame)-len(c.Body)]
	copy(header, bytes.Replace(header, fmt.Appendf(nil, `"version":%d}`, c.Version), fmt.Appendf(nil, `"version":%d}`, Version), 1))
	return frame
}

// encode writes a decoded frame anew with the header h.
func encode(c *Command, h Header) []byte {
	if c.IsResponse() {
		return AppendResponseTo(nil, c.Serialize, c.Opaque, Status(c.Code), string(c.Remark), h, c.Body)
	}
	return AppendRequest(nil, c.Serialize, Code(c.Code), c.Opaque, c.Flag, h, c.Body)
}

// TestGoldens reads every frame that Java sent, and writes it anew: first with the fields as they came, then
// through the typed header. Both must be Java's bytes.
func TestGoldens(t *testing.T) {
	frames := 0
	for name, list := range readExchanges(t) {
		t.Run(name, func(t *testing.T) {
			for _, e := range list {
				var d Decoder
				var c Command
				require.NoError(t, d.Decode(e.request[4:], &c))
				request := c.Clone()
				checkFrame(t, e.request, request, request)
				if e.response != nil {
					require.NoError(t, d.Decode(e.response[4:], &c))
					require.True(t, c.IsResponse())
					require.Equal(t, request.Opaque, c.Opaque)
					checkFrame(t, e.response, request, c.Clone())
				}
				checkServer(t, &e, request)
				frames++
			}
		})
	}
	require.Greater(t, frames, 200)
}

// checkServer: who answered in the recording is who the table names.
func checkServer(t *testing.T, e *exchange, request *Command) {
	row := request.Row()
	if row == nil {
		return
	}
	server := map[string]Server{"broker": Broker, "namesrv": Namesrv, "client": Client}[e.server]
	require.Equal(t, row.Server != 0, row.Server&server != 0, "%s answered by %s", row.Name, e.server)
}

func checkFrame(t *testing.T, frame []byte, request, c *Command) {
	want := asOurs(frame, c)
	if hasExt(frame, c) {
		require.Equal(t, string(want), string(encode(c, rawHeader(c.Ext))))
	} else {
		require.Equal(t, string(want), string(encode(c, nil)))
	}
	if c.IsResponse() && Status(c.Code) != StatusSuccess {
		return // refusals have no typed header
	}
	for _, seed := range headerSeeds {
		if int32(seed.code) != request.Code || seed.response != c.IsResponse() || !hasExt(frame, c) {
			continue
		}
		h := seed.blank()
		require.NoError(t, h.Decode(c.Ext))
		known := slices.DeleteFunc(slices.Clone(c.Ext), foreign)
		want := encode(c, rawHeader(known))
		// The order says nothing where Java's hash map was larger than ours, and in fast headers.
		sorted := len(c.Ext) > 12 || c.Serialize == RocketMQ && slices.Contains(fastCodes, Code(request.Code))
		require.Equal(t, inOrder(want, sorted), inOrder(encode(c, h.(Header)), sorted), "%s", describe(c))
	}
}

// foreign are fields that clients add to the header of any request and no server reads: the broker's name, and the
// mark of the admin tool's stream requests.
func foreign(f Field) bool { return string(f.Key) == "bname" || string(f.Key) == "ReqT" }

// hasExt tells whether a frame has extension fields, be they none: JSON shows the difference.
func hasExt(frame []byte, c *Command) bool {
	return len(c.Ext) > 0 || c.Serialize == JSON && bytes.Contains(frame, []byte(`"extFields"`))
}

// fastCodes are those whose headers implement FastCodesHeader: Java writes them in the order of declaration
// when the serialization is ROCKETMQ.
var fastCodes = []Code{CodeSendMessage, CodeSendMessageV2, CodeSendBatchMessage, CodePullMessage, CodeSendReplyMessage, CodeSendReplyMessageV2}

// inOrder returns a frame as text, with its fields sorted if their order does not count.
func inOrder(frame []byte, sorted bool) string {
	var d Decoder
	var c Command
	if !sorted || d.Decode(frame[4:], &c) != nil {
		return string(frame)
	}
	slices.SortFunc(c.Ext, func(a, b Field) int { return bytes.Compare(a.Key, b.Key) })
	return string(encode(&c, rawHeader(c.Ext)))
}

// bodyTypes names the JSON body of each code's request and response.
var bodyTypes = map[Code][2]func() any{
	CodeGetAllTopicConfig:                {nil, func() any { return new(TopicConfigSerializeWrapper) }},
	CodeGetBrokerRuntimeInfo:             {nil, func() any { return new(KVTable) }},
	CodeHeartBeat:                        {func() any { return new(HeartbeatData) }, nil},
	CodeGetConsumerListByGroup:           {nil, func() any { return new(GetConsumerListByGroupResponseBody) }},
	CodeLockBatchMq:                      {func() any { return new(LockBatchRequestBody) }, func() any { return new(LockBatchResponseBody) }},
	CodeUnlockBatchMq:                    {func() any { return new(UnlockBatchRequestBody) }, nil},
	CodeGetAllConsumerOffset:             {nil, func() any { return new(OffsetSerializeWrapper) }},
	CodeGetAllDelayOffset:                {nil, func() any { return new(DelayOffsetSerializeWrapper) }},
	CodeCheckClientConfig:                {func() any { return new(CheckClientRequestBody) }, nil},
	CodeRegisterBroker:                   {func() any { return new(RegisterBrokerBody) }, func() any { return new(KVTable) }},
	CodeGetRouteinfoByTopic:              {nil, func() any { return new(TopicRouteData) }},
	CodeGetBrokerClusterInfo:             {nil, func() any { return new(ClusterInfo) }},
	CodeUpdateAndCreateSubscriptiongroup: {func() any { return new(SubscriptionGroupConfig) }, nil},
	CodeGetAllSubscriptiongroupConfig:    {nil, func() any { return new(SubscriptionGroupWrapper) }},
	CodeGetTopicStatsInfo:                {nil, func() any { return new(TopicStatsTable) }},
	CodeGetConsumerConnectionList:        {nil, func() any { return new(ConsumerConnection) }},
	CodeGetProducerConnectionList:        {nil, func() any { return new(ProducerConnection) }},
	CodeGetAllTopicListFromNameserver:    {nil, func() any { return new(TopicList) }},
	CodeGetConsumeStats:                  {nil, func() any { return new(ConsumeStats) }},
	CodeGetKvlistByNamespace:             {nil, func() any { return new(KVTable) }},
	CodeResetConsumerClientOffset:        {func() any { return new(ResetOffsetBody) }, nil},
	CodeGetConsumerStatusFromClient:      {nil, func() any { return new(GetConsumerStatusBody) }},
	CodeInvokeBrokerToResetOffset:        {nil, func() any { return new(ResetOffsetBody) }},
	CodeInvokeBrokerToGetConsumerStatus:  {nil, func() any { return new(GetConsumerStatusBody) }},
	CodeGetTopicsByCluster:               {nil, func() any { return new(TopicList) }},
	CodeQueryTopicConsumeByWho:           {nil, func() any { return new(GroupList) }},
	CodeQueryConsumeTimeSpan:             {nil, func() any { return new(QueryConsumeTimeSpanBody) }},
	CodeGetSystemTopicListFromNs:         {nil, func() any { return new(TopicList) }},
	CodeGetSystemTopicListFromBroker:     {nil, func() any { return new(TopicList) }},
	CodeGetConsumerRunningInfo:           {nil, func() any { return new(ConsumerRunningInfo) }},
	CodeQueryCorrectionOffset:            {nil, func() any { return new(QueryCorrectionOffsetBody) }},
	CodeConsumeMessageDirectly:           {nil, func() any { return new(ConsumeMessageDirectlyResult) }},
	CodeGetUnitTopicList:                 {nil, func() any { return new(TopicList) }},
	CodeGetHasUnitSubTopicList:           {nil, func() any { return new(TopicList) }},
	CodeGetHasUnitSubUnunitTopicList:     {nil, func() any { return new(TopicList) }},
	CodeViewBrokerStatsData:              {nil, func() any { return new(BrokerStatsData) }},
	CodeGetBrokerConsumeStats:            {nil, func() any { return new(ConsumeStatsList) }},
	CodeQueryConsumeQueue:                {nil, func() any { return new(QueryConsumeQueueResponseBody) }},
	CodeQueryDataVersion:                 {func() any { return new(DataVersion) }, func() any { return new(DataVersion) }},
	CodeGetAllProducerInfo:               {nil, func() any { return new(ProducerTableInfo) }},
}

// TestGoldenBodies writes every JSON body of Java's anew. Java's maps and sets are in the order of their hashes,
// ours are sorted; then both must have the same bytes in another order, and read the same.
func TestGoldenBodies(t *testing.T) {
	exact, loose := map[Code]bool{}, map[Code]bool{}
	for _, list := range readExchanges(t) {
		for _, e := range list {
			var d Decoder
			var c Command
			require.NoError(t, d.Decode(e.request[4:], &c))
			code, types := Code(c.Code), bodyTypes[Code(c.Code)]
			compressed, _ := c.Ext.Get("compressed")
			for i, frame := range [][]byte{e.request, e.response} {
				if frame == nil || types[i] == nil || i == 0 && string(compressed) == "true" {
					continue
				}
				require.NoError(t, d.Decode(frame[4:], &c))
				if c.Body == nil {
					continue
				}
				if checkBody(t, code, c.Body, types[i]) {
					exact[code] = true
				} else {
					loose[code] = true
				}
			}
		}
	}
	for code := range bodyTypes {
		require.True(t, exact[code] || loose[code], "no body of %v was recorded", code)
	}
	for code := range exact {
		delete(loose, code)
	}
	t.Logf("only equal but for order: %v", slices.Sorted(maps.Keys(loose)))
}

func checkBody(t *testing.T, code Code, body []byte, blank func() any) (exact bool) {
	v := blank()
	require.NoError(t, fastjson.Unmarshal(body, v), "%v %s", code, body)
	write := fastjson.Marshal
	if code == CodeGetRouteinfoByTopic && bytes.Contains(body, []byte(`{"0":`)) {
		write = fastjson.MarshalStandard
	}
	ours, err := write(v)
	require.NoError(t, err)
	if bytes.Equal(body, ours) {
		return true
	}
	sorted := func(b []byte) string {
		b = bytes.Clone(b)
		slices.Sort(b)
		return string(b)
	}
	require.Equal(t, sorted(body), sorted(ours), "%v\njava %s\nours %s", code, body, ours)
	back := blank()
	require.NoError(t, fastjson.Unmarshal(ours, back))
	require.Equal(t, v, back)
	return false
}

// TestGoldenRegistration reads the registration that Java compressed.
func TestGoldenRegistration(t *testing.T) {
	found := false
	for _, e := range readExchanges(t)[fileName(int32(CodeRegisterBroker))] {
		var d Decoder
		var c Command
		var h RegisterBrokerRequest
		require.NoError(t, d.Decode(e.request[4:], &c))
		require.NoError(t, h.Decode(c.Ext))
		require.Equal(t, BodyCRC32(c.Body), h.BodyCrc32)
		if !h.Compressed {
			continue
		}
		found = true
		var b, back RegisterBrokerBody
		require.NoError(t, b.DecodeCompressed(c.Body))
		require.NotNil(t, b.TopicConfigSerializeWrapper.TopicConfigTable["TBW102"])
		require.NotZero(t, b.TopicConfigSerializeWrapper.DataVersion.Timestamp)
		data, err := b.EncodeCompressed()
		require.NoError(t, err)
		require.NoError(t, back.DecodeCompressed(data))
		require.Equal(t, b, back)
		require.Len(t, inflate(t, data), len(inflate(t, c.Body)), "our inside is as long as Java's")
	}
	require.True(t, found)
}

// unrecorded is why a served code has no golden.
var unrecorded = map[Code]string{}

func TestGoldensAreComplete(t *testing.T) {
	all := readExchanges(t)
	for _, r := range Rows() {
		if r.Server == 0 {
			continue
		}
		_, recorded := all[fileName(int32(r.Code))]
		require.Equal(t, unrecorded[r.Code] == "", recorded, "%v %d", r.Name, r.Code)
	}
}
