package engine

import (
	"bytes"
	"fmt"

	"ringmq/consumequeue"
	"ringmq/internal/javahash"
	"ringmq/internal/message"
)

// request is what the queues and the index need of one message, noted when it is appended so
// that nothing is read back.
type request struct {
	queue       *consumequeue.Queue // nil: not queued
	queueOffset message.QueueOffset
	logOffset   message.LogOffset
	tagsCode    int64
	storeTime   int64
	delay       int64 // ms; of the delay levels' queues
	size        int32
	keys        keyHashes
}

// keyHashes are the Java hash codes of what a message is found by: "topic#key" for UNIQ_KEY
// and each of KEYS, in this order.
type keyHashes struct {
	few  [3]int32
	n    int32 // of few
	more []int32
}

func (k *keyHashes) add(h int32) {
	if int(k.n) < len(k.few) {
		k.few[k.n] = h
		k.n++
		return
	}
	k.more = append(k.more, h)
}

// hash adds the keys of a message.
func (k *keyHashes) hash(topic, uniq, keys []byte) {
	if len(uniq) == 0 && len(keys) == 0 {
		return
	}
	prefix := javahash.Append(javahash.String(topic), []byte("#"))
	if len(uniq) > 0 {
		k.add(javahash.Append(prefix, uniq))
	}
	for len(keys) > 0 {
		key := keys
		if i := bytes.IndexByte(keys, ' '); i >= 0 {
			key, keys = keys[:i], keys[i+1:]
		} else {
			keys = nil
		}
		if len(key) > 0 {
			k.add(javahash.Append(prefix, key))
		}
	}
}

// dispatch makes the messages of a batch visible, in the order of the log. Under commit.
func (s *Store) dispatch(requests []request) {
	arrived := s.onArrival
	for i := range requests {
		d := &requests[i]
		if d.queue == nil {
			continue
		}
		e := consumequeue.Entry{LogOffset: d.logOffset, Size: d.size, TagsCode: d.tagsCode}
		if err := d.queue.Put(d.queueOffset, e); err != nil {
			s.queueFailed(d, err)
			continue
		}
		if arrived != nil {
			arrived(d.queue, d.queueOffset+1, d.tagsCode)
		}
	}
}

// queueFailed handles an entry that its queue did not take: the topic was deleted meanwhile,
// or the queue is not what it should be, and the next start makes it again from the log.
func (s *Store) queueFailed(d *request, err error) {
	s.o.Log.Error("message stored, but not in its queue", "topic", d.queue.Topic(), "queue", d.queue.ID(),
		"offset", int64(d.queueOffset), "logOffset", int64(d.logOffset), "err", err)
}

// OnArrival registers what is called for each message that has become visible: max is its
// queue's end then. It runs inside Commit (with AsyncFlush on the committing goroutine, else on the
// committer's) and must be quick. It is registered before the store is used.
func (s *Store) OnArrival(fn func(q *consumequeue.Queue, max message.QueueOffset, tagsCode int64)) {
	s.onArrival = fn
}

// String names the message in errors.
func (d *request) String() string { return fmt.Sprintf("message at log offset %d", d.logOffset) }
