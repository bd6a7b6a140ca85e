package namesrv

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/client"
	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/fastjson"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/namesrv/route"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startServer starts a name server on a free port, with its files in a folder of its own.
func startServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	o := testOptions(t)
	if change != nil {
		change(&o)
	}
	if o.Transport == nil {
		o.Transport = newTransport(t, "off")
	}
	s, err := New(o)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func newTransport(t *testing.T, ringIO string) *transport.Transport {
	t.Helper()
	tr, err := transport.New(transport.Options{RingIO: ringIO})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close(context.Background())) })
	return tr
}

func testOptions(t testing.TB) Options {
	t.Helper()
	dir := t.TempDir()
	conf, _, err := config.Source{Host: config.Host{Home: dir}, Flags: map[string]string{
		"listenPort": "0", "bindAddress": "127.0.0.1",
		"kvConfigPath": filepath.Join(dir, "kvConfig.json"),
	}}.Namesrv()
	require.NoError(t, err)
	return Options{Config: conf, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)}
}

// call asks s over a connection of its own, or over c.
func call(t *testing.T, s *Server, c *client.Client, code wire.Code, h wire.Header, body []byte) *wire.Command {
	t.Helper()
	if c == nil {
		c = connect(t, s)
	}
	answer, err := c.Call(t.Context(), code, h, body)
	require.NoError(t, err)
	return answer
}

func connect(t *testing.T, s *Server) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), s.Addr().String(), client.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// register registers a master with one topic.
func register(t *testing.T, s *Server, c *client.Client, broker, topic string) {
	t.Helper()
	body, err := fastjson.Marshal(&wire.RegisterBrokerBody{TopicConfigSerializeWrapper: wire.TopicConfigSerializeWrapper{
		TopicConfigTable: map[string]*wire.TopicConfig{topic: {TopicName: topic, ReadQueueNums: 4, WriteQueueNums: 4, Perm: 6}},
	}})
	require.NoError(t, err)
	h := &wire.RegisterBrokerRequest{BrokerName: broker, BrokerAddr: broker + ":10911", ClusterName: "c", HaServerAddr: broker + ":10912"}
	require.NoError(t, client.Failure(call(t, s, c, wire.CodeRegisterBroker, h, body)))
}

func lookup(t *testing.T, s *Server, topic string) wire.Status {
	t.Helper()
	return wire.Status(call(t, s, nil, wire.CodeGetRouteinfoByTopic, &wire.GetRouteinfoByTopicRequest{Topic: topic}, nil).Code)
}

// manualClock is the system's clock, plus what a test adds.
type manualClock struct {
	clock.Real
	added atomic.Int64
}

func (c *manualClock) Now() time.Time { return c.Real.Now().Add(time.Duration(c.added.Load())) }

// A silent broker is removed and its connection closed; another is not.
func TestExpiry(t *testing.T) {
	c := &manualClock{}
	s := startServer(t, func(o *Options) { o.Clock = c })
	silent, lively := connect(t, s), connect(t, s)
	register(t, s, silent, "silent", "T1")
	c.added.Store(int64(route.ExpireAfter))
	register(t, s, lively, "lively", "T2")
	c.added.Add(int64(time.Second))
	s.expire()
	<-silent.Done()
	require.NoError(t, lively.Err())
	require.Equal(t, wire.StatusTopicNotExist, lookup(t, s, "T1"))
	require.Equal(t, wire.StatusSuccess, lookup(t, s, "T2"))
}

