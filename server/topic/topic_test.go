package topic

import (
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/server/names"
	"ringmq/server/stats"
)

// fixture is a table with what it told its owner.
type fixture struct {
	*Table
	autoCreate bool
	created    []string
}

func (f *fixture) options(path string) Options {
	return Options{
		Path: path, Cluster: "DefaultCluster", Broker: "broker-a",
		AutoCreate:   func() bool { return f.autoCreate },
		ClusterTopic: true, BrokerTopic: true, TraceTopicName: Trace, DefaultQueues: 8,
		Stats: stats.New("DefaultCluster", true, time.Now()), Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
		Created: func(t *Topic) { f.created = append(f.created, t.Name) },
	}
}

func open(t *testing.T, change ...func(*Options)) *fixture {
	t.Helper()
	f := &fixture{autoCreate: true}
	o := f.options(filepath.Join(t.TempDir(), "topics.json"))
	for _, c := range change {
		c(&o)
	}
	var err error
	f.Table, err = Open(o)
	require.NoError(t, err)
	return f
}

func show(t *Topic) string {
	if t == nil {
		return "none"
	}
	return describe(t.Config())
}

func TestSystemTopics(t *testing.T) {
	f := func(table *fixture, name string, queues, perm int32) {
		t.Helper()
		topic := table.Find(name)
		require.NotNil(t, topic, name)
		require.Equal(t, []int32{queues, queues, perm}, []int32{topic.ReadQueues(), topic.WriteQueues(), topic.Perm()}, name)
		require.True(t, table.IsSystem(name), name)
	}
	table := open(t)
	f(table, "TBW102", 8, 7)
	f(table, "SELF_TEST_TOPIC", 1, 6)
	f(table, "BenchmarkTest", 1024, 6)
	f(table, "DefaultCluster", 16, 7)
	f(table, "broker-a", 1, 7)
	f(table, "OFFSET_MOVED_EVENT", 1, 6)
	f(table, "SCHEDULE_TOPIC_XXXX", 18, 6)
	f(table, "DefaultCluster_REPLY_TOPIC", 1, 6)
	require.Nil(t, table.Find("RMQ_SYS_TRACE_TOPIC"))
	require.Nil(t, table.Find("RMQ_SYS_TRANS_HALF_TOPIC"))
	for _, name := range []string{"RMQ_SYS_TRACE_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "TRANS_CHECK_MAX_TIME_TOPIC", "rmq_sys_x"} {
		require.True(t, table.IsSystem(name), name)
	}
	require.False(t, table.IsSystem("T"))
	// What a 4.9.7 broker of that configuration answers to 305.
	require.Equal(t, strings.Fields(`BenchmarkTest DefaultCluster DefaultCluster_REPLY_TOPIC OFFSET_MOVED_EVENT
		RMQ_SYS_TRACE_TOPIC RMQ_SYS_TRANS_HALF_TOPIC RMQ_SYS_TRANS_OP_HALF_TOPIC SCHEDULE_TOPIC_XXXX SELF_TEST_TOPIC
		TBW102 TRANS_CHECK_MAX_TIME_TOPIC broker-a`), table.System())
	var forbidden []string
	for name, topic := range table.All() {
		if topic.SendForbidden {
			forbidden = append(forbidden, name)
		}
	}
	require.ElementsMatch(t, []string{"SCHEDULE_TOPIC_XXXX", "SELF_TEST_TOPIC", "OFFSET_MOVED_EVENT"}, forbidden)

	closed := open(t, func(o *Options) {
		o.AutoCreate = func() bool { return false }
		o.ClusterTopic, o.BrokerTopic, o.TraceTopic, o.TraceTopicName = false, false, true, "my_trace"
	})
	require.Nil(t, closed.Find("TBW102"))
	f(closed, "DefaultCluster", 16, 1)
	f(closed, "broker-a", 1, 1)
	f(closed, "my_trace", 1, 6)

	_, err := Open((&fixture{autoCreate: true}).options("x"))
	require.NoError(t, err)
	bad := (&fixture{autoCreate: true}).options("x")
	bad.Broker = "../x"
	_, err = Open(bad)
	require.ErrorContains(t, err, "../x")
}

