package server

import (
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/client"
	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/fastjson"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/namesrv"
)

// peer is a client of a broker that keeps what it is asked.
type peer struct {
	*client.Client
	t     testing.TB
	asked chan *wire.Command
}

func dial(t testing.TB, addr string) *peer {
	t.Helper()
	p := &peer{t: t, asked: make(chan *wire.Command, 100)}
	var err error
	p.Client, err = client.Dial(t.Context(), addr, client.Options{OnRequest: func(_ *client.Client, req *wire.Command) { p.asked <- req.Clone() }})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// ask returns the answer to a request.
func (p *peer) ask(code wire.Code, h wire.Header, body []byte) *wire.Command {
	p.t.Helper()
	answer, err := p.Call(p.t.Context(), code, h, body)
	require.NoError(p.t, err)
	return answer
}

// must asks and wants success.
func (p *peer) must(code wire.Code, h wire.Header, body []byte) *wire.Command {
	p.t.Helper()
	answer := p.ask(code, h, body)
	require.Equal(p.t, wire.StatusSuccess, wire.Status(answer.Code), "%s", answer.Remark)
	return answer
}

// refused asks and wants a status and a part of the remark.
func (p *peer) refused(status wire.Status, remark string, code wire.Code, h wire.Header, body []byte) {
	p.t.Helper()
	answer := p.ask(code, h, body)
	require.Equal(p.t, status, wire.Status(answer.Code), "%s", answer.Remark)
	require.Contains(p.t, string(answer.Remark), remark)
}

// next waits for a request of the broker.
func (p *peer) next() *wire.Command {
	p.t.Helper()
	select {
	case req := <-p.asked:
		return req
	case <-time.After(10 * time.Second):
		p.t.Fatal("the broker asks nothing")
		return nil
	}
}

// told wants the next request to be the notice that a group has changed.
func (p *peer) told(group string) {
	p.t.Helper()
	req := p.next()
	require.Equal(p.t, wire.CodeNotifyConsumerIdsChanged, wire.Code(req.Code))
	name, _ := req.Ext.Get("consumerGroup")
	require.Equal(p.t, group, string(name))
}

// quiet wants no request of the broker so far: whatever it has sent stands before the answer to this question.
func (p *peer) quiet() {
	p.t.Helper()
	p.ask(wire.CodeGetMaxOffset, &wire.GetMaxOffsetRequest{Topic: "TBW102"}, nil)
	require.Empty(p.t, p.asked)
}

func toJSON(t testing.TB, v any) []byte {
	t.Helper()
	body, err := fastjson.Marshal(v)
	require.NoError(t, err)
	return body
}

func (p *peer) heartbeat(id string, groups ...string) {
	p.t.Helper()
	hb := wire.HeartbeatData{ClientID: id}
	for _, g := range groups {
		hb.ConsumerDataSet = append(hb.ConsumerDataSet, wire.ConsumerData{
			GroupName: g, ConsumeType: wire.ConsumePassively, MessageModel: wire.Clustering, ConsumeFromWhere: wire.ConsumeFromLastOffset,
			SubscriptionDataSet: []wire.SubscriptionData{{Topic: "T", SubString: "*", ExpressionType: "TAG", SubVersion: 1}},
		})
	}
	p.must(wire.CodeHeartBeat, nil, toJSON(p.t, &hb))
}

// onBothPaths runs a test over both transports.
func onBothPaths(t *testing.T, test func(t *testing.T, ringIO string)) {
	for _, path := range []string{"off", "auto"} {
		t.Run("ringIO="+path, func(t *testing.T) { test(t, path) })
	}
}

func TestConsumersAreToldOfEachOther(t *testing.T) {
	onBothPaths(t, func(t *testing.T, path string) {
		b := startBroker(t, path, nil)
		one, two := dial(t, b.Addr().String()), dial(t, b.Addr().String())
		one.heartbeat("c1", "G", "H")
		one.told("G")
		one.told("H")
		two.heartbeat("c2", "G")
		one.told("G")
		two.told("G")
		one.heartbeat("c1", "G", "H")
		one.quiet()
		two.must(wire.CodeUnregisterClient, &wire.UnregisterClientRequest{ClientID: "c2", ConsumerGroup: "G"}, nil)
		one.told("G")
		two.heartbeat("c2", "G")
		one.told("G")
		require.NoError(t, two.Close())
		one.told("G")
		one.quiet()

		// A group may wish not to be told; a closed connection is told of all the same.
		g := wire.SubscriptionGroupConfig{}
		g.SetDefaults()
		g.GroupName, g.NotifyConsumerIDsChangedEnable = "G", false
		one.must(wire.CodeUpdateAndCreateSubscriptiongroup, nil, toJSON(t, &g))
		three := dial(t, b.Addr().String())
		three.heartbeat("c3", "G")
		one.quiet()
		require.NoError(t, three.Close())
		one.told("G")

		// So may the broker, of all groups.
		one.must(wire.CodeUpdateBrokerConfig, nil, []byte("notifyConsumerIdsChangedEnable=false\n"))
		four := dial(t, b.Addr().String())
		four.heartbeat("c4", "H")
		one.quiet()
		require.Empty(t, b.errors.lines())
	})
}

// answers lets a client answer the broker's requests with a body.
func (p *peer) answers(code wire.Code, status wire.Status, remark string, body []byte) {
	p.t.Helper()
	req := p.next()
	require.Equal(p.t, code, wire.Code(req.Code))
	require.NoError(p.t, p.Respond(req, status, remark, nil, body))
}

func TestRelays(t *testing.T) {
	b := startBroker(t, "auto", nil)
	consumer, tool := dial(t, b.Addr().String()), dial(t, b.Addr().String())
	consumer.heartbeat("c1", "G")
	consumer.told("G")
	asking := func(code wire.Code, h wire.Header) chan *wire.Command {
		answer := make(chan *wire.Command, 1)
		go func() {
			cmd, err := tool.Call(t.Context(), code, h, nil)
			if err == nil {
				answer <- cmd
			}
			close(answer)
		}()
		return answer
	}
	answer := asking(wire.CodeGetConsumerRunningInfo, &wire.GetConsumerRunningInfoRequest{ConsumerGroup: "G", ClientID: "c1"})
	consumer.answers(wire.CodeGetConsumerRunningInfo, wire.StatusSuccess, "", []byte(`{"jstack":"x"}`))
	require.JSONEq(t, `{"jstack":"x"}`, string((<-answer).Body))

	answer = asking(wire.CodeGetConsumerRunningInfo, &wire.GetConsumerRunningInfoRequest{ConsumerGroup: "G", ClientID: "c1"})
	consumer.answers(wire.CodeGetConsumerRunningInfo, wire.StatusSystemError, "no", nil)
	cmd := <-answer
	require.Equal(t, "no", string(cmd.Remark))
	require.Equal(t, wire.StatusSystemError, wire.Status(cmd.Code))

	sent := tool.must(wire.CodeSendMessage, &wire.SendMessageRequest{
		ProducerGroup: []byte("P"), Topic: []byte("T"), DefaultTopic: []byte("TBW102"), DefaultTopicQueueNums: 4,
	}, []byte("hello"))
	id, _ := sent.Ext.Get("msgId")
	answer = asking(wire.CodeConsumeMessageDirectly, &wire.ConsumeMessageDirectlyRequest{ConsumerGroup: "G", ClientID: "c1", MsgID: string(id)})
	req := consumer.next()
	require.Equal(t, wire.CodeConsumeMessageDirectly, wire.Code(req.Code))
	name, _ := req.Ext.Get("brokerName")
	require.Equal(t, "broker-a", string(name))
	require.Contains(t, string(req.Body), "hello")
	require.NoError(t, consumer.Respond(req, wire.StatusSuccess, "", nil, []byte(`{"consumeResult":"CR_SUCCESS"}`)))
	require.Contains(t, string((<-answer).Body), "CR_SUCCESS")

	answer = asking(wire.CodeInvokeBrokerToGetConsumerStatus, &wire.InvokeBrokerToGetConsumerStatusRequest{Topic: "T", Group: "G"})
	consumer.answers(wire.CodeGetConsumerStatusFromClient, wire.StatusSuccess, "", []byte(`{"messageQueueTable":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:5}}`))
	require.Equal(t, `{"consumerTable":{"c1":{{"brokerName":"broker-a","queueId":0,"topic":"T"}:5}},"messageQueueTable":{}}`, string((<-answer).Body))

	// The consumer goes while it is asked.
	answer = asking(wire.CodeGetConsumerRunningInfo, &wire.GetConsumerRunningInfoRequest{ConsumerGroup: "G", ClientID: "c1"})
	consumer.next()
	require.NoError(t, consumer.Close())
	cmd = <-answer
	require.Equal(t, wire.StatusSystemError, wire.Status(cmd.Code))
	require.Contains(t, string(cmd.Remark), "invoke consumer <G> <c1> Exception")

	tool.refused(wire.StatusSystemError, "", wire.CodeConsumeMessageDirectly, &wire.ConsumeMessageDirectlyRequest{ConsumerGroup: "G", MsgID: "zz"}, nil)
	tool.refused(wire.StatusSystemError, "can not find message by the offset", wire.CodeConsumeMessageDirectly,
		&wire.ConsumeMessageDirectlyRequest{ConsumerGroup: "G", MsgID: "7F00000100002A9F0000000000FFFFFF"}, nil)
	require.Empty(t, b.errors.lines())
}

// TestSilentClientsDoNotStopTheRest: clients that do not answer tools keep neither workers nor the broker's end waiting.
func TestSilentClientsDoNotStopTheRest(t *testing.T) {
	b := newBroker(t, "auto", t.TempDir(), nil)
	consumer, tool := dial(t, b.Addr().String()), dial(t, b.Addr().String())
	consumer.heartbeat("c1", "G")
	consumer.told("G")
	for range 2 * maxWorkers {
		go func() { // answered, or not: the broker ends first
			_, _ = tool.Call(t.Context(), wire.CodeGetConsumerRunningInfo, &wire.GetConsumerRunningInfoRequest{ConsumerGroup: "G", ClientID: "c1"}, nil)
		}()
	}
	for range maxWorkers {
		require.Equal(t, wire.CodeGetConsumerRunningInfo, wire.Code(consumer.next().Code))
	}
	start := time.Now()
	dial(t, b.Addr().String()).heartbeat("c2", "H")
	b.stop(t)()
	require.Less(t, time.Since(start), relayTimeout/2)
}

func TestResetOffsetForClientsInC(t *testing.T) {
	body, err := resetBody(map[wire.MessageQueue]int64{{BrokerName: "b", Topic: "T", QueueID: 3}: 7}, true)
	require.NoError(t, err)
	require.Equal(t, `{"offsetTable":[{"brokerName":"b","offset":7,"queueId":3,"topic":"T"}]}`, string(body))
}

// startNames starts a name server at an address, or on a free port.
func startNames(t *testing.T, addr string) *namesrv.Server {
	t.Helper()
	host, port := "127.0.0.1", "0"
	if i := strings.LastIndexByte(addr, ':'); i >= 0 {
		port = addr[i+1:]
	}
	dir := t.TempDir()
	conf, _, err := config.Source{Host: config.Host{Home: dir}, Flags: map[string]string{
		"listenPort": port, "bindAddress": host, "kvConfigPath": filepath.Join(dir, "kv.json"),
	}}.Namesrv()
	require.NoError(t, err)
	tr, err := transport.New(transport.Options{RingIO: "off"})
	require.NoError(t, err)
	s, err := namesrv.New(namesrv.Options{Config: conf, Transport: tr, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	require.NoError(t, s.Start(context.Background()))
	t.Cleanup(func() {
		require.NoError(t, s.Close(context.Background()))
		require.NoError(t, tr.Close(context.Background()))
	})
	return s
}

// route waits until a name server's answer for a topic fits.
func (p *peer) route(topic string, fits func(*wire.Command) bool) {
	p.t.Helper()
	require.Eventually(p.t, func() bool {
		return fits(p.ask(wire.CodeGetRouteinfoByTopic, &wire.GetRouteinfoByTopicRequest{Topic: topic}, nil))
	}, 10*time.Second, 5*time.Millisecond)
}

func TestRegistersWhenTheNameServerComes(t *testing.T) {
	first := startNames(t, "")
	addr := first.Addr().String()
	require.NoError(t, first.Close(context.Background())) // away at start

	b := newBroker(t, "auto", t.TempDir(), map[string]string{"namesrvAddr": addr})
	tool := dial(t, b.Addr().String())
	names := dial(t, startNames(t, addr).Addr().String())
	known := func(a *wire.Command) bool { return a.Code == 0 }
	perm := func(text string) func(*wire.Command) bool {
		return func(a *wire.Command) bool { return strings.Contains(string(a.Body), text) }
	}
	names.route("TBW102", known)
	tool.must(wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{
		Topic: "Made", ReadQueueNums: 3, WriteQueueNums: 2, Perm: 6, TopicFilterType: "SINGLE_TAG",
	}, nil)
	names.route("Made", perm(`"perm":6,"readQueueNums":3,"topicSysFlag":0,"writeQueueNums":2`))
	tool.heartbeat("c1", "G")
	names.route("%RETRY%G", known)
	tool.must(wire.CodeUpdateBrokerConfig, nil, []byte("brokerPermission=4\n"))
	names.route("Made", perm(`"perm":4`))
	tool.must(wire.CodeUpdateBrokerConfig, nil, []byte("brokerPermission=6\n"))
	names.route("Made", perm(`"perm":6`))

	// An order configuration at the name server makes an order topic here, with the next registration.
	names.must(wire.CodePutKvConfig, &wire.PutKvConfigRequest{Namespace: "ORDER_TOPIC_CONFIG", Key: "Made", Value: "broker-a:2"}, nil)
	b.registrar.Load().Refresh()
	require.Eventually(t, func() bool { return b.topics.Find("Made").Order() }, 10*time.Second, 5*time.Millisecond)

	start := time.Now()
	b.stop(t)()
	require.Less(t, time.Since(start), 3*time.Second)
	names.route("TBW102", func(a *wire.Command) bool { return wire.Status(a.Code) == wire.StatusTopicNotExist })
}

func TestStateOutlivesARestart(t *testing.T) {
	dir := t.TempDir()
	b := newBroker(t, "auto", dir, nil)
	c := dial(t, b.Addr().String())
	c.heartbeat("c1", "G")
	c.must(wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{
		Topic: "Made", ReadQueueNums: 3, WriteQueueNums: 2, Perm: 6, TopicFilterType: "SINGLE_TAG"}, nil)
	c.must(wire.CodeUpdateConsumerOffset, &wire.UpdateConsumerOffsetRequest{
		ConsumerGroup: []byte("G"), Topic: []byte("Made"), QueueID: 1, CommitOffset: 77}, nil)
	b.stop(t)()

	b = newBroker(t, "auto", dir, nil)
	defer b.stop(t)()
	c = dial(t, b.Addr().String())
	answer := c.must(wire.CodeQueryConsumerOffset, &wire.QueryConsumerOffsetRequest{
		ConsumerGroup: []byte("G"), Topic: []byte("Made"), QueueID: 1}, nil)
	n, _ := answer.Ext.Get("offset")
	require.Equal(t, "77", string(n))
	require.EqualValues(t, 3, b.topics.Find("Made").ReadQueues())
	require.NotNil(t, b.topics.Find("%RETRY%G"))
	require.NotNil(t, b.groups.Find("G"))
}

// TestDamagedState: the start goes on without what cannot be read, which is set aside.
func TestDamagedState(t *testing.T) {
	for _, name := range []string{"topics.json", "subscriptionGroup.json", "consumerOffset.json"} {
		dir := t.TempDir()
		path := filepath.Join(dir, "store", "config", name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
		require.NoError(t, os.WriteFile(path, []byte(`{"x":`), 0o600))
		tr, err := transport.New(transport.Options{RingIO: "off"})
		require.NoError(t, err)
		said := &errorLog{Handler: slog.DiscardHandler}
		b, err := New(Options{Config: testConfig(t, dir, 20911, nil), Transport: tr, Clock: clock.Real{}, Log: slog.New(said)})
		require.NoError(t, err)
		require.Len(t, said.lines(), 1)
		require.Contains(t, said.lines()[0], path)
		data, err := os.ReadFile(path + ".damaged")
		require.NoError(t, err)
		require.Equal(t, `{"x":`, string(data))
		require.NoError(t, b.Close(context.Background()))
		require.NoError(t, tr.Close(context.Background()))
	}
}

// TestBadNames: no request brings a bad name, or a number out of bounds, into what is kept.
func TestBadNames(t *testing.T) {
	b := newBroker(t, "auto", t.TempDir(), nil)
	c := dial(t, b.Addr().String())
	illegal := "illegal characters"
	for _, name := range []string{"a/../zz", "../../zz", "zz\x00b", "zz@T", "zzé", strings.Repeat("z", 300)} {
		want := illegal
		if len(name) == 300 {
			want = "longer than"
		}
		group := wire.SubscriptionGroupConfig{GroupName: name}
		lock := wire.LockBatchRequestBody{ClientID: "c", ConsumerGroup: name}
		hb := wire.HeartbeatData{ClientID: "c", ConsumerDataSet: []wire.ConsumerData{{GroupName: name}}}
		c.refused(wire.StatusSystemError, want, wire.CodeHeartBeat, nil, toJSON(t, &hb))
		c.refused(wire.StatusSystemError, want, wire.CodeUpdateAndCreateSubscriptiongroup, nil, toJSON(t, &group))
		c.refused(wire.StatusSystemError, want, wire.CodeLockBatchMq, nil, toJSON(t, &lock))
		c.refused(wire.StatusSystemError, want, wire.CodeUpdateConsumerOffset, &wire.UpdateConsumerOffsetRequest{
			ConsumerGroup: []byte(name), Topic: []byte("T"), CommitOffset: 1}, nil)
		c.refused(wire.StatusSystemError, want, wire.CodeUpdateConsumerOffset, &wire.UpdateConsumerOffsetRequest{
			ConsumerGroup: []byte("G"), Topic: []byte(name), CommitOffset: 1}, nil)
		c.refused(wire.StatusSystemError, want, wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{
			Topic: name, ReadQueueNums: 1, WriteQueueNums: 1, Perm: 6, TopicFilterType: "SINGLE_TAG"}, nil)
		c.refused(wire.StatusSystemError, want, wire.CodeDeleteTopicInBroker, &wire.DeleteTopicInBrokerRequest{Topic: name}, nil)
	}
	c.refused(wire.StatusSystemError, "are illegal, allowing 0 to 65536", wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{
		Topic: "Wide", ReadQueueNums: 1<<31 - 1, WriteQueueNums: 1<<31 - 1, Perm: 6, TopicFilterType: "SINGLE_TAG"}, nil)
	c.refused(wire.StatusSystemError, "queueId[2147483647] is illegal", wire.CodeUpdateConsumerOffset, &wire.UpdateConsumerOffsetRequest{
		ConsumerGroup: []byte("G"), Topic: []byte("T"), QueueID: 1<<31 - 1}, nil)
	many := wire.HeartbeatData{ClientID: "c", ConsumerDataSet: []wire.ConsumerData{{GroupName: "G", SubscriptionDataSet: make([]wire.SubscriptionData, 100_000)}}}
	c.refused(wire.StatusSystemError, "100000 topics", wire.CodeHeartBeat, nil, toJSON(t, &many))
	b.stop(t)()

	// Nothing of all that is on disk, inside the store or out of it.
	require.NoError(t, filepath.WalkDir(b.dir, func(path string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		rel, err := filepath.Rel(b.dir, path)
		require.NoError(t, err)
		require.True(t, rel == "." || strings.HasPrefix(rel, "store"), rel)
		require.NotContains(t, d.Name(), "zz")
		if strings.HasSuffix(path, ".json") {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotContains(t, string(data), "zz")
		}
		return nil
	}))
}

func TestSlaveRefusesChanges(t *testing.T) {
	b := startBroker(t, "off", map[string]string{"brokerRole": "SLAVE", "brokerId": "1"})
	c := dial(t, b.Addr().String())
	c.refused(wire.StatusSystemError, slaveRemark, wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{Topic: "T"}, nil)
	c.refused(wire.StatusSystemError, slaveRemark, wire.CodeDeleteTopicInBroker, &wire.DeleteTopicInBrokerRequest{Topic: "T"}, nil)
	c.refused(wire.StatusSystemError, slaveRemark, wire.CodeUpdateAndCreateSubscriptiongroup, nil, []byte("{}"))
	c.refused(wire.StatusSystemError, slaveRemark, wire.CodeDeleteSubscriptiongroup, &wire.DeleteSubscriptiongroupRequest{GroupName: "G"}, nil)
}

// TestRuntimeInfoKeys: every key of a Java broker that has a value here.
func TestRuntimeInfoKeys(t *testing.T) {
	b := startBroker(t, "auto", nil)
	c := dial(t, b.Addr().String())
	c.must(wire.CodeSendMessage, &wire.SendMessageRequest{
		ProducerGroup: []byte("P"), Topic: []byte("T"), DefaultTopic: []byte("TBW102"), DefaultTopicQueueNums: 4}, []byte("hello"))
	var kv wire.KVTable
	require.NoError(t, fastjson.Unmarshal(c.must(wire.CodeGetBrokerRuntimeInfo, nil, nil).Body, &kv))
	for _, key := range strings.Fields(`bootTimestamp runtime putMessageTimesTotal putMessageFailedTimes putMessageSizeTotal
		putMessageEntireTimeMax putMessageDistributeTime putLatency99 putLatency999 getMessageEntireTimeMax putMessageAverageSize dispatchMaxBuffer putTps getFoundTps getMissTps getTotalTps getTransferedTps commitLogDiskRatio
		consumeQueueDiskRatio commitLogMinOffset commitLogMaxOffset brokerVersionDesc brokerVersion
		msgPutTotalYesterdayMorning msgPutTotalTodayMorning msgPutTotalTodayNow
		msgGetTotalYesterdayMorning msgGetTotalTodayMorning msgGetTotalTodayNow
		sendThreadPoolQueueSize sendThreadPoolQueueCapacity sendThreadPoolQueueHeadWaitTimeMills
		pullThreadPoolQueueSize pullThreadPoolQueueCapacity pullThreadPoolQueueHeadWaitTimeMills
		queryThreadPoolQueueSize queryThreadPoolQueueCapacity queryThreadPoolQueueHeadWaitTimeMills
		EndTransactionQueueSize EndTransactionThreadPoolQueueCapacity dispatchBehindBytes pageCacheLockTimeMills
		earliestMessageTimeStamp startAcceptSendRequestTimeStamp remainTransientStoreBufferNumbs remainHowManyDataToFlush
		commitLogDirCapacity`) {
		require.Contains(t, kv.Table, key)
	}
	require.Equal(t, "1", kv.Table["msgPutTotalTodayNow"])
	require.Equal(t, "V4_9_8", kv.Table["brokerVersionDesc"])
	require.Contains(t, kv.Table, "commitLogDiskRatio_"+filepath.Join(b.dir, "store", "commitlog"))
	require.NotEqual(t, "-1", kv.Table["earliestMessageTimeStamp"])
	require.Regexp(t, `^\d+\.\d+ \d+\.\d+ \d+\.\d+$`, kv.Table["putTps"])
	require.Regexp(t, `^Total : \d+\.\d [KMGTPE]iB, Free : \d+\.\d [KMGTPE]iB\.$`, kv.Table["commitLogDirCapacity"])
}

// TestRuntimeInfoOfALogElsewhere: the queues' disk is told of wherever the commit log is.
func TestRuntimeInfoOfALogElsewhere(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	b := startBroker(t, "off", map[string]string{"storePathCommitLog": log})
	var kv wire.KVTable
	require.NoError(t, fastjson.Unmarshal(dial(t, b.Addr().String()).must(wire.CodeGetBrokerRuntimeInfo, nil, nil).Body, &kv))
	for _, key := range []string{"commitLogDiskRatio", "commitLogDiskRatio_" + log, "consumeQueueDiskRatio"} {
		require.Regexp(t, `^[01]\.\d+$`, kv.Table[key], key)
	}
}

// TestConfigShowsTheBloomFiltersLength: what is set has no effect, as in Java.
func TestConfigShowsTheBloomFiltersLength(t *testing.T) {
	b := startBroker(t, "off", map[string]string{"bitMapLengthConsumeQueueExt": "64"})
	shown := dial(t, b.Addr().String()).must(wire.CodeGetBrokerConfig, nil, nil)
	require.Contains(t, string(shown.Body), "bitMapLengthConsumeQueueExt=112\n")
}

func TestFormatsAsJava(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 270582939648: "252.0 GiB", 1 << 62: "4.0 EiB"} {
		require.Equal(t, want, humanBytes(n))
	}
	for f, want := range map[float64]string{0: "0.0", 1: "1.0", 0.14: "0.14", 12345678: "12345678.0"} {
		require.Equal(t, want, javaDouble(f))
	}
	require.Equal(t, "[ 1 days, 2 hours, 3 minutes, 4 seconds ]", uptime(26*time.Hour+3*time.Minute+4500*time.Millisecond))
}

func TestUpdateConfigIsWritten(t *testing.T) {
	dir := t.TempDir()
	b := newBroker(t, "off", dir, nil)
	c := dial(t, b.Addr().String())
	c.must(wire.CodeUpdateBrokerConfig, nil, []byte("flushConsumerOffsetInterval=7000\nautoCreateTopicEnable=false\n"))
	require.Equal(t, 7000, b.conf().Broker.FlushConsumerOffsetInterval)
	c.refused(wire.StatusTopicNotExist, "topic[T] not exist, apply first please!", wire.CodeSendMessage, &wire.SendMessageRequest{
		ProducerGroup: []byte("P"), Topic: []byte("T"), DefaultTopic: []byte("TBW102"), DefaultTopicQueueNums: 4}, []byte("x"))
	written, err := os.ReadFile(b.conf().Path)
	require.NoError(t, err)
	require.Contains(t, string(written), "flushConsumerOffsetInterval=7000\n")
	c.refused(wire.StatusNoPermission, "black list", wire.CodeUpdateBrokerConfig, nil, []byte("brokerConfigPath=/etc/passwd\n"))
	c.refused(wire.StatusSystemError, "flushConsumerOffsetInterval", wire.CodeUpdateBrokerConfig, nil, []byte("autoCreateTopicEnable=true\nflushConsumerOffsetInterval=x\n"))
	require.False(t, b.conf().Broker.AutoCreateTopicEnable, "all or nothing")
	b.stop(t)()
}

// TestLostOffsets: a group whose offsets were lost is not sent to the end of its queues, until somebody has taken the damaged
// file away.
func TestLostOffsets(t *testing.T) {
	dir := t.TempDir()
	start := func() (*testBroker, *peer) {
		b := newBroker(t, "auto", dir, map[string]string{"accessMessageInMemoryMaxRatio": "0"})
		return b, dial(t, b.Addr().String())
	}
	query := &wire.QueryConsumerOffsetRequest{ConsumerGroup: []byte("G"), Topic: []byte("T"), QueueID: 1}
	b, c := start()
	c.must(wire.CodeUpdateAndCreateTopic, &wire.UpdateAndCreateTopicRequest{
		Topic: "T", ReadQueueNums: 2, WriteQueueNums: 2, Perm: 6, TopicFilterType: "SINGLE_TAG"}, nil)
	for range 2 {
		c.must(wire.CodeSendMessage, &wire.SendMessageRequest{
			ProducerGroup: []byte("P"), Topic: []byte("T"), DefaultTopic: []byte("TBW102"), DefaultTopicQueueNums: 2, QueueID: 1}, []byte("body"))
	}
	c.refused(wire.StatusQueryNotFound, "Not found", wire.CodeQueryConsumerOffset, query, nil)
	b.stop(t)()

	path := filepath.Join(dir, "store", "config", "consumerOffset.json")
	for _, name := range []string{path, path + ".bak"} {
		require.NoError(t, os.WriteFile(name, []byte(`{"offsetTable":{"T@`), 0o600))
	}
	for range 2 {
		b, c = start()
		answer := c.must(wire.CodeQueryConsumerOffset, query, nil)
		n, _ := answer.Ext.Get("offset")
		require.Equal(t, "0", string(n))
		b.stop(t)()
	}
	require.NoError(t, os.Remove(path+".damaged"))
	require.NoError(t, os.Remove(path+".bak.damaged"))
	b, c = start()
	c.refused(wire.StatusQueryNotFound, "Not found", wire.CodeQueryConsumerOffset, query, nil)
	b.stop(t)()
}
