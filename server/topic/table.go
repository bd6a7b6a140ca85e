package topic

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"

	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
	"ringmq/server/configfile"
	"ringmq/server/names"
	"ringmq/server/stats"
)

// MaxTopics bounds the table.
const MaxTopics = 1 << 20

// Options of a table.
type Options struct {
	Path            string // of topics.json
	Cluster, Broker string // topics are named after both
	AutoCreate      func() bool
	ClusterTopic    bool // clusterTopicEnable
	BrokerTopic     bool // brokerTopicEnable
	TraceTopic      bool // traceTopicEnable
	TraceTopicName  string
	DefaultQueues   int32 // defaultTopicQueueNums
	// Light makes every name with [names.LightPrefix] a topic of one queue (enableLmq).
	Light bool
	Stats *stats.Table
	Clock clock.Clock
	Log   *slog.Logger
	// Created is called after a topic was made and saved, but for those of Update: the name servers
	// have to learn of it. It must not block.
	Created func(*Topic)
}

// Table holds the topics of a broker. Its methods may be called from any goroutine; those
// that change it write topics.json before they return, so they must not be called on a loop.
type Table struct {
	o      Options // set before use
	system []string
	topics *names.LightMap[*Topic]
	file   *configfile.File

	mu      sync.Mutex // held while the table is changed, not while it is written
	version wire.DataVersion

	fileTime int64 // version.Timestamp of the file that was read, ms; -1 without one. Set by Open
}

// Open makes the system topics and reads topics.json.
func Open(o Options) (*Table, error) {
	t := &Table{o: o, topics: names.NewLightMap(o.Light, MaxTopics, o.lightTopic), version: wire.DataVersion{Timestamp: clock.Millis(o.Clock.Now())}}
	t.file = configfile.New(o.Path, t.encode)
	configs, err := o.systemConfigs()
	if err != nil {
		return nil, err
	}
	t.system = slices.Clone(systemAlways)
	for i := range configs {
		t.publish(configs[i])
		t.system = append(t.system, configs[i].TopicName)
	}
	slices.Sort(t.system)
	t.system = slices.Compact(t.system)
	t.fileTime = -1
	return t, t.file.Load(o.Log, t.decode)
}

// Lookup returns a topic, nil if there is none. It does not allocate.
func (t *Table) Lookup(name []byte) *Topic {
	topic, _ := t.topics.Get(name)
	return topic
}

// Find is [Table.Lookup] for a name that is a string.
func (t *Table) Find(name string) *Topic {
	topic, _ := t.topics.Find(name)
	return topic
}

// lightTopic makes a light topic: it is in no file and no name server's table, and all of them share one counter
// (LmqTopicConfigManager, LmqBrokerStatsManager).
func (o *Options) lightTopic(name string) (*Topic, bool) {
	if names.CheckTopic(name) != nil {
		return nil, false
	}
	return &Topic{
		Name: name, NameBytes: []byte(name), Light: true,
		config: newConfig(name, 1, PermRead|PermWrite), puts: o.Stats.Topic(names.LightPrefix),
	}, true
}

// All walks over the topics in no order.
func (t *Table) All() iter.Seq2[string, *Topic] { return t.topics.All() }

// Snapshot is the whole table with its version, as requests 21 and 103 carry it. The
// configurations must not be changed.
func (t *Table) Snapshot() *wire.TopicConfigSerializeWrapper { return t.Since(-1) }

// Since is the table's version with the topics that were made or changed after version counter: what
// is news to a name server that has everything up to there. Deleted topics leave no trace.
func (t *Table) Since(counter int64) *wire.TopicConfigSerializeWrapper {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := &wire.TopicConfigSerializeWrapper{DataVersion: t.version, TopicConfigTable: make(map[string]*wire.TopicConfig)}
	for name, topic := range t.topics.All() {
		if topic.changed > counter {
			w.TopicConfigTable[name] = &topic.config
		}
	}
	return w
}

// Touch moves the version without another change, so that name servers take the table anew.
func (t *Table) Touch() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.nextVersion()
	t.file.Mark()
}

// SaveIfMarked tries again what an earlier save could not write.
func (t *Table) SaveIfMarked() error { return t.file.SaveIfMarked() }

// publish makes a configuration visible as part of the present version; t.mu is held, or nobody
// else knows the table yet.
func (t *Table) publish(c wire.TopicConfig) *Topic {
	topic := &Topic{
		Name: c.TopicName, NameBytes: []byte(c.TopicName),
		SendForbidden: slices.Contains(sendForbidden, c.TopicName),
		config:        c, changed: t.version.Counter, puts: t.o.Stats.Topic(c.TopicName),
	}
	t.topics.Put(topic.Name, topic)
	return topic
}

// nextVersion notes a change; t.mu is held.
func (t *Table) nextVersion() { t.version.Next(clock.Millis(t.o.Clock.Now())) }

// decode lays a file over the system topics. What could hurt is mended or left out, with a warning:
// Java writes whatever a client once asked for.
func (t *Table) decode(data []byte) error {
	var w wire.TopicConfigSerializeWrapper
	if err := fastjson.Unmarshal(data, &w); err != nil {
		return err
	}
	if w.TopicConfigTable == nil { // else a damaged name would be a store without topics
		return errors.New("it has no topicConfigTable")
	}
	for name, c := range w.TopicConfigTable {
		if c == nil {
			continue
		}
		if err := names.CheckStored(name); err != nil {
			t.o.Log.Warn("topic ignored", "file", t.o.Path, "err", err)
			continue
		}
		config := *c
		config.TopicName = name
		config.ReadQueueNums = t.bounded(name, config.ReadQueueNums)
		config.WriteQueueNums = t.bounded(name, config.WriteQueueNums)
		t.publish(config)
	}
	t.version, t.fileTime = w.DataVersion, w.DataVersion.Timestamp
	return nil
}

func (t *Table) bounded(name string, queues int32) int32 {
	if queues >= 0 && queues <= names.MaxQueues {
		return queues
	}
	bounded := min(max(queues, 0), names.MaxQueues)
	t.o.Log.Warn("number of queues is out of bounds", "file", t.o.Path, "topic", name, "queues", queues, "used", bounded)
	return bounded
}

// CheckName tells what is wrong with a topic name; the texts are Java's.
func CheckName[T string | []byte](name T) error { return names.CheckTopic(name) }

// checkQueues bounds the queue counts of an update.
func checkQueues(c *wire.TopicConfig) error {
	for _, n := range []int32{c.ReadQueueNums, c.WriteQueueNums} {
		if n < 0 || n > names.MaxQueues {
			return fmt.Errorf("topic[%s] readQueueNums[%d] writeQueueNums[%d] are illegal, allowing 0 to %d",
				c.TopicName, c.ReadQueueNums, c.WriteQueueNums, names.MaxQueues)
		}
	}
	return nil
}

// isRetry tells whether a topic holds the messages that a group gave back.
func isRetry(name string) bool { return strings.HasPrefix(name, names.RetryPrefix) }
