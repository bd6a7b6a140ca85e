package admin

import (
	"bytes"
	"compress/zlib"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answers is a server that says what a test tells it to.
type answers struct {
	mu     sync.Mutex // held while answering, and by a test that changes or reads what answers touch
	byCode map[wire.Code]answer
}

// answer makes the answer to a request.
type answer func(req *wire.Command) (wire.Status, string, wire.Header, []byte)

func (a *answers) Serve(t *transport.Turn, c *transport.Conn, cmd *wire.Command) {
	a.mu.Lock()
	defer a.mu.Unlock()
	status, remark, h, body := wire.StatusRequestCodeNotSupported, "no answer prepared", wire.Header(nil), []byte(nil)
	if f := a.byCode[wire.Code(cmd.Code)]; f != nil {
		status, remark, h, body = f(cmd)
	}
	buf := t.Buf(c)
	*buf = wire.AppendResponse(*buf, cmd, status, remark, h, body)
}
func (*answers) EndTurn(*transport.Turn) {}
func (*answers) Closed(*transport.Conn)  {}

// do is for a test's own changes.
func (a *answers) do(f func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	f()
}

func (a *answers) set(code wire.Code, f answer) {
	a.do(func() {
		if a.byCode == nil {
			a.byCode = make(map[wire.Code]answer)
		}
		a.byCode[code] = f
	})
}

// says answers every request of a code alike.
func (a *answers) says(t *testing.T, code wire.Code, body any) {
	data, err := fastjson.Marshal(body)
	require.NoError(t, err)
	a.set(code, func(*wire.Command) (wire.Status, string, wire.Header, []byte) {
		return wire.StatusSuccess, "", nil, data
	})
}

// refuses answers every request of a code with a refusal.
func (a *answers) refuses(code wire.Code, status wire.Status, remark string) {
	a.set(code, func(*wire.Command) (wire.Status, string, wire.Header, []byte) { return status, remark, nil, nil })
}

// serve starts a server and returns its address.
func serve(t *testing.T, a *answers) string {
	t.Helper()
	tr, err := transport.New(transport.Options{RingIO: "off", Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	l, err := tr.Listen("127.0.0.1:0", a)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close(context.Background())) })
	return l.Addr().String()
}

