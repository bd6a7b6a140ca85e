package engine

import "ringmq/internal/message"

// javaMargin is how much older than Java's checkpoint a file must be to begin a recovery with it
// (StoreCheckpoint.getMinTimestamp), in ms.
const javaMargin = 3000

// javaLastFiles is how many files Java checks after a clean stop (CommitLog.recoverNormally).
const javaLastFiles = 3

// chooseMark finds the mark to go on from. What was written to the files and not synced is there if only the process has ended; the
// note of it must not outlast anything else.
func (r *recovery) chooseMark() error {
	ms := r.s.marks
	r.known = ms.ok && r.isOfThisLog(&ms.last)
	r.durable = ms.last.queues
	if ms.flushed == noMark {
		return nil
	}
	if r.last != lastKilled {
		return ms.writeFlushed(noMark)
	}
	if r.known && ms.flushed.queues > ms.last.queues && r.isOfThisLog(&ms.flushed) {
		r.mark = ms.flushed
	}
	return nil
}

// isOfThisLog tells whether the log still has the record that a mark remembers. If a Java
// broker has cut the log since, or the directory was put together from others, it has not.
func (r *recovery) isOfThisLog(m *mark) bool {
	if m.anchor < 0 {
		return m.queues == 0 && r.s.log.Min() == 0
	}
	h, err := r.s.log.HeadAt(m.anchor)
	return err == nil && h.StoreTimestamp == m.anchorTime
}

// synced is the log offset below which the derived files of the kind, whose offset in the mark
// is marked, are right.
func (r *recovery) synced(marked message.LogOffset) message.LogOffset {
	log := r.s.log
	from := log.Min()
	if r.known {
		from = max(from, marked)
	}
	switch r.last {
	case lastClean:
		// If it was Java, there is more than the mark knows of.
		if !r.known || !r.mark.clean {
			back := message.LogOffset(javaLastFiles * r.s.o.CommitLogFileSize)
			from = max(from, log.Written()-back)
		}
	case lastJava:
		// What the mark says is missing, Java did not add. (It may be that we crashed and the power cut took
		// the abort file's line.)
		if !r.known || marked >= r.mark.queues {
			from = max(from, r.javaStart())
		}
	}
	return from
}

// javaStart is the file that Java would begin with after a crash
// (CommitLog.recoverAbnormally).
func (r *recovery) javaStart() message.LogOffset {
	log := r.s.log
	latest := min(r.times.log, r.times.queues) - javaMargin
	size := message.LogOffset(r.s.o.CommitLogFileSize)
	for base := log.Written() - size; base > log.Min(); base -= size {
		h, err := log.HeadAt(base)
		if err == nil && h.StoreTimestamp > 0 && h.StoreTimestamp <= latest {
			return base
		}
	}
	return log.Min()
}

// trusted is the log offset below which entries are right when those of records from from on are dispatched
// again. It is less than from when the log has lost its begin since the last mark: entries that
// were not on the device may then be of records that have expired, and would still say how far
// their queue has come.
func (r *recovery) trusted(from, marked message.LogOffset) message.LogOffset {
	ours := r.last == lastKilled || r.last == lastPower || r.last == lastFailed
	if ours && r.s.marks.ok && from <= r.s.log.Min() {
		return min(from, marked)
	}
	return from
}
