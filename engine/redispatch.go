package engine

import (
	"errors"
	"fmt"
	"math"
	"math/bits"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// errEntriesMissing ends a scan when the queues turn out to miss entries of records before its
// begin.
var errEntriesMissing = errors.New("entries are missing")

// redispatch dispatches what a recovery's scan finds. It is a [commitlog.Visitor].
//
// A record's header has no checksum, so its QUEUEOFFSET may be wrong, a record that was
// lost leaves a gap in its queue, and a topic that a Java broker has deleted and made anew begins again
// at 0. What to do about a record that does not continue its queue:
//
//	before it lies damage large enough for the missing ones   holes fill the gap
//	otherwise the record is a suspect until its queue's next record comes, which continues
//	    a suspect above the queue's end    the queue misses entries: make all again; on that second scan, holes
//	    a suspect below it                 the queue begins anew: what it had is of a deleted topic
//	    the queue                          the suspect's offset is wrong: a hole in its place, and report it
//	    neither                            the suspect is left out and reported; the new one is the suspect
//
// A hole ([consumequeue.Hole]) stands for no message; readers step over it, so no offset is given
// out twice.
type redispatch struct {
	r        *recovery
	suspects map[*consumequeue.Queue]request
	damaged  int64 // bytes of damage met so far
	skipped  map[string]bool
	progress progress
	flushed  message.LogOffset // of the last flush of the queues
	hashes   []int32           // scratch
}

func newRedispatch(r *recovery) *redispatch {
	return &redispatch{
		r: r, suspects: map[*consumequeue.Queue]request{}, skipped: map[string]bool{},
		progress: newProgress(r.s, min(r.queuesFrom, r.indexFrom)),
	}
}

// flushStep is how many bytes are scanned before queue entries go to their files, so that they do
// not pile up in memory.
const flushStep = 64 << 20

// step does what is due every now and then on the way through the log.
func (v *redispatch) step(at message.LogOffset) {
	if at-v.flushed >= flushStep {
		v.flushed = at
		v.r.s.flushQueues()
	}
	v.progress.step(at)
}

// Record implements [commitlog.Visitor].
func (v *redispatch) Record(_ []byte, r *message.Record) error {
	s := v.r.s
	s.stage.lastTime = max(s.stage.lastTime, r.StoreTimestamp)
	s.commit.anchor, s.commit.anchorTime = r.LogOffset, r.StoreTimestamp
	v.step(r.LogOffset)
	d := request{}
	v.hashes = s.describe(&d, v.hashes[:0], nil, r)
	d.place(r)
	v.index(&d)
	if isFiller(r) {
		v.damaged += int64(d.size)
	}
	if r.LogOffset < v.r.queuesFrom || !isQueued(r.SysFlag) {
		return nil
	}
	if err := v.aliases(r, &d); err != nil || v.dead(r.Topic, r.QueueID, r.LogOffset) {
		return err
	}
	if d.queue = s.Queue(r.Topic, r.QueueID); d.queue == nil {
		v.skip(r)
		return nil
	}
	return v.queue(&d)
}

// aliases puts a record's entries into the other queues that it is for.
func (v *redispatch) aliases(r *message.Record, d *request) error {
	return v.r.s.aliases(r, func(topic []byte, id int32, at message.QueueOffset) error {
		q := v.aliasQueue(topic, id, r)
		if q == nil {
			return nil
		}
		alias := d.alias(q, at)
		return v.queue(&alias)
	})
}

// aliasQueue is another queue that a record is for, nil if it was deleted since or cannot be.
func (v *redispatch) aliasQueue(topic []byte, id int32, r *message.Record) *consumequeue.Queue {
	if v.dead(topic, id, r.LogOffset) {
		return nil
	}
	return v.r.s.Queue(topic, id)
}

// dead tells whether a record's topic was deleted since.
func (v *redispatch) dead(topic []byte, id int32, off message.LogOffset) bool {
	return v.r.s.tombstones.dead(topic, off) || v.r.stale != nil && v.r.stale(topic, id, off)
}

// index puts a record into the index. A store on a full disk opens all the same: what is not indexed is
// when the next start finds room.
func (v *redispatch) index(d *request) {
	r := v.r
	if r.s.index == nil || d.logOffset < r.indexFrom || r.unindexed != nil {
		return
	}
	if err := r.s.index.Put(d.logOffset, d.storeTime, v.hashes); err != nil {
		r.s.o.Log.Error("messages are not indexed from here on", "logOffset", int64(d.logOffset), "err", err)
		r.unindexed, r.indexFrom = err, d.logOffset
	}
}

// skip leaves out a record whose topic cannot have a queue.
func (v *redispatch) skip(r *message.Record) {
	if name := describeRecord(r); !v.skipped[name] && len(v.skipped) < 100 {
		v.skipped[name] = true
		v.r.s.o.Log.Warn("record of a topic that cannot be stored", "record", fmt.Sprintf("%.300q", name))
	}
}

// queue puts a record's entry into its queue.
func (v *redispatch) queue(d *request) error {
	q := d.queue
	if suspect, ok := v.suspects[q]; ok {
		if err := v.judge(&suspect, d); err != nil {
			return err
		}
	}
	// Where the log begins anew, by retention, a queue may begin anywhere, and so may one go on
	// of which all has expired.
	anywhere := q.Min() == q.Max() && v.r.s.log.Min() > 0
	switch missing := int64(d.queueOffset - q.Max()); {
	case missing < 0 && d.logOffset >= q.EndLogOffset(),
		missing > 0 && !anywhere && missing > v.damaged/message.MinSize:
		v.suspects[q] = *d
		return nil
	case missing > 0 && !anywhere:
		if err := v.fill(q, d); err != nil {
			return err
		}
	}
	return d.put(q)
}

// judge decides on a suspect now that d, the next record of its queue, is known.
func (v *redispatch) judge(suspect, d *request) error {
	q := suspect.queue
	delete(v.suspects, q)
	below := suspect.queueOffset < q.Max()
	switch {
	case d.queueOffset == suspect.queueOffset+1 && below:
		return v.restart(suspect)
	case d.queueOffset == suspect.queueOffset+1:
		return v.skipMissing(suspect)
	case d.queueOffset == q.Max()+1:
		v.report(suspect)
		return v.hole(q, suspect)
	case below && suspect.queueOffset == 0 && d.queueOffset == 0:
		return nil // the topic was made anew twice
	default:
		v.report(suspect)
		return nil
	}
}

// skipMissing puts a suspect whose queue misses the entries before it.
func (v *redispatch) skipMissing(d *request) error {
	q := d.queue
	if !v.r.rebuilding {
		return fmt.Errorf("%w: %s queue %d has none from %d to %d", errEntriesMissing, q.Topic(), q.ID(), q.Max(), d.queueOffset-1)
	}
	if int64(d.queueOffset-q.Max()) > int64(d.logOffset-q.EndLogOffset())/message.MinSize {
		v.report(d) // there was no room for so many records
		return nil
	}
	if err := v.fill(q, d); err != nil {
		return err
	}
	return d.put(q)
}

// restart drops what a queue has, which is of a topic that was deleted, and begins it anew with d.
func (v *redispatch) restart(d *request) error {
	q := d.queue
	v.r.s.o.Log.Info("the topic was deleted and made anew: its old messages are of no queue", "topic", q.Topic(), "queue", q.ID(), "messages", int64(q.Max()-q.Min()))
	if !v.r.rebuilding {
		if err := v.r.forget(); err != nil {
			return err
		}
	}
	if err := q.Restart(); err != nil {
		return err
	}
	return d.put(q)
}

// finish decides on the suspects that nothing followed.
func (v *redispatch) finish() error {
	for _, suspect := range v.suspects {
		d := &suspect
		var err error
		switch end := d.queue.Max(); {
		case d.queueOffset > end:
			err = v.skipMissing(d)
		case d.queueOffset == 0 && bits.OnesCount64(uint64(end)) > 1:
			err = v.restart(d) // no single bit that changed makes 0 of the offset that would have followed
		default:
			v.report(d)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fill puts holes in front of d, which lead to it.
func (v *redispatch) fill(q *consumequeue.Queue, d *request) error {
	first := q.Max()
	for q.Max() < d.queueOffset {
		if err := v.hole(q, d); err != nil {
			return err
		}
	}
	v.r.s.o.Log.Warn("messages are lost", "topic", q.Topic(), "queue", q.ID(), "from", int64(first), "to", int64(d.queueOffset-1))
	return nil
}

// hole puts a hole that leads to d's record at the queue's end.
func (v *redispatch) hole(q *consumequeue.Queue, d *request) error {
	return q.Put(q.Max(), consumequeue.Hole(d.entry()))
}

// report notes a record whose QUEUEOFFSET is wrong.
func (v *redispatch) report(d *request) {
	s := v.r.s
	s.reportDamage(&commitlog.CorruptError{
		Path: s.log.PathOf(d.logOffset), Offset: d.logOffset, Length: int64(d.size),
		Want: fmt.Sprintf("QUEUEOFFSET %d", d.queue.Max()), Got: fmt.Sprint(int64(d.queueOffset)),
	})
}

// Damage implements [commitlog.Visitor]. A record whose body alone is wrong keeps its place.
func (v *redispatch) Damage(e *commitlog.CorruptError, r *message.Record) error {
	s := v.r.s
	v.damaged = min(v.damaged+e.Length, math.MaxInt64/2)
	if v.r.last == lastPower && v.r.known && e.Offset >= v.r.mark.queues {
		s.o.Log.Warn("the power cut took messages that were not yet on the device", "err", e)
	} else {
		s.reportDamage(e)
	}
	if r == nil || r.LogOffset < v.r.queuesFrom || !isQueued(r.SysFlag) {
		return nil
	}
	err := s.aliases(r, func(topic []byte, id int32, at message.QueueOffset) error {
		return v.damagedAt(v.aliasQueue(topic, id, r), at, r)
	})
	if err != nil {
		return err
	}
	if v.dead(r.Topic, r.QueueID, r.LogOffset) {
		return nil
	}
	return v.damagedAt(s.Queue(r.Topic, r.QueueID), r.QueueOffset, r)
}

// damagedAt keeps the place of a record whose body is damaged.
func (v *redispatch) damagedAt(q *consumequeue.Queue, at message.QueueOffset, r *message.Record) error {
	if q == nil || q.Max() != at {
		return nil
	}
	d := request{queue: q}
	v.r.s.describe(&d, nil, q, r)
	d.place(r)
	d.queueOffset = at
	return v.hole(q, &d)
}