func open(t *testing.T, namesrvs ...string) *Cluster {
	c := Open(Options{Namesrvs: namesrvs, Clock: clock.Real{}})
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// twoBrokers is a name server that knows topic T on two brokers, of which b has no master.
func twoBrokers(t *testing.T, addrA, addrB string) *answers {
	a := new(answers)
	brokerA := wire.BrokerData{Cluster: "c", BrokerName: "a", BrokerAddrs: map[int64]string{0: addrA, 1: "slave:1"}}
	brokerB := wire.BrokerData{Cluster: "c", BrokerName: "b", BrokerAddrs: map[int64]string{2: addrB, 5: "slave:5"}}
	a.says(t, wire.CodeGetRouteinfoByTopic, wire.TopicRouteData{
		QueueDatas: []wire.QueueData{
			{BrokerName: "b", ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6},
			{BrokerName: "a", ReadQueueNums: 2, WriteQueueNums: 3, Perm: 6},
		},
		BrokerDatas: []wire.BrokerData{brokerB, brokerA},
	})
	a.says(t, wire.CodeGetBrokerClusterInfo, wire.ClusterInfo{
		BrokerAddrTable:  map[string]*wire.BrokerData{"a": &brokerA, "b": &brokerB},
		ClusterAddrTable: map[string][]string{"c": {"b", "a"}, "empty": {"gone"}},
	})
	return a
}

func TestNames(t *testing.T) {
	dead := "127.0.0.1:1"
	names := serve(t, twoBrokers(t, "a:1", "b:2"))
	c := open(t, dead, names)

	route, err := c.Route(t.Context(), "T")
	require.NoError(t, err, "the second name server answers")
	require.Equal(t, "a", route.QueueDatas[0].BrokerName, "sorted")
	require.Equal(t, "a", route.BrokerDatas[0].BrokerName, "sorted")
	addr, err := Address(&route.BrokerDatas[1])
	require.NoError(t, err)
	require.Equal(t, "b:2", addr, "without a master the slave with the lowest id")
	_, err = Address(&wire.BrokerData{BrokerName: "x"})
	require.ErrorContains(t, err, "broker x has no address")

	masters, err := c.Masters(t.Context(), "c")
	require.NoError(t, err)
	require.Equal(t, []string{"a:1"}, masters)
	_, err = c.Masters(t.Context(), "empty")
	require.ErrorContains(t, err, "no broker of cluster empty has a master")
	_, err = c.Masters(t.Context(), "d")
	require.ErrorContains(t, err, "there is no cluster d; the name server knows [c empty]")
	name, err := c.BrokerName(t.Context(), "b:2")
	require.NoError(t, err)
	require.Equal(t, "b", name)
	_, err = c.BrokerName(t.Context(), "nowhere:1")
	require.ErrorContains(t, err, "nowhere:1")

	_, err = open(t, dead, "127.0.0.1:2").Topics(t.Context())
	require.ErrorContains(t, err, "no name server answers")
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.ErrorContains(t, err, "127.0.0.1:2")

	refusing := new(answers)
	refusing.refuses(wire.CodeGetRouteinfoByTopic, wire.StatusTopicNotExist, "no T")
	_, err = open(t, serve(t, refusing), names).Route(t.Context(), "T")
	status, answered := StatusOf(err)
	require.True(t, answered, "a refusal is an answer: the next one is not asked")
	require.Equal(t, wire.StatusTopicNotExist, status)
}

// A change goes to all name servers; one that is down is named.
func TestTellAllNameServers(t *testing.T) {
	var put []string
	a := new(answers)
	a.set(wire.CodePutKvConfig, func(req *wire.Command) (wire.Status, string, wire.Header, []byte) {
		var h wire.PutKvConfigRequest
		if err := h.Decode(req.Ext); err != nil {
			t.Error(err)
		}
		put = append(put, h.Namespace+" "+h.Key+" "+h.Value)
		return wire.StatusSuccess, "", nil, nil
	})
	a.set(wire.CodeGetKvConfig, func(*wire.Command) (wire.Status, string, wire.Header, []byte) {
		return wire.StatusSuccess, "", &wire.GetKvConfigResponse{Value: "b:4;a:4"}, nil
	})
	one, two := serve(t, a), serve(t, a)
	value, err := open(t, one, two).SetOrder(t.Context(), "T", []string{"b", "c"}, 8, false)
	require.NoError(t, err)
	require.Equal(t, "a:4;b:8;c:8", value)
	a.do(func() {
		require.Equal(t, []string{"ORDER_TOPIC_CONFIG T a:4;b:8;c:8", "ORDER_TOPIC_CONFIG T a:4;b:8;c:8"}, put)
	})

	value, err = open(t, one, "127.0.0.1:1").SetOrder(t.Context(), "T", []string{"b"}, 2, true)
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.Equal(t, "b:2", value)
	a.refuses(wire.CodeGetKvConfig, wire.StatusQueryNotFound, "none")
	value, err = open(t, one).SetOrder(t.Context(), "T", []string{"b"}, 2, false)
	require.NoError(t, err)
	require.Equal(t, "b:2", value)
}

func TestSend(t *testing.T) {
	var sent wire.SendMessageRequest
	broker := new(answers)
	status := wire.StatusSuccess
	broker.set(wire.CodeSendMessageV2, func(req *wire.Command) (wire.Status, string, wire.Header, []byte) {
		clone := req.Clone()
		if err := sent.DecodeV2(clone.Ext); err != nil {
			t.Error(err)
		}
		return status, "remark", &wire.SendMessageResponse{MsgID: []byte("OFFSETID"), QueueID: sent.QueueID, QueueOffset: 7}, nil
	})
	addr := serve(t, broker)
	names := twoBrokers(t, addr, "127.0.0.1:1")
	c := open(t, serve(t, names))
	for range 20 {
		res, err := c.Send(t.Context(), Outgoing{Topic: "T", Tags: "tag", Keys: "k1 k2", Body: []byte("x"), Queue: -1})
		require.NoError(t, err)
		require.Equal(t, "a", res.Broker, "b has no master")
		require.Less(t, res.Queue, int32(3))
		require.Equal(t, "SEND_OK", res.Status)
		require.EqualValues(t, 7, res.Offset)
		require.Equal(t, "OFFSETID", res.OffsetID)
		var props message.Properties
		broker.do(func() { props = sent.Properties })
		require.Equal(t, res.ID, string(props.Get("UNIQ_KEY")))
		require.Len(t, res.ID, 32)
		require.Equal(t, "tag", string(props.Get("TAGS")))
		require.Equal(t, "k1 k2", string(props.Get("KEYS")))
	}
	res, err := c.Send(t.Context(), Outgoing{Topic: "T", Broker: "a", Queue: 2})
	require.NoError(t, err)
	require.EqualValues(t, 2, res.Queue)

	for _, bad := range []struct {
		m    Outgoing
		want string
	}{
		{Outgoing{Topic: "T", Broker: "a", Queue: 3}, "no queue on broker a with id 3"},
		{Outgoing{Topic: "T", Broker: "b", Queue: -1}, "no queue on broker b that"},
		{Outgoing{Topic: "T", Tags: "a\x02b", Queue: -1}, "must not contain"},
	} {
		_, err := c.Send(t.Context(), bad.m)
		require.ErrorContains(t, err, bad.want)
	}

	// The broker has the message, and says what it could not do in time.
	broker.do(func() { status = wire.StatusFlushDiskTimeout })
	res, err = c.Send(t.Context(), Outgoing{Topic: "T", Queue: -1})
	require.NoError(t, err)
	require.Equal(t, "FLUSH_DISK_TIMEOUT", res.Status)
	broker.do(func() { status = wire.StatusServiceNotAvailable })
	_, err = c.Send(t.Context(), Outgoing{Topic: "T", Queue: -1})
	require.ErrorContains(t, err, "remark (SERVICE_NOT_AVAILABLE)")
	require.ErrorContains(t, err, addr)

	// An unknown topic is sent to where the template is; its queues are not asked for beyond four.
	broker.do(func() { status = wire.StatusSuccess })
	known := names.byCode[wire.CodeGetRouteinfoByTopic]
	names.set(wire.CodeGetRouteinfoByTopic, func(req *wire.Command) (wire.Status, string, wire.Header, []byte) {
		if topic, _ := req.Ext.Get("topic"); string(topic) != "TBW102" {
			return wire.StatusTopicNotExist, "unknown", nil, nil
		}
		return known(req)
	})
	res, err = c.Send(t.Context(), Outgoing{Topic: "New", Queue: -1})
	require.NoError(t, err)
	broker.do(func() {
		require.Equal(t, "New", string(sent.Topic))
		require.Equal(t, "TBW102", string(sent.DefaultTopic))
		require.EqualValues(t, 4, sent.DefaultTopicQueueNums)
	})
	require.Less(t, res.Queue, int32(4))
	names.refuses(wire.CodeGetRouteinfoByTopic, wire.StatusTopicNotExist, "unknown")
	_, err = c.Send(t.Context(), Outgoing{Topic: "New", Queue: -1})
	require.ErrorContains(t, err, "create it with updateTopic")
}

func TestPull(t *testing.T) {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, err := z.Write([]byte("unpacked"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	host := netip.MustParseAddrPort("127.0.0.1:10911")
	record := func(off int, flag int32, body []byte, props message.Properties) []byte {
		r := message.Record{Topic: []byte("T"), Body: body, SysFlag: flag, QueueOffset: message.QueueOffset(off), BornHost: host, StoreHost: host, Properties: props}
		return r.Append(nil)
	}
	two := slices.Concat(record(5, 0, []byte("plain"), message.Properties(nil).Append("UNIQ_KEY", "ID5")), record(6, message.FlagCompressed, packed.Bytes(), nil))
	for _, c := range []struct {
		name   string
		status wire.Status
		body   []byte
		bodies []string
		end    bool
		err    string
	}{
		{name: "found", status: wire.StatusSuccess, body: two, bodies: []string{"plain", "unpacked"}},
		{name: "nothing yet", status: wire.StatusPullNotFound, end: true},
		{name: "moved", status: wire.StatusPullOffsetMoved},
		{name: "gone", status: wire.StatusPullRetryImmediately},
		{name: "refused", status: wire.StatusNoPermission, err: "NO_PERMISSION"},
		{name: "torn record", status: wire.StatusSuccess, body: two[:len(two)-1], err: "TOTALSIZE"},
		{name: "flipped bit", status: wire.StatusSuccess, body: bytes.Replace(two, []byte("plain"), []byte("plaim"), 1), err: "BODYCRC"},
		{name: "no zlib", status: wire.StatusSuccess, body: record(9, message.FlagCompressed, []byte("no zlib"), nil), err: "queue offset 9"},
	} {
		t.Run(c.name, func(t *testing.T) {
			broker := new(answers)
			broker.set(wire.CodePullMessage, func(*wire.Command) (wire.Status, string, wire.Header, []byte) {
				return c.status, "", &wire.PullMessageResponse{NextBeginOffset: 42}, c.body
			})
			p, err := open(t).Pull(t.Context(), Readable{wire.MessageQueue{Topic: "T", BrokerName: "a"}, serve(t, broker)}, ToolsGroup, 5, 32)
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.EqualValues(t, 42, p.Next)
			require.Equal(t, c.end, p.End)
			var bodies []string
			for i := range p.Messages {
				bodies = append(bodies, string(p.Messages[i].Body))
			}
			require.Equal(t, c.bodies, bodies)
			if bodies != nil {
				require.Equal(t, "ID5", MessageID(&p.Messages[0]))
				require.Equal(t, "7F00000100002A9F0000000000000000", MessageID(&p.Messages[1]))
			}
		})
	}
}

func TestProgress(t *testing.T) {
	q := func(broker string, id int32) wire.MessageQueue {
		return wire.MessageQueue{Topic: "T", BrokerName: broker, QueueID: id}
	}
	brokerA, brokerB := new(answers), new(answers)
	brokerA.says(t, wire.CodeGetConsumeStats, wire.ConsumeStats{ConsumeTps: 1.5, OffsetTable: map[wire.MessageQueue]wire.OffsetWrapper{
		q("a", 1): {BrokerOffset: 10, ConsumerOffset: 7}, q("a", 0): {BrokerOffset: 5, ConsumerOffset: 5}}})
	brokerB.says(t, wire.CodeGetConsumeStats, wire.ConsumeStats{ConsumeTps: 2, OffsetTable: map[wire.MessageQueue]wire.OffsetWrapper{
		q("b", 0): {BrokerOffset: 4, ConsumerOffset: 1}}})
	brokerA.says(t, wire.CodeGetConsumerConnectionList, wire.ConsumerConnection{ConnectionSet: []wire.Connection{{ClientID: "10.0.0.9@77", Version: 409}}})
	brokerA.says(t, wire.CodeGetConsumerRunningInfo, wire.ConsumerRunningInfo{MqTable: map[wire.MessageQueue]wire.ProcessQueueInfo{q("a", 1): {}}})
	names := twoBrokers(t, serve(t, brokerA), serve(t, brokerB))
	c := open(t, serve(t, names))
	p, err := c.Progress(t.Context(), "CG")
	require.NoError(t, err)
	require.Equal(t, 3.5, p.TPS)
	require.EqualValues(t, 6, p.Diff())
	var queues []wire.MessageQueue
	for _, row := range p.Queues {
		queues = append(queues, row.Queue)
	}
	require.Equal(t, []wire.MessageQueue{q("a", 0), q("a", 1), q("b", 0)}, queues)
	owners, err := c.Owners(t.Context(), "CG")
	require.NoError(t, err)
	require.Equal(t, map[wire.MessageQueue]string{q("a", 1): "10.0.0.9"}, owners)

	brokerA.refuses(wire.CodeGetConsumerConnectionList, wire.StatusConsumerNotOnline, "offline")
	_, err = c.Consumers(t.Context(), "CG")
	status, _ := StatusOf(err)
	require.Equal(t, wire.StatusConsumerNotOnline, status)
	names.refuses(wire.CodeGetRouteinfoByTopic, wire.StatusTopicNotExist, "unknown")
	_, err = c.Progress(t.Context(), "CG")
	require.ErrorContains(t, err, "consumer group CG has never been online")
}

func TestVersionName(t *testing.T) {
	for v, want := range map[int32]string{
		121: "V3 (121)", 212: "V4_0_0_SNAPSHOT", 213: "V4_0_0", 231: "V4_0_9", 232: "V4_1_0_SNAPSHOT", 401: "V4_9_4", 407: "V4_9_7",
		409: "V4_9_8", 411: "V4_9_9", 412: "V5_0_0_SNAPSHOT", 413: "V5_0_0", 611: "V5_9_9", 612: "HIGHER_VERSION", 9999: "HIGHER_VERSION",
	} {
		require.Equal(t, want, VersionName(v), v)
	}
}

func TestUniqueIDs(t *testing.T) {
	u := uniqueIDs{process: 0xAABBCCDD}
	now := time.Date(2026, 5, 2, 0, 0, 0, 0, time.UTC) // a day into the month: 0x5265C00 ms
	require.Equal(t, "7F000001"+"AABB"+"AABBCCDD"+"05265C00"+"0001", u.next(now))
	require.True(t, strings.HasSuffix(u.next(now), "0002"))
}

func FuzzDecodeRecords(f *testing.F) {
	r := message.Record{Topic: []byte("T"), Body: []byte("x"), BornHost: netip.MustParseAddrPort("1.2.3.4:5"), StoreHost: netip.MustParseAddrPort("1.2.3.4:5")}
	one := r.Append(nil)
	f.Add(one)
	f.Add(slices.Concat(one, one))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := decodeRecords(b)
		if err == nil && len(b) > 0 {
			require.NotEmpty(t, records)
		}
	})
}