func TestCreateOnSend(t *testing.T) {
	table := open(t)
	f := func(name, template string, queues int32, unit bool, want string) {
		t.Helper()
		topic, err := table.CreateOnSend(name, template, queues, unit)
		require.NoError(t, err)
		require.Equal(t, want, show(topic))
	}
	config := func(name string, queues, perm, sysFlag string) string {
		return "TopicConfig [topicName=" + name + ", readQueueNums=" + queues + ", writeQueueNums=" + queues + ", perm=" + perm +
			", topicFilterType=SINGLE_TAG, topicSysFlag=" + sysFlag + ", order=false]"
	}
	f("A", "TBW102", 4, false, config("A", "4", "RW-", "0"))
	f("A", "TBW102", 2, false, config("A", "4", "RW-", "0")) // exists
	f("B", "TBW102", 100, true, config("B", "8", "RW-", "1"))
	f("C", "TBW102", -5, false, config("C", "0", "RW-", "0"))
	f("D", "no_such", 4, false, "none")
	f("E", "A", 4, false, "none") // no inherit permission
	f("F", "DefaultCluster", 4, false, config("F", "4", "RW-", "0"))
	f("%RETRY%g", "no_such", 4, true, config("%RETRY%g", "1", "RW-", "2"))
	f("%RETRY%h", "TBW102", 4, false, config("%RETRY%h", "4", "RW-", "0"))
	require.Equal(t, []string{"A", "B", "C", "F", "%RETRY%g", "%RETRY%h"}, table.created)
	require.EqualValues(t, 6, table.Snapshot().DataVersion.Counter)

	table.autoCreate = false
	f("G", "TBW102", 4, false, "none")
	f("H", "DefaultCluster", 4, false, config("H", "4", "RW-", "0"))
	for _, bad := range []string{"", "a/../x", "a\x00", strings.Repeat("x", 128)} {
		topic, err := table.CreateOnSend(bad, "DefaultCluster", 4, false)
		require.Equal(t, names.CheckTopic(bad), err)
		require.Nil(t, topic)
	}
}

func TestTopicsOfGroups(t *testing.T) {
	table := open(t)
	topic, err := table.Retry("g", 3, false)
	require.NoError(t, err)
	require.Equal(t, "%RETRY%g", topic.Name)
	require.EqualValues(t, 3, topic.WriteQueues())
	again, err := table.Retry("g", 9, false)
	require.NoError(t, err)
	require.Same(t, topic, again)
	topic, err = table.Retry("wide", math.MaxInt32, true)
	require.NoError(t, err)
	require.EqualValues(t, names.MaxQueues, topic.WriteQueues())
	require.EqualValues(t, 2, topic.Config().TopicSysFlag)

	topic, err = table.DeadLetter("g")
	require.NoError(t, err)
	require.Equal(t, []int32{1, 6}, []int32{topic.ReadQueues(), topic.Perm()})

	long := strings.Repeat("g", 121)
	topic, err = table.Retry(long, 1, false)
	require.NoError(t, err, "a group without room for the prefix has no retry topic")
	require.Nil(t, topic)
	_, err = table.DeadLetter(strings.Repeat("g", 123))
	require.ErrorIs(t, err, names.ErrTopicLong)
	_, err = table.Retry("../x", 1, false)
	require.ErrorIs(t, err, names.ErrTopicIllegal)
}

