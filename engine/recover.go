package engine

import (
	"ringmq/commitlog"
	"ringmq/internal/message"
)

// recover brings the log and what is derived from it into agreement.
func (s *Store) recover() error {
	from := s.log.Min()
	result, err := s.log.Scan(from, redispatch{s})
	if err != nil {
		return err
	}
	if err := s.log.Resume(from, result.End); err != nil {
		return err
	}
	for _, q := range s.queues.All() {
		q.Next = q.Max()
	}
	return nil
}

// redispatch is the visitor of a recovery scan.
type redispatch struct{ s *Store }

// Record implements [commitlog.Visitor].
func (v redispatch) Record(raw []byte, r *message.Record) error {
	q := v.s.Queue(r.Topic, r.QueueID)
	var d request
	v.s.describe(&d, q, r)
	d.queueOffset, d.logOffset, d.storeTime = r.QueueOffset, r.LogOffset, r.StoreTimestamp
	if d.delay > 0 {
		d.tagsCode = r.StoreTimestamp + d.delay
	}
	v.s.dispatch([]request{d})
	v.s.stage.lastTime = max(v.s.stage.lastTime, r.StoreTimestamp)
	return nil
}

// Damage implements [commitlog.Visitor].
func (v redispatch) Damage(e *commitlog.CorruptError, r *message.Record) error {
	v.s.o.Log.Error("damage in the commit log", "err", e)
	return nil
}
