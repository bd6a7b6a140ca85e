package engine

import (
	"errors"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// isHole tells entries that stand for no message: of lost ones, and the blanks that RocketMQ puts before
// a queue's first entry.
func isHole(e *consumequeue.Entry) bool { return e.IsHole() || e.IsBlank() }

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
	// What holes lead to where no record follows.
	neighbour := consumequeue.Entry{LogOffset: from, Size: message.MinSize}
	for ; first > q.Min(); first-- {
		if ok, err := r.good(first - 1); err != nil {
			return err
		} else if ok {
			e, err := r.entry(first - 1)
			if err != nil {
				return err
			}
			from, neighbour = e.LogOffset+message.LogOffset(e.Size), e
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
			to, neighbour = e.LogOffset, e
			break
		}
	}
	s.o.Log.Warn("queue entries are damaged and made again", "topic", q.Topic(), "queue", q.ID(), "first", int64(first), "last", int64(last))
	s.damage.Add(1)
	v := &repairer{repair: r, next: first, last: last}
	if _, err := s.log.Scan(from, to, v); err != nil {
		return err
	}
	return v.holes(last+1, neighbour)
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
	b, err := r.s.log.ReadRecord(e.LogOffset)
	var format *message.FormatError
	if errors.As(err, &format) || errors.Is(err, commitlog.ErrOutOfRange) || errors.Is(err, message.ErrBlank) {
		return false, nil
	}
	return err == nil && len(b) == int(e.Size) && !misplaced(b, r.queue, at), err
}

// repairer puts the records of one queue that a scan finds back into it.
type repairer struct {
	repair
	next message.QueueOffset // not put yet, from here on
	last message.QueueOffset
}

// Record implements [commitlog.Visitor].
func (v *repairer) Record(_ []byte, r *message.Record) error {
	if r.QueueID == v.queue.ID() && isQueued(r.SysFlag) && string(r.Topic) == v.queue.Topic() {
		return v.put(r, r.QueueOffset)
	}
	return v.s.aliases(r, func(topic []byte, id int32, at message.QueueOffset) error {
		if id != v.queue.ID() || string(topic) != v.queue.Topic() {
			return nil
		}
		return v.put(r, at)
	})
}

// put puts a record of the queue back, if its place is among the damaged ones.
func (v *repairer) put(r *message.Record, at message.QueueOffset) error {
	if at < v.next || at > v.last {
		return nil
	}
	var d request
	v.s.describe(&d, nil, v.queue, r)
	d.place(r)
	if err := v.holes(at, d.entry()); err != nil {
		return err
	}
	v.next = at + 1
	return v.queue.Repair(at, d.entry())
}

// Damage implements [commitlog.Visitor].
func (v *repairer) Damage(e *commitlog.CorruptError, _ *message.Record) error {
	v.s.reportDamage(e)
	return nil
}

// holes fills the offsets before at whose records are lost; e is the entry they are like.
func (v *repairer) holes(at message.QueueOffset, e consumequeue.Entry) error {
	for ; v.next < at; v.next++ {
		if err := v.queue.Repair(v.next, consumequeue.Hole(e)); err != nil {
			return err
		}
	}
	return nil
}
