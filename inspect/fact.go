package inspect

import (
	"bytes"
	"strconv"
	"strings"
	"sync"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
)

// fact is what a record says of its place in a queue, and of its keys.
type fact struct {
	queue     *queue // nil: it has no place in a queue
	entry     consumequeue.Entry
	offset    message.QueueOffset
	storeTime int64
	delay     int64 // ms, of a waiting record
	hashFrom  int32 // its keys' hashes in chunk.hashes
	hashTo    int32
	alias     bool // a second queue of a record that has its own fact
}

// directory knows the queues. Workers look queues up for a chunk at a time and rarely add one.
type directory struct {
	deleted map[string]message.LogOffset // set before use; see engine.ReadDeleted

	mu     sync.RWMutex
	topics map[string]map[int32]*queue // under mu
}

// lookup returns a queue, nil when there is none. Under mu, for reading.
func (d *directory) lookup(topic []byte, id int32) *queue { return d.topics[string(topic)][id] }

// add makes a queue unless there is one.
func (d *directory) add(topic string, id int32) *queue {
	d.mu.Lock()
	defer d.mu.Unlock()
	if q := d.topics[topic][id]; q != nil {
		return q
	}
	if d.topics[topic] == nil {
		d.topics[topic] = map[int32]*queue{}
	}
	q := &queue{topic: topic, id: id, dead: d.deleted[topic]}
	d.topics[topic][id] = q
	return q
}

// put makes a queue known that is listed. Nobody else uses the directory yet.
func (d *directory) put(q *queue) {
	q.dead = d.deleted[q.topic]
	if d.topics[q.topic] == nil {
		d.topics[q.topic] = map[int32]*queue{}
	}
	d.topics[q.topic][q.id] = q
}

// prover checks the records of a chunk and notes what follows from them. Each worker has one.
type prover struct {
	queues  *directory
	deriver *engine.Deriver
	rec     message.Record
}

// prove fills in the chunk's facts, up to the first bytes that are no record.
func (p *prover) prove(c *chunk) {
	p.queues.mu.RLock()
	defer p.queues.mu.RUnlock()
	for at := 0; at < len(c.data); {
		off := c.at + message.LogOffset(at)
		size, err := commitlog.CheckRecord(c.data[at:], off, &p.rec)
		if err != nil {
			c.end, c.verdict = off, notRecord
			return
		}
		p.note(c, size)
		at += size
	}
}

// note appends the facts of the record in p.rec.
func (p *prover) note(c *chunk, size int) {
	r := &p.rec
	d := p.deriver.Derive(r)
	d.Entry.Size = int32(size)
	f := fact{entry: d.Entry, offset: r.QueueOffset, storeTime: r.StoreTimestamp, delay: d.Delay, hashFrom: int32(len(c.hashes))}
	c.hashes = append(c.hashes, d.Hashes...)
	f.hashTo = int32(len(c.hashes))
	if d.Queued {
		f.queue = p.queue(r.Topic, r.QueueID)
	}
	c.facts = append(c.facts, f)
	if d.Queued && bytes.Contains(r.Properties, multiDispatch) {
		p.noteLight(c, f)
	}
}

// queue finds a record's queue, or makes it known.
func (p *prover) queue(topic []byte, id int32) *queue {
	if q := p.queues.lookup(topic, id); q != nil {
		return q
	}
	p.queues.mu.RUnlock()
	defer p.queues.mu.RLock()
	return p.queues.add(string(topic), id)
}

// Properties that put a record into more queues (MessageConst, CommitLog.handlePropertiesForLmqMsg).
var multiDispatch = []byte("INNER_MULTI_DISPATCH")

const (
	multiOffsets = "INNER_MULTI_QUEUE_OFFSET"
	lightPrefix  = "%LMQ%" // topics that have queue 0 only
)

// noteLight appends a fact for each light queue that the record is in, too. A broker that has them switched
// off writes no offsets.
func (p *prover) noteLight(c *chunk, f fact) {
	r := &p.rec
	names := strings.Split(string(r.Properties.Get(string(multiDispatch))), ",")
	offsets := strings.Split(string(r.Properties.Get(multiOffsets)), ",")
	if len(names) != len(offsets) {
		return
	}
	for i, name := range names {
		n, err := strconv.ParseInt(offsets[i], 10, 64)
		if err != nil || name == "" {
			continue
		}
		id := r.QueueID
		if strings.HasPrefix(name, lightPrefix) {
			id = 0
		}
		f.queue, f.offset, f.alias = p.queue([]byte(name), id), message.QueueOffset(n), true
		f.hashFrom, f.hashTo = 0, 0
		c.facts = append(c.facts, f)
	}
}
