package engine

import (
	"errors"
	"fmt"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// recovery brings the log and what is derived from it into agreement:
//
//  1. How did the last broker end, and from where on may the derived files be wrong?
//  2. What the queues and the index say of records from there on is dropped.
//  3. The log is scanned from there to its end, and its records are dispatched again.
//  4. What lies behind the last good record is zeroed.
//
// Should the queues turn out to miss entries from before, everything is made again from the
// log's begin.
type recovery struct {
	s     *Store
	last  lastRun
	mark  mark
	times times
	known bool // mark is of this log
	// durable is the log offset below which the device has everything.
	durable message.LogOffset

	// Records from these offsets on are dispatched again.
	queuesFrom message.LogOffset
	indexFrom  message.LogOffset
	// unindexed is why the index could not be written from indexFrom on, nil if it was.
	unindexed  error
	rebuilding bool // no entry is left of any record
	forgot     bool // the mark was replaced by one that promises nothing
	// stale, if not nil, tells of records whose topic was deleted and made anew ([RebuildOptions]).
	stale func(topic []byte, queue int32, off message.LogOffset) bool
}

// recover runs when the lock is held and nothing else uses the store yet.
func (s *Store) recover() error {
	r := recovery{s: s, mark: s.marks.last, times: s.times} // mark stays what it was at the start
	var err error
	if r.last, err = readAbort(s.root); err != nil {
		return err
	}
	if err := r.chooseMark(); err != nil {
		return err
	}
	if err := r.openQueues(); err != nil {
		return err
	}
	if err := r.openIndex(); err != nil {
		return err
	}
	if err := r.run(); err != nil {
		return err
	}
	s.remark = r.forgot
	if s.index != nil {
		s.indexer = newIndexer(s.index, s.o.Clock, s.log.Written())
		if r.unindexed != nil {
			s.indexer.fallBehind(r.indexFrom)
		}
	}
	return nil
}

// queueFiles is how many files of queues are held open: connections and the log need descriptors, too.
func queueFiles(descriptors int) int {
	return min(max(descriptors/8, 16), consumequeue.DefaultOpenFiles)
}

func (r *recovery) openQueues() error {
	s := r.s
	var err error
	s.queues, err = consumequeue.Open(consumequeue.Options{
		FS: s.root, Dir: consumeQueueName, FileSize: s.o.ConsumeQueueFileSize, OpenFiles: queueFiles(mapfile.Descriptors()),
		Ext: s.o.ConsumeQueueExt, ExtFileSize: s.o.ExtFileSize,
		Crashed: r.last != lastClean, Log: s.o.Log,
	})
	if err != nil {
		return err
	}
	from := r.synced(r.mark.queues)
	if !r.known {
		from = min(from, s.queues.MaxLogOffset()) // their directory may be missing
	}
	r.queuesFrom = max(s.queues.Redo(from), s.log.Min())
	if r.known && r.queuesFrom < r.mark.queues {
		if err := r.forget(); err != nil {
			return err
		}
	}
	if err := r.truncateQueues(); err != nil {
		return err
	}
	if err := r.finishDeletions(); err != nil {
		return err
	}
	comparable := r.known && r.queuesFrom == r.mark.queues && len(s.tombstones.from(r.mark.queues)) == 0
	if comparable && s.sumEntries() != r.mark.entries {
		s.o.Log.Warn("consume queues are missing: they are made again from the commit log",
			"entries", s.sumEntries(), "want", r.mark.entries)
		return r.rebuildQueues()
	}
	lost, err := r.findHeadless()
	if lost == nil || err != nil {
		return err
	}
	s.o.Log.Warn("the first files of a consume queue are missing: the queues are made again from the commit log",
		"topic", lost.Topic(), "queue", lost.ID(), "begin", int64(lost.Min()))
	return r.rebuildQueues()
}

// finishDeletions finishes deletions of topics that were interrupted, before a mark is written that
// leaves them behind.
func (r *recovery) finishDeletions() error {
	s := r.s
	topics := s.tombstones.from(r.queuesFrom)
	if len(topics) == 0 {
		return nil
	}
	if err := s.tombstones.sync(); err != nil { // a killed process may not have
		return err
	}
	for _, topic := range topics {
		if err := s.queues.DeleteTopic(topic); err != nil {
			return err
		}
	}
	return nil
}

// rebuildQueues drops all entries; the scan makes them again.
func (r *recovery) rebuildQueues() error {
	if err := r.forget(); err != nil {
		return err
	}
	r.queuesFrom, r.rebuilding = r.s.log.Min(), true
	return r.truncateQueues()
}

// truncateQueues drops the entries that the scan makes again. A queue of which only expired
// entries are left then goes on wherever the scan finds its next message.
func (r *recovery) truncateQueues() error {
	if err := r.s.queues.TruncateTo(r.trusted(r.queuesFrom, r.mark.queues)); err != nil {
		return err
	}
	return r.s.queues.CorrectMin(r.s.log.Min())
}

// forget replaces the mark by one that promises nothing, before something is dropped that the mark
// says is on the device: should this recovery be interrupted, the next one must not believe it.
func (r *recovery) forget() error {
	if r.forgot {
		return nil
	}
	r.forgot = true
	if err := r.s.marks.writeFlushed(noMark); err != nil {
		return err
	}
	if r.s.marks.ok {
		none := noMark
		none.storeTime = r.mark.storeTime
		if err := r.s.marks.write(none); err != nil {
			return err
		}
	}
	if r.last == lastClean || r.last == lastJava {
		// Else it would be taken for that again. What Java's crash was is not known: it may have been a power cut.
		return writeAbortLine(r.s.root, abortPrefix+"made again\n")
	}
	return nil // the next start must know what happened before
}

// sumEntries is what mark.entries remembers.
func (s *Store) sumEntries() int64 { return s.queues.Entries() }

// run scans and dispatches; a second time from the log's begin when entries are missing.
func (r *recovery) run() error {
	s := r.s
	from, end := min(r.queuesFrom, r.indexFrom), s.log.Written()
	if from < end && r.last == lastClean {
		// Should what follows be interrupted, it must not be taken for a clean stop.
		if err := writeAbort(s.root); err != nil {
			return err
		}
	}
	began := s.o.Clock.Now()
	s.o.Log.Info("recovering", "last", r.last.String(), "from", int64(from), "files", s.log.Files())
	v := newRedispatch(r)
	result, err := s.log.Scan(from, end, v)
	if err == nil {
		err = v.finish()
	}
	if errors.Is(err, errEntriesMissing) {
		s.o.Log.Warn("consume queues miss entries: they are made again from the commit log", "err", err)
		if err := r.rebuildQueues(); err != nil {
			return err
		}
		v = newRedispatch(r)
		if result, err = s.log.Scan(min(r.queuesFrom, r.indexFrom), end, v); err == nil {
			err = v.finish()
		}
	}
	if err != nil {
		return err
	}
	if result.Torn != nil {
		s.o.Log.Warn("the commit log ends with a torn write, which is cut off", "err", result.Torn)
		s.keepTorn(result.Torn.Offset)
	}
	if err := r.settle(from, result); err != nil {
		return err
	}
	s.o.Log.Info("recovered", "end", int64(result.End), "records", result.Records, "took", s.o.Clock.Now().Sub(began))
	return nil
}

// settle makes the scan's end the end of everything.
func (r *recovery) settle(from message.LogOffset, result commitlog.ScanResult) error {
	s := r.s
	if r.known {
		from = r.durable // the log was synced before the mark was written
	}
	if err := s.log.Resume(from, result.End); err != nil {
		return err
	}
	if r.last == lastFailed {
		if err := s.log.Rewrite(from); err != nil {
			return err
		}
	}
	if s.o.Flush == SyncFlush {
		// What is visible is safe, from the start on.
		if err := s.log.Sync(); err != nil {
			return err
		}
	}
	if err := s.tombstones.fit(s.log.Min(), result.End); err != nil {
		return err
	}
	if err := s.queues.TruncateTo(result.End); err != nil {
		return err
	}
	if err := s.queues.CorrectMin(s.log.Min()); err != nil {
		return err
	}
	if s.index != nil {
		if err := s.index.CorrectMin(s.log.Min()); err != nil {
			return err
		}
	}
	for _, q := range s.queues.All() {
		q.Next = q.Max()
	}
	s.commit.entries = s.sumEntries()
	s.stage.lastTime = max(s.stage.lastTime, r.mark.storeTime)
	if !r.known || result.Records > 0 {
		return nil
	}
	s.commit.anchor, s.commit.anchorTime = r.mark.anchor, r.mark.anchorTime
	return nil
}

// describeRecord names a record in errors and logs.
func describeRecord(r *message.Record) string {
	return fmt.Sprintf("%s queue %d offset %d", r.Topic, r.QueueID, r.QueueOffset)
}