func TestUpdateAndDelete(t *testing.T) {
	table := open(t)
	c := wire.TopicConfig{TopicName: "T", ReadQueueNums: 4, WriteQueueNums: 2, Perm: 99, TopicFilterType: "MULTI_TAG", TopicSysFlag: 3, Order: true}
	require.NoError(t, table.Update(c))
	first := table.Find("T")
	require.True(t, first.MultiTag())
	require.False(t, first.Order(), "only a name server makes order topics")
	require.Equal(t, []int32{4, 2, 99, 3}, []int32{first.ReadQueues(), first.WriteQueues(), first.Perm(), first.Config().TopicSysFlag})
	first.Put(1, 3, 100)
	c.ReadQueueNums = 8
	require.NoError(t, table.Update(c))
	require.EqualValues(t, 8, table.Find("T").ReadQueues())
	require.EqualValues(t, 4, first.ReadQueues(), "a topic never changes")
	require.EqualValues(t, 3, table.Find("T").puts.Messages(), "its statistics go on")
	require.Empty(t, table.created)

	f := func(want string, change func(*wire.TopicConfig)) {
		t.Helper()
		bad := c
		change(&bad)
		require.EqualError(t, table.Update(bad), want)
	}
	f(names.ErrTopicIllegal.Error(), func(c *wire.TopicConfig) { c.TopicName = "a/b" })
	f("The topic[TBW102] is conflict with system topic.", func(c *wire.TopicConfig) { c.TopicName = "TBW102" })
	f("The topic[rmq_sys_x] is conflict with system topic.", func(c *wire.TopicConfig) { c.TopicName = "rmq_sys_x" })
	f("topicFilterType = [X] value invalid", func(c *wire.TopicConfig) { c.TopicFilterType = "X" })
	f("topic[T] readQueueNums[2147483647] writeQueueNums[2] are illegal, allowing 0 to 65536",
		func(c *wire.TopicConfig) { c.ReadQueueNums = math.MaxInt32 })
	f("topic[T] readQueueNums[8] writeQueueNums[-1] are illegal, allowing 0 to 65536",
		func(c *wire.TopicConfig) { c.WriteQueueNums = -1 })

	require.NoError(t, table.Delete("T"))
	require.Nil(t, table.Find("T"))
	version := table.Snapshot().DataVersion
	require.NoError(t, table.Delete("T"), "Java does not mind either")
	require.Equal(t, version, table.Snapshot().DataVersion)
	require.EqualError(t, table.Delete("TBW102"), "The topic[TBW102] is conflict with system topic.")
	require.ErrorIs(t, table.Delete(""), names.ErrTopicBlank)
}

func TestSince(t *testing.T) {
	table := open(t)
	since := func(counter int64) (list []string) {
		for name := range table.Since(counter).TopicConfigTable {
			list = append(list, name)
		}
		return list
	}
	require.Len(t, since(-1), table.topics.Len())
	require.Empty(t, since(0))
	for _, name := range []string{"A", "B"} {
		_, err := table.CreateOnSend(name, "TBW102", 4, false)
		require.NoError(t, err)
	}
	require.ElementsMatch(t, []string{"A", "B"}, since(0))
	require.ElementsMatch(t, []string{"B"}, since(1))
	require.NoError(t, table.SetOrdered(map[string]string{"A": "broker-a:4", "unknown": "x"}))
	require.True(t, table.Find("A").Order())
	require.ElementsMatch(t, []string{"A"}, since(2))
	require.NoError(t, table.SetOrdered(map[string]string{"A": "broker-a:8"}))
	require.Empty(t, since(3), "nothing changed")
	require.NoError(t, table.SetOrdered(nil))
	require.False(t, table.Find("A").Order())
	table.Touch()
	require.Empty(t, since(4))
	require.EqualValues(t, 5, table.Since(4).DataVersion.Counter)
}

// TestFileAsJava reads a file of a Java broker, writes it and finds it unchanged.
func TestFileAsJava(t *testing.T) {
	golden, err := os.ReadFile("testdata/java-4.9.7/topics.json")
	require.NoError(t, err)
	f := &fixture{autoCreate: true}
	o := f.options(filepath.Join(t.TempDir(), "topics.json"))
	o.TraceTopic = true
	require.NoError(t, os.WriteFile(o.Path, golden, 0o600))
	f.Table, err = Open(o)
	require.NoError(t, err)
	require.EqualValues(t, 8, f.version.Counter)
	require.EqualValues(t, 4, f.Find("TopicA").WriteQueues())
	require.NoError(t, f.file.Save())
	written, err := os.ReadFile(o.Path)
	require.NoError(t, err)
	require.Equal(t, entries(string(golden)), entries(string(written)))
}