// The options of request 318 take effect at once and are there after a restart.
func TestUpdateConfig(t *testing.T) {
	var path string
	s := startServer(t, func(o *Options) { path = o.Config.Namesrv.ConfigStorePath })
	update := func(lines string) *wire.Command {
		return call(t, s, nil, wire.CodeUpdateNamesrvConfig, nil, []byte(lines))
	}
	text := func() string { return string(call(t, s, nil, wire.CodeGetNamesrvConfig, nil, nil).Body) }

	require.Contains(t, text(), "orderMessageEnable=false\n")
	require.NoError(t, client.Failure(update("orderMessageEnable=true\nserverChannelMaxIdleTimeSeconds=60")))
	require.Contains(t, text(), "orderMessageEnable=true\n")
	for _, key := range []string{"kvConfigPath", "configStorePath", "rocketmqHome", "configBlackList", "bindAddress"} {
		answer := update("orderMessageEnable=false\n" + key + "=/tmp/x")
		require.EqualValues(t, wire.StatusNoPermission, answer.Code, key)
		require.Equal(t, "Can not update config in black list.", string(answer.Remark), key)
	}
	require.Contains(t, text(), "orderMessageEnable=true\n", "nothing of a refused change is applied")

	again, _, err := config.LoadNamesrv(path, nil)
	require.NoError(t, err)
	require.True(t, again.Namesrv.OrderMessageEnable)
	require.Equal(t, 60, again.Server.ServerChannelMaxIdleTimeSeconds)

	// What cannot be kept does not take effect.
	require.NoError(t, os.Mkdir(path+".tmp", 0o755))
	require.ErrorContains(t, client.Failure(update("orderMessageEnable=false")), path)
	require.Contains(t, text(), "orderMessageEnable=true\n")
}

// With clusterTest the product environment knows what is unknown here.
func TestProductEnvironment(t *testing.T) {
	product := startServer(t, nil)
	register(t, product, connect(t, product), "broker-p", "P")
	testOnly := func(addrs ...string) *Server {
		return startServer(t, func(o *Options) {
			o.Config.Namesrv.ClusterTest = true
			o.ProductAddrs = addrs
		})
	}
	s := testOnly("127.0.0.1:1", product.Addr().String())
	register(t, s, connect(t, s), "broker-t", "T")
	require.NoError(t, s.kv.Put("ORDER_TOPIC_CONFIG", "T", "broker-t:4"))
	route := func(topic string) string {
		return string(call(t, s, nil, wire.CodeGetRouteinfoByTopic, &wire.GetRouteinfoByTopicRequest{Topic: topic}, nil).Body)
	}
	require.Contains(t, route("T"), `"orderTopicConf":"broker-t:4"`, "whatever orderMessageEnable says")
	require.Contains(t, route("P"), `"brokerName":"broker-p"`)
	require.Equal(t, wire.StatusTopicNotExist, lookup(t, s, "X"))
	require.Equal(t, wire.StatusTopicNotExist, lookup(t, testOnly(), "P"), "nobody to ask")
}

// The periodic print says all that is known.
func TestPrint(t *testing.T) {
	var out bytes.Buffer
	s, err := New(testOptions(t))
	require.NoError(t, err)
	s.log = slog.New(slog.NewTextHandler(&out, nil))
	_, err = s.table.Register(route.Registration{Broker: "broker-a", Cluster: "c", Addr: "h:1",
		Topics: map[string]*wire.TopicConfig{"T": {TopicName: "T", Perm: 6}}})
	require.NoError(t, err)
	require.NoError(t, s.kv.Put("ns", "k", "v"))
	s.print()
	for _, want := range []string{"kv ns k", "route topic T: broker-a", "route broker broker-a", "route cluster c", "route live h:1"} {
		require.Contains(t, out.String(), want)
	}
}

// A busy port is named, and nothing stays behind.
func TestPortInUse(t *testing.T) {
	s := startServer(t, nil)
	o := testOptions(t)
	o.Transport = s.transport
	o.Config.Server.ListenPort = int(s.Addr().Port())
	second, err := New(o)
	require.NoError(t, err)
	require.ErrorContains(t, second.Start(t.Context()), s.Addr().String())
	require.NoError(t, second.Close(t.Context()))
}

// An unreadable KV configuration stops the start: going on would lose it with the next change.
func TestDamagedKVConfig(t *testing.T) {
	o := testOptions(t)
	require.NoError(t, os.WriteFile(o.Config.Namesrv.KvConfigPath, []byte("{"), 0o644))
	_, err := New(o)
	require.ErrorContains(t, err, o.Config.Namesrv.KvConfigPath)
}

