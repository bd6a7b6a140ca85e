package consumequeue

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Defaults of [Options].
const (
	// DefaultFileSize is RocketMQ's mappedFileSizeConsumeQueue: 300,000 entries.
	DefaultFileSize = 300_000 * EntrySize
	// DefaultOpenFiles is how many files a table keeps open.
	DefaultOpenFiles = 1000
	// DefaultDir is the table's directory in a store.
	DefaultDir = "consumequeue"
)

// Options say where a table lives.
type Options struct {
	// FS is the store's directory.
	FS mapfile.FS
	// Dir is the table's directory within FS; "" is [DefaultDir].
	Dir string
	// FileSize is the length of each file in bytes, rounded up to whole entries as
	// MessageStoreConfig does; 0 is [DefaultFileSize].
	FileSize int64
	// OpenFiles bounds the files held open; 0 is [DefaultOpenFiles].
	OpenFiles int
	// Ext keeps units beside the entries (enableConsumeQueueExt), in files of ExtFileSize bytes below ExtDir; 0 and "" are
	// [DefaultExtFileSize] and [DefaultExtDir].
	Ext         bool
	ExtDir      string
	ExtFileSize int64
	// Crashed says that the store was not closed: what lies behind the first bad entry of a
	// queue may be left from before the crash and is cleared, so that it is never taken for
	// an entry later.
	Crashed bool
	// Log gets what was repaired; nil is silent.
	Log *slog.Logger
}

// withDefaults fills in what was left out.
func (o Options) withDefaults() (Options, error) {
	o.Dir = cmp.Or(o.Dir, DefaultDir)
	o.FileSize = cmp.Or(o.FileSize, DefaultFileSize)
	o.OpenFiles = cmp.Or(o.OpenFiles, DefaultOpenFiles)
	o.ExtDir = cmp.Or(o.ExtDir, DefaultExtDir)
	o.ExtFileSize = cmp.Or(o.ExtFileSize, DefaultExtFileSize)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FileSize < 0 {
		return o, fmt.Errorf("consumequeue: file size %d must be positive", o.FileSize)
	}
	if o.ExtFileSize < minExtFile {
		return o, fmt.Errorf("consumequeue: mappedFileSizeConsumeQueueExt is %d, it must be at least %d", o.ExtFileSize, minExtFile)
	}
	o.FileSize = (o.FileSize + EntrySize - 1) / EntrySize * EntrySize
	return o, nil
}

// shardCount spreads the topics so that adding one copies a small map.
const shardCount = 64

// Table is all consume queues of a store.
//
// Finding a queue takes no lock and allocates nothing. The topics, for those that want all queues of one, lie in
// shards, each an immutable map that is replaced when a topic comes or goes.
type Table struct {
	opt      Options
	files    handles
	extFiles handles

	cache   cache
	serials atomic.Uint64 // given out to queues for the cache

	seed   maphash.Seed
	shards [shardCount]shard
	lookup *lookup // of the queues in shards

	// failing counts the queues whose last write failed.
	failing   atomic.Int32
	tailBytes atomic.Int64 // of all tails
	due       chan struct{}

	flushing sync.Mutex // over a Flush
	mu       sync.Mutex
	// Under mu:
	dirty    []*Queue // hold entries that are not in their files, or memory to give back
	unsynced []*Queue // have files or names that are not on the device
	waiting  []*Queue // have a full tail
	failure  error    // the last failed write while failing > 0
	lost     error    // the first failed sync
	// inherited: the page cache may hold what a process that was killed left, in any queue.
	inherited bool
	cuts      []cut // queues that Open found damaged
	// leaving is the topics with retired queues whose files are still there; true: all queues they had.
	leaving map[string]bool
}

// shard is a part of the topics.
type shard struct {
	topics atomic.Pointer[map[string]*topicQueues]
	mu     sync.Mutex // orders those that replace topics
}

// topicQueues is the queues of one topic, sorted by id. Ids are dense but for odd stores, so
// the id is nearly always the index.
type topicQueues struct {
	name   string
	queues atomic.Pointer[[]*Queue]
}