// entries cuts a file into its table entries: Java's map has another order.
func entries(data string) map[string]bool {
	set := make(map[string]bool)
	for _, e := range strings.Split(strings.ReplaceAll(data, ",\n", "\n"), "\n\t\t\"") {
		set[strings.TrimSuffix(e, "\n\t}\n}")] = true
	}
	return set
}

func TestReopen(t *testing.T) {
	f := open(t)
	_, err := f.CreateOnSend("T", "TBW102", 4, false)
	require.NoError(t, err)
	g := &fixture{autoCreate: true}
	g.Table, err = Open(g.options(f.o.Path))
	require.NoError(t, err)
	require.Equal(t, f.Snapshot(), g.Snapshot())

	require.NoError(t, os.WriteFile(f.o.Path, []byte("{"), 0o600))
	g.Table, err = Open(g.options(f.o.Path))
	require.NoError(t, err)
	require.Nil(t, g.Find("T"), "as without the file, which is kept for people")
	require.FileExists(t, f.o.Path+".damaged")
}

func TestLoadPoisonedFile(t *testing.T) {
	f := &fixture{autoCreate: true}
	o := f.options(filepath.Join(t.TempDir(), "topics.json"))
	require.NoError(t, os.WriteFile(o.Path, []byte(`{"dataVersion":{"counter":3,"timestamp":1},"topicConfigTable":{
		"wide":{"perm":6,"readQueueNums":2147483647,"writeQueueNums":-1,"topicName":"wide"},
		"../x":{"perm":6,"readQueueNums":1,"writeQueueNums":1,"topicName":"../x"},
		"other.host":{"perm":6,"readQueueNums":1,"writeQueueNums":1,"topicName":"another"},
		"null":null,"TBW102":{"perm":6,"readQueueNums":2,"writeQueueNums":2,"topicName":"TBW102"}}}`), 0o600))
	var err error
	f.Table, err = Open(o)
	require.NoError(t, err)
	require.Equal(t, []int32{65536, 0}, []int32{f.Find("wide").ReadQueues(), f.Find("wide").WriteQueues()})
	require.Nil(t, f.Find("../x"))
	require.Nil(t, f.Find("null"))
	require.Equal(t, "other.host", f.Find("other.host").Name)
	require.EqualValues(t, 2, f.Find("TBW102").ReadQueues())
}

// TestSaveFails: the creator hears of it, the topic stays, and the next save brings it to disk.
func TestSaveFails(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "config")
	f := open(t, func(o *Options) { o.Path = filepath.Join(dir, "topics.json") })
	require.NoError(t, os.WriteFile(dir, nil, 0o600)) // a file where the folder should be
	_, err := f.CreateOnSend("T", "TBW102", 4, false)
	require.ErrorContains(t, err, "topics.json")
	require.NotNil(t, f.Find("T"))
	require.Error(t, f.SaveIfMarked())
	require.NoError(t, os.Remove(dir))
	require.NoError(t, f.SaveIfMarked())
	require.FileExists(t, f.o.Path)
}

func TestConcurrentCreation(t *testing.T) {
	var mu sync.Mutex
	created := map[string]int{}
	f := open(t, func(o *Options) {
		o.Created = func(topic *Topic) {
			mu.Lock()
			defer mu.Unlock()
			created[topic.Name]++
		}
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range 20 {
				topic, err := f.CreateOnSend("T"+string(rune('a'+i)), "TBW102", 4, false)
				assert.NoError(t, err)
				assert.Same(t, f.Lookup(topic.NameBytes), topic)
			}
		})
	}
	wg.Wait()
	require.Len(t, created, 20)
	for name, n := range created {
		require.Equal(t, 1, n, name)
	}
}

func TestRemarks(t *testing.T) {
	f := open(t)
	topic, err := f.CreateOnSend("TopicA", "TBW102", 4, false)
	require.NoError(t, err)
	require.Equal(t, "request queueId[9] is illegal, TopicConfig [topicName=TopicA, readQueueNums=4, writeQueueNums=4, perm=RW-, "+
		"topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false] Producer: 127.0.0.1:5000",
		topic.QueueRefusal(9, netip.MustParseAddrPort("127.0.0.1:5000")))
}

