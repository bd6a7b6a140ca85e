package engine

import (
	"errors"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// request is what the queues and the index need of one message, noted when it is appended so
// that nothing is read back.
type request struct {
	queue       *consumequeue.Queue // nil: not queued
	queueOffset message.QueueOffset
	logOffset   message.LogOffset
	tagsCode    int64
	bits        []byte // which filters may want the message
	storeTime   int64
	delay       int64 // ms; of the delay levels' queues
	size        int32
	hashFrom    int32 // its keys' hashes in batch.hashes
	hashTo      int32
}

// place fills in where the record lies and when it was stored.
func (d *request) place(r *message.Record) {
	d.queueOffset, d.logOffset, d.storeTime = r.QueueOffset, r.LogOffset, r.StoreTimestamp
	if d.delay > 0 {
		d.tagsCode = r.StoreTimestamp + d.delay
	}
}

func (d *request) entry() consumequeue.Entry {
	return consumequeue.Entry{LogOffset: d.logOffset, Size: d.size, TagsCode: d.tagsCode}
}

// put puts the entry, and where there are ext files its unit, into a queue.
func (d *request) put(q *consumequeue.Queue) error {
	return q.PutUnit(d.queueOffset, d.entry(), &consumequeue.Unit{TagsCode: d.tagsCode, StoreTime: d.storeTime, Bits: d.bits})
}

// dispatch makes the messages of a batch visible, in the order of the log. Under commit.
func (s *Store) dispatch(requests []request) {
	arrived := s.onArrival
	for i := range requests {
		d := &requests[i]
		if d.queue == nil {
			continue
		}
		before := d.queue.Max()
		if err := d.put(d.queue); err != nil {
			if !errors.Is(err, consumequeue.ErrDeleted) { // else it went with its topic
				s.queueFailed(d, err)
			}
			continue
		}
		s.commit.entries += int64(d.queue.Max() - before)
		if arrived != nil {
			arrived(d.queue, d.queueOffset+1, d.tagsCode)
		}
	}
}

// queueFailed handles an entry that its queue did not take: the queue is not what it should be, and the next start makes
// it again from the log.
func (s *Store) queueFailed(d *request, err error) {
	s.o.Log.Error("message stored, but not in its queue", "topic", d.queue.Topic(), "queue", d.queue.ID(),
		"offset", int64(d.queueOffset), "logOffset", int64(d.logOffset), "err", err)
}

// OnCommitted registers what is called on the committer's goroutine, or a ring's thread, when it has made messages visible
// and called their acks: who was told of them by [Store.OnArrival] may have nobody else to wake it, as with
// AckFromStaging. It is registered before the store is used.
func (s *Store) OnCommitted(fn func()) { s.onCommitted = fn }

// OnArrival registers what is called for each message that has become visible: max is its
// queue's end then. It runs inside Commit (with AsyncFlush on the committing goroutine, else on the
// committer's) and must be quick. It is registered before the store is used.
func (s *Store) OnArrival(fn func(q *consumequeue.Queue, max message.QueueOffset, tagsCode int64)) {
	s.onArrival = fn
}