func TestLanes(t *testing.T) {
	var l lanes
	l.start()
	var order []int // owned by lane 1 until close
	hold := make(chan struct{})
	started := make(chan struct{})
	require.True(t, l.put(1, 0, func() { close(started); <-hold }))
	<-started
	for i := range laneShare {
		require.True(t, l.put(1, 0, func() { order = append(order, i) }))
	}
	require.False(t, l.put(1, 0, func() { t.Error("more than the share of one key") }))
	for i := laneShare; i < laneJobs; i++ { // other keys of the same lane
		require.True(t, l.put(uint64(1+laneCount*(i/laneShare)), 0, func() { order = append(order, i) }), i)
	}
	require.False(t, l.put(1+laneCount*laneJobs, 0, func() { t.Error("too many jobs") }))
	l.putAlways(1+laneCount, func() { order = append(order, laneJobs) })
	done := make(chan struct{})
	require.True(t, l.put(2, 0, func() { close(done) }), "another lane is not full")
	<-done
	close(hold)
	l.close()
	require.True(t, slices.IsSorted(order))
	require.Len(t, order, laneJobs+1)
	require.False(t, l.put(1, 0, func() { t.Error("a job after the end") }))

	var bytes lane
	bytes.more.L = &bytes.mu
	bytes.shares = make(map[uint64]int)
	require.True(t, bytes.put(laneJob{bytes: laneBytes + 1}, false), "one job may be of any size")
	require.False(t, bytes.put(laneJob{bytes: 1}, false))
	require.True(t, bytes.put(laneJob{bytes: 1}, true))
}

// BenchmarkRegister10000 is a broker with 10,000 topics that registers anew, over the wire.
func BenchmarkRegister10000(b *testing.B) {
	for _, compress := range []bool{false, true} {
		b.Run(fmt.Sprint("compressed=", compress), func(b *testing.B) {
			s, err := New(testOptions(b))
			require.NoError(b, err)
			body := wire.RegisterBrokerBody{FilterServerList: []string{}}
			body.TopicConfigSerializeWrapper.TopicConfigTable = map[string]*wire.TopicConfig{}
			for i := range 10_000 {
				name := fmt.Sprintf("some-topic-name-%05d", i)
				body.TopicConfigSerializeWrapper.TopicConfigTable[name] = &wire.TopicConfig{TopicName: name, ReadQueueNums: 8,
					WriteQueueNums: 8, Perm: 6, TopicFilterType: "SINGLE_TAG"}
			}
			for b.Loop() {
				b.StopTimer()
				body.TopicConfigSerializeWrapper.DataVersion.Counter++
				var data []byte
				if compress {
					data, err = body.EncodeCompressed()
				} else {
					data, err = fastjson.Marshal(&body)
				}
				require.NoError(b, err)
				h := &wire.RegisterBrokerRequest{BrokerName: "broker-a", BrokerAddr: "h:1", ClusterName: "c", HaServerAddr: "h:2",
					HasCompressed: true, Compressed: compress, HasBodyCrc32: true, BodyCrc32: wire.BodyCRC32(data)}
				frame := wire.AppendRequest(nil, wire.JSON, wire.CodeRegisterBroker, 1, 0, h, data)
				var cmd wire.Command
				require.NoError(b, new(wire.Decoder).Decode(frame[4:], &cmd))
				b.SetBytes(int64(len(data)))
				b.StartTimer()
				got := s.answer(nil, handlers[wire.CodeRegisterBroker], &request{cmd: &cmd})
				b.StopTimer()
				require.NotContains(b, string(got), "remark")
				b.StartTimer()
			}
		})
	}
}

// BenchmarkTopicRoute is what clients ask all day.
func BenchmarkTopicRoute(b *testing.B) {
	s, err := New(testOptions(b))
	require.NoError(b, err)
	for i := range 4 {
		name := fmt.Sprint("broker-", i)
		_, err := s.table.Register(route.Registration{Broker: name, Cluster: "c", Addr: name + ":10911",
			Topics: map[string]*wire.TopicConfig{"T": {TopicName: "T", ReadQueueNums: 8, WriteQueueNums: 8, Perm: 6}}})
		require.NoError(b, err)
	}
	frame := wire.AppendRequest(nil, wire.JSON, wire.CodeGetRouteinfoByTopic, 1, 0, &wire.GetRouteinfoByTopicRequest{Topic: "T"}, nil)
	var cmd wire.Command
	require.NoError(b, new(wire.Decoder).Decode(frame[4:], &cmd))
	var dst []byte
	r := request{cmd: &cmd}
	b.ReportAllocs()
	for b.Loop() {
		dst = s.answer(dst[:0], handlers[wire.CodeGetRouteinfoByTopic], &r)
	}
}
