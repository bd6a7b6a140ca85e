package engine

import (
	"ringmq/index"
	"ringmq/internal/message"
)

// indexSynced is the log offset below which the index is right.
func (r *recovery) indexSynced() message.LogOffset {
	from := r.synced(r.mark.index)
	x, begin := r.s.index, r.s.log.Min()
	switch {
	case !r.known && x.EndOffset() < 0:
		return begin // it was lost, or Java never made one
	case r.last == lastJava:
		// Java puts an index file on the device when it is full, and after a crash throws away
		// those that were not (IndexService.load): what is missing lies anywhere behind the full ones.
		return max(begin, min(from, x.FullBelow(r.times.index)))
	}
	return from
}

func (r *recovery) openIndex() error {
	s := r.s
	if s.o.NoIndex {
		r.indexFrom = s.log.Written()
		return nil
	}
	x, err := index.Open(index.Options{
		FS: s.root, Dir: indexName, Slots: s.o.IndexSlots, Entries: s.o.IndexEntries, Clock: s.o.Clock, Log: s.o.Log,
	})
	if err != nil {
		return err
	}
	s.index = x
	r.indexFrom = r.indexSynced()
	if r.known && r.indexFrom < r.mark.index {
		if err := r.forget(); err != nil {
			return err
		}
	}
	if r.last == lastPower || r.last == lastFailed || r.last == lastJava || x.EndOffset() >= s.log.Written() {
		if err := x.TruncateTo(r.trusted(r.indexFrom, r.mark.index)); err != nil {
			return err
		}
	} else {
		// Nothing in it is lost: go on behind its last record.
		r.indexFrom = max(r.indexFrom, x.EndOffset())
	}
	if r.known && x.EndOffset() < r.mark.indexed && r.mark.indexed < r.indexFrom {
		s.o.Log.Warn("index files are missing: the index is made again from the commit log")
		if err := r.forget(); err != nil {
			return err
		}
		r.indexFrom = s.log.Min()
		return x.TruncateTo(r.indexFrom)
	}
	return nil
}