func TestLookupDoesNotAllocate(t *testing.T) {
	f := open(t)
	name := []byte("BenchmarkTest")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if topic := f.Lookup(name); topic.ReadQueues() != 1024 {
			t.Fatal("lost")
		}
	}))
}

// TestRestore: what the store has is believed when the file is missing or older.
func TestRestore(t *testing.T) {
	const file = `{"dataVersion":{"counter":3,"timestamp":1000},"topicConfigTable":{
		"four":{"perm":4,"readQueueNums":4,"writeQueueNums":2,"topicName":"four","topicFilterType":"SINGLE_TAG"}}}`
	for _, c := range []struct {
		name, file, topic string
		queue             int32
		stored            int64
		want              string // reads/writes/perm
		restored          bool
	}{
		{"missing file", "", "T", 0, -1, "1/1/6", true},
		{"missing file, several queues", "", "T", 7, 5, "8/8/6", true},
		{"retry topic", "", "%RETRY%g", 0, -1, "1/1/6", true},
		{"older file", file, "T", 3, 1001, "4/4/6", true},
		{"newer file: it was deleted", file, "T", 3, 1000, "", false},
		{"newer file, nothing is left", file, "T", 3, -1, "", false},
		{"older file, more queues", file, "four", 4, 1001, "5/5/4", true},
		{"older file, as many queues", file, "four", 3, 1001, "4/2/4", false},
		{"newer file: it was made smaller", file, "four", 8, 999, "4/2/4", false},
		{"system topic", "", Half, 0, 5, "", false},
		{"light queue", "", "%LMQ%x", 0, 5, "", false},
		{"no topic's name", "", "a.b", 0, 5, "", false},
		{"too many queues", "", "T", names.MaxQueues, 5, "", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := &fixture{autoCreate: true}
			o := f.options(filepath.Join(t.TempDir(), "topics.json"))
			if c.file != "" {
				require.NoError(t, os.WriteFile(o.Path, []byte(c.file), 0o600))
			}
			var err error
			f.Table, err = Open(o)
			require.NoError(t, err)
			require.Equal(t, c.restored, f.Restore(c.topic, c.queue, func() int64 { return c.stored }))
			show := func(t *Table) string {
				topic := t.Find(c.topic)
				if topic == nil {
					return ""
				}
				return fmt.Sprintf("%d/%d/%d", topic.ReadQueues(), topic.WriteQueues(), topic.Perm())
			}
			require.Equal(t, c.want, show(f.Table))
			require.NoError(t, f.SaveIfMarked())
			again, err := Open(o)
			require.NoError(t, err)
			require.Equal(t, c.want, show(again))
		})
	}
}

// TestEncode: what is put together from kept lines is what would be made at once.
func TestEncode(t *testing.T) {
	f := open(t)
	for i, name := range []string{"T", "a b", `quote"\` + "\n", "ä", "%RETRY%g"} {
		c := newConfig(name, int32(i), PermRead)
		c.Order = i%2 == 0
		f.replace(c)
		for range 2 {
			want, err := fastjson.MarshalPretty(f.Snapshot())
			require.NoError(t, err)
			got, err := f.encode()
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		}
	}
	require.NoError(t, f.Delete("T"))
	want, err := fastjson.MarshalPretty(f.Snapshot())
	require.NoError(t, err)
	got, err := f.encode()
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func BenchmarkEncode(b *testing.B) {
	f := &fixture{autoCreate: true}
	o := f.options(filepath.Join(b.TempDir(), "topics.json"))
	var err error
	f.Table, err = Open(o)
	require.NoError(b, err)
	for i := range 60000 {
		f.replace(newConfig(fmt.Sprintf("topic-with-a-name-%05d", i), 8, PermRead|PermWrite))
	}
	for b.Loop() {
		_, err := f.encode()
		require.NoError(b, err)
	}
}
