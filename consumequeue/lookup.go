package consumequeue

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// lookup finds queues by topic and id with few cache misses: with half a million queues, those are what finding
// one costs. It is many small open-addressing tables, chosen by the hash, so that growing one takes no time that
// somebody would notice. Their slots only ever fill; a table that is full is replaced by a
// larger one, and readers go on in the old one until they look again.
//
//	slots    | hash → queue |   | hash → queue | hash → (deleted) |   | …
//	                            ^ here or behind it, up to the next empty one
type lookup struct {
	seed   maphash.Seed // set before use
	shards [lookupShards]lookupShard
}

const lookupShards = 64

type lookupShard struct {
	rows atomic.Pointer[lookupRows] // nil: no queue

	mu   sync.Mutex // orders those that change something
	used int        // slots that are not empty, those of deleted queues among them; under mu
}

type lookupRows []lookupSlot // a power of two of them, at least a quarter empty

// lookupSlot holds a queue. The hash, never 0, is stored last and does not change any more.
type lookupSlot struct {
	hash  atomic.Uint64
	queue atomic.Pointer[Queue] // nil: deleted
}

const minLookup = 8

func newLookup(seed maphash.Seed) *lookup { return &lookup{seed: seed} }

func (l *lookup) hash(topic []byte, id int32) uint64 {
	const odd = 0x9E3779B97F4A7C15
	return (maphash.Bytes(l.seed, topic)+uint64(id))*odd | 1
}

// shard is where a hash belongs: by its upper bits, as the place in it goes by the lower ones.
func (l *lookup) shard(hash uint64) *lookupShard { return &l.shards[hash>>58] }

// find returns a queue, or nil.
func (l *lookup) find(topic []byte, id int32) *Queue {
	hash := l.hash(topic, id)
	p := l.shard(hash).rows.Load()
	if p == nil {
		return nil
	}
	rows := *p
	mask := uint64(len(rows) - 1)
	for i := hash >> 1 & mask; ; i = (i + 1) & mask {
		s := &rows[i]
		switch s.hash.Load() {
		case 0:
			return nil
		case hash:
			if q := s.queue.Load(); q != nil && q.id == id && q.topic == string(topic) {
				return q
			}
		}
	}
}

// add adds a queue that it does not have.
func (l *lookup) add(q *Queue) {
	hash := l.hash([]byte(q.topic), q.id)
	s := l.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if p := s.rows.Load(); p == nil || (s.used+1)*4 > len(*p)*3 {
		s.grow()
	}
	s.put(*s.rows.Load(), hash, q)
}

// put fills a slot. Under s.mu.
func (s *lookupShard) put(rows lookupRows, hash uint64, q *Queue) {
	mask := uint64(len(rows) - 1)
	i := hash >> 1 & mask
	for rows[i].hash.Load() != 0 {
		i = (i + 1) & mask
	}
	rows[i].queue.Store(q)
	rows[i].hash.Store(hash)
	s.used++
}

// grow makes room for as many again, and leaves out what was deleted. Under s.mu.
func (s *lookupShard) grow() {
	var old lookupRows
	if p := s.rows.Load(); p != nil {
		old = *p
	}
	kept := 0
	for i := range old {
		if old[i].queue.Load() != nil {
			kept++
		}
	}
	size := minLookup
	for (kept+1)*2 > size {
		size *= 2
	}
	rows := make(lookupRows, size)
	s.used = 0
	for i := range old {
		if q := old[i].queue.Load(); q != nil {
			s.put(rows, old[i].hash.Load(), q)
		}
	}
	s.rows.Store(&rows)
}

// remove takes a queue out.
func (l *lookup) remove(q *Queue) {
	hash := l.hash([]byte(q.topic), q.id)
	s := l.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.rows.Load()
	if p == nil {
		return
	}
	rows := *p
	mask := uint64(len(rows) - 1)
	for i := hash >> 1 & mask; rows[i].hash.Load() != 0; i = (i + 1) & mask {
		if rows[i].queue.Load() == q {
			rows[i].queue.Store(nil)
			return
		}
	}
}
