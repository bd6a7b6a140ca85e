package engine

import (
	"errors"
	"math"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// holeAt is a queue entry that points at no record, because its message is lost: it is shorter than
// any record. Readers step over it. The place only keeps a queue's entries in order.
func holeAt(at message.LogOffset) consumequeue.Entry {
	return consumequeue.Entry{LogOffset: at, Size: 1}
}

// isHole tells holes, and the blanks that RocketMQ puts before a queue's first entry.
func isHole(e *consumequeue.Entry) bool { return e.Size == 1 || e.Size == math.MaxInt32 }

// repair is a queue with a damaged entry at an offset.
type repair struct {
	s     *Store
	queue *consumequeue.Queue
	at    message.QueueOffset
}

// run makes the damaged entry, and the damaged ones next to it, again from the commit log: their
// records lie between those of the good entries around them. What is not found there is lost.
func (r repair) run() error {
	s, q := r.s, r.queue
	s.repairing.Lock()
	defer s.repairing.Unlock()
	if ok, err := r.good(r.at); ok || err != nil {
		return err // another reader was faster
	}
	first, last := r.at, r.at
	from, to := s.log.Min(), s.Visible()
	for ; first > q.Min(); first-- {
		if ok, err := r.good(first - 1); err != nil {
			return err
		} else if ok {
			e, err := r.entry(first - 1)
			if err != nil {
				return err
			}
			from = e.LogOffset + message.LogOffset(e.Size)
			break
		}
	}
	for ; last+1 < q.Max(); last++ {
		if ok, err := r.good(last + 1); err != nil {
			return err
		} else if ok {
			e, err := r.entry(last + 1)
			if err != nil {
				return err
			}
			to = e.LogOffset
			break
		}
	}
	s.o.Log.Warn("queue entries are damaged and made again", "topic", q.Topic(), "queue", q.ID(), "first", int64(first), "last", int64(last))
	s.damage.Add(1)
	v := &repairer{repair: r, next: first, last: last, end: from}
	if _, err := s.log.Scan(from, to, v); err != nil {
		return err
	}
	return v.holes(last + 1)
}

func (r repair) entry(at message.QueueOffset) (consumequeue.Entry, error) {
	var e [1]consumequeue.Entry
	_, err := r.queue.Read(at, e[:])
	return e[0], err
}

// good tells whether the entry at an offset points at a record.
func (r repair) good(at message.QueueOffset) (bool, error) {
	e, err := r.entry(at)
	if err != nil || isHole(&e) {
		return false, err
	}
	h, err := r.s.log.HeadAt(e.LogOffset)
	var format *message.FormatError
	if errors.As(err, &format) || errors.Is(err, commitlog.ErrOutOfRange) || errors.Is(err, message.ErrBlank) {
		return false, nil
	}
	return h.Size == int(e.Size), err
}

// repairer puts the records of one queue that a scan finds back into it.
type repairer struct {
	repair
	next message.QueueOffset // not put yet, from here on
	last message.QueueOffset
	end  message.LogOffset // of the last record put
}

// Record implements [commitlog.Visitor].
func (v *repairer) Record(_ []byte, r *message.Record) error {
	if r.QueueID != v.queue.ID() || r.QueueOffset < v.next || r.QueueOffset > v.last ||
		!isQueued(r.SysFlag) || string(r.Topic) != v.queue.Topic() {
		return nil
	}
	if err := v.holes(r.QueueOffset); err != nil {
		return err
	}
	var d request
	v.s.describe(&d, nil, v.queue, r)
	d.place(r)
	v.next = r.QueueOffset + 1
	v.end = r.LogOffset + message.LogOffset(r.Size())
	return v.queue.Repair(r.QueueOffset, d.entry())
}

// Damage implements [commitlog.Visitor].
func (v *repairer) Damage(e *commitlog.CorruptError, _ *message.Record) error {
	v.s.reportDamage(e)
	return nil
}

// holes fills the offsets before at whose records are lost.
func (v *repairer) holes(at message.QueueOffset) error {
	for ; v.next < at; v.next++ {
		if err := v.queue.Repair(v.next, holeAt(v.end)); err != nil {
			return err
		}
		v.end++
	}
	return nil
}
