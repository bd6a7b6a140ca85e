package engine

import (
	"errors"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// headless finds records of queues that begin behind them: the files with their entries are missing. It is a
// [commitlog.Visitor].
type headless struct {
	s      *Store
	queues map[*consumequeue.Queue]message.LogOffset // where their first entry's record lies
	found  *consumequeue.Queue
}

// errFound ends a scan.
var errFound = errors.New("found")

// findHeadless returns a queue that has lost its first files, or nil. Only queues that begin with a file are looked at,
// and the log is read from its begin up to where they do.
func (r *recovery) findHeadless() (*consumequeue.Queue, error) {
	v := headless{s: r.s, queues: map[*consumequeue.Queue]message.LogOffset{}}
	end := r.s.log.Min()
	for _, q := range r.s.queues.All() {
		first, ok, err := q.Headless()
		if err != nil {
			return nil, err
		}
		if ok {
			v.queues[q] = first
			end = max(end, first)
		}
	}
	if end = min(end, r.s.log.Written()); end <= r.s.log.Min() {
		return nil, nil
	}
	if _, err := r.s.log.Scan(r.s.log.Min(), end, &v); err != nil && !errors.Is(err, errFound) {
		return nil, err
	}
	return v.found, nil
}

// Record implements [commitlog.Visitor].
func (v *headless) Record(_ []byte, r *message.Record) error {
	if isQueued(r.SysFlag) {
		if err := v.look(r.Topic, r.QueueID, r.LogOffset); err != nil {
			return err
		}
	}
	return v.s.aliases(r, func(topic []byte, id int32, _ message.QueueOffset) error { return v.look(topic, id, r.LogOffset) })
}

// look ends the scan at a record that its queue should have.
func (v *headless) look(topic []byte, id int32, off message.LogOffset) error {
	q := v.s.queues.Lookup(topic, id)
	if first, ok := v.queues[q]; ok && off < first && !v.s.tombstones.dead(topic, off) {
		v.found = q
		return errFound
	}
	return nil
}

// Damage implements [commitlog.Visitor]; what is damaged is told of when it is dispatched or read.
func (v *headless) Damage(*commitlog.CorruptError, *message.Record) error { return nil }