func (tq *topicQueues) find(id int32) *Queue {
	qs := *tq.queues.Load()
	if uint(id) < uint(len(qs)) && qs[id].id == id {
		return qs[id]
	}
	i, ok := slices.BinarySearchFunc(qs, id, func(q *Queue, id int32) int { return cmp.Compare(q.id, id) })
	if !ok {
		return nil
	}
	return qs[i]
}

func (t *Table) shardOf(topic []byte) *shard {
	return &t.shards[maphash.Bytes(t.seed, topic)%shardCount]
}

// Lookup returns a queue, nil when there is none. It does not allocate.
func (t *Table) Lookup(topic []byte, id int32) *Queue {
	return t.lookup.find(topic, id)
}

// Queue returns a queue and makes an empty one, in memory only, when there is none. It
// allocates only then. It returns nil when no folder can have the topic's name (see
// [mapfile.CheckElement]) or id is negative: such a queue cannot be stored.
func (t *Table) Queue(topic []byte, id int32) *Queue {
	if q := t.Lookup(topic, id); q != nil {
		return q
	}
	if id < 0 || mapfile.CheckElement(string(topic)) != nil {
		return nil
	}
	return t.add(string(topic), id)
}

// add makes the queue unless another goroutine has.
func (t *Table) add(topic string, id int32) *Queue {
	s := t.shardOf([]byte(topic))
	s.mu.Lock()
	defer s.mu.Unlock()
	var topics map[string]*topicQueues
	if m := s.topics.Load(); m != nil {
		topics = *m
	}
	tq := topics[topic]
	if tq != nil {
		if q := tq.find(id); q != nil {
			return q
		}
		q := newQueue(t, tq.name, id)
		t.lookup.add(q)
		qs := append(slices.Clone(*tq.queues.Load()), q)
		slices.SortFunc(qs, byID)
		tq.queues.Store(&qs)
		return q
	}
	tq = &topicQueues{name: topic}
	q := newQueue(t, topic, id)
	t.lookup.add(q)
	tq.queues.Store(&[]*Queue{q})
	topics = maps.Clone(topics)
	if topics == nil {
		topics = map[string]*topicQueues{}
	}
	topics[topic] = tq
	s.topics.Store(&topics)
	return q
}

func byID(a, b *Queue) int { return cmp.Compare(a.id, b.id) }

// All returns every queue, sorted by topic and id.
func (t *Table) All() []*Queue {
	var all []*Queue
	for i := range t.shards {
		if m := t.shards[i].topics.Load(); m != nil {
			for _, tq := range *m {
				all = append(all, *tq.queues.Load()...)
			}
		}
	}
	slices.SortFunc(all, func(a, b *Queue) int { return cmp.Or(cmp.Compare(a.topic, b.topic), byID(a, b)) })
	return all
}

// QueuesOf returns the queues of one topic, sorted by id.
func (t *Table) QueuesOf(topic string) []*Queue {
	m := t.shardOf([]byte(topic)).topics.Load()
	if m == nil || (*m)[topic] == nil {
		return nil
	}
	return *(*m)[topic].queues.Load()
}

// Entries is the sum of all queues' ends.
func (t *Table) Entries() int64 {
	var sum int64
	for i := range t.shards {
		if m := t.shards[i].topics.Load(); m != nil {
			for _, tq := range *m {
				for _, q := range *tq.queues.Load() {
					sum += int64(q.Max())
				}
			}
		}
	}
	return sum
}

// MaxLogOffset is the end of the last record that any queue points at, 0 when there is none.
func (t *Table) MaxLogOffset() message.LogOffset {
	var end message.LogOffset
	for i := range t.shards {
		if m := t.shards[i].topics.Load(); m != nil {
			for _, tq := range *m {
				for _, q := range *tq.queues.Load() {
					end = max(end, q.EndLogOffset())
				}
			}
		}
	}
	return end
}
