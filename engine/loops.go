package engine

import (
	"context"
	"time"

	"ringmq/commitlog"
	"ringmq/internal/message"
	"ringmq/internal/thread"
)

// writebackWindow is how much is written to the page cache before the kernel is asked to
// begin with the device: the dirty pages stay few, and a flush finds little to do.
const writebackWindow = 8 << 20

// start starts the loops. Each has a step that does its work once.
//
//	committer     where commits do not end at once: writes, syncs, dispatches, acknowledges
//	flush watch   with it: ends waits whose time is up
//	flusher       AsyncFlush: syncs the log now and then, starts writeback
//	preallocator  makes the next commit log file; makes ready what lies behind the log's end
//	indexer       puts messages into the index
//	queue writer  writes queue entries to their files
//	checkpointer  moves the checkpoints
//	caretaker     watches the disk; removes expired files
//
// Nobody waits for those from the flusher on as long as they keep up, so they stand back ([thread.StandBack]).
func (s *Store) start() {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	if s.o.stepped {
		return
	}
	run := func(loop func(context.Context)) { s.loops.Go(func() { loop(ctx) }) }
	behind := func(loop func(context.Context)) {
		run(func(ctx context.Context) {
			s.standBack()
			loop(ctx)
		})
	}
	behind(s.preallocator)
	behind(s.flusher)
	behind(s.queueWriter)
	behind(s.checkpointer)
	behind(s.caretaker)
	if s.indexer != nil {
		behind(s.indexer.run)
	}
	if s.Deferred() || s.o.AckFromStaging {
		run(s.committer)
		run(s.flushWatch)
	}
	s.wake(s.wakePrepare)
}

// standBack has the calling goroutine run behind those that serve requests, which do not wait for it.
func (s *Store) standBack() {
	if err := thread.StandBack(); err != nil {
		s.o.Log.Debug("the store's own work competes with requests for processors", "err", err)
	}
}

func (s *Store) wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default: // awake already
	}
}

func (s *Store) wakeCommitter() { s.wake(s.wakeCommit) }

func (s *Store) committer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakeCommit:
			s.commitStep()
		}
	}
}

// commitStep commits what is staged and answers those who wait for it. A failure has been
// told to them by writeOut.
func (s *Store) commitStep() {
	s.commit.Lock()
	err := s.writeOut()
	s.commit.Unlock()
	if err != nil {
		return
	}
	s.acks.release(s.Visible())
	if s.onCommitted != nil {
		s.onCommitted()
	}
	if s.acks.any() || s.stage.behind() { // they came while it was written
		s.wakeCommitter()
	}
}

// flushWatch looks for waits that took too long while there are any.
func (s *Store) flushWatch(ctx context.Context) {
	period := func() time.Duration { return max(s.limits.Load().SyncFlushTimeout/8, time.Millisecond) }
	timer := s.o.Clock.NewTimer(period())
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.acks.watch:
		}
		for waits := true; waits; {
			timer.Reset(period())
			select {
			case <-ctx.Done():
				return
			case <-timer.C():
				waits = s.acks.expire(s.o.Clock.Now())
			}
		}
	}
}

// flusher syncs the log every FlushInterval if there is enough to sync, or long enough something.
func (s *Store) flusher(ctx context.Context) {
	timer := s.o.Clock.NewTimer(s.pace.Load().FlushInterval)
	defer timer.Stop()
	last := s.o.Clock.Now()
	cache := cacheWindow{writeback: s.log.Written(), passed: s.log.Written(), at: last}
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakeFlush:
			s.tidyCache(&cache)
			if s.pace.Load().FlushEarly {
				last = s.flushStep(s.o.Clock.Now(), last)
			}
		case <-timer.C():
			last = s.flushStep(s.o.Clock.Now(), last)
			timer.Reset(s.pace.Load().FlushInterval)
		}
	}
}

const pageBytes = 4096

// flushStep syncs the log if it is time to, and returns when it was synced last.
func (s *Store) flushStep(now, last time.Time) time.Time {
	p := s.pace.Load()
	dirty := int(s.Visible() - s.log.Durable()) // less than 0 while a commit to the device ends
	thorough := now.Sub(last) >= p.FlushThoroughInterval
	if dirty <= 0 || !p.enough(dirty) && !thorough {
		return last
	}
	_ = s.log.Sync() // the log keeps its failure and tells of it
	return now
}

// afterWrite wakes the loops that what was just written concerns. Under commit.
func (s *Store) afterWrite(end message.LogOffset) {
	p := s.pace.Load()
	if s.o.FlushMode != commitlog.Direct && end-s.commit.writeback >= writebackWindow {
		s.commit.writeback = end
		s.wake(s.wakeFlush)
	} else if p.FlushEarly && p.enough(int(end-s.log.Durable())) {
		s.wake(s.wakeFlush)
	}
	if !s.log.Prepared(s.nextFile(end)) || end >= s.commit.preparedTo {
		s.commit.preparedTo = end + prepareStride
		s.wake(s.wakePrepare)
	}
}

// nextFile begins behind the file that holds off.
func (s *Store) nextFile(off message.LogOffset) message.LogOffset {
	size := message.LogOffset(s.o.CommitLogFileSize)
	return off - off%size + size
}

// queueWriter writes queue entries to their files: those of a queue when they pile up, and all of them when there is much that a
// process killed now would leave undone, or every CheckpointInterval. It has a goroutine of its own, as the checkpointer may wait
// for the device for long.
func (s *Store) queueWriter(ctx context.Context) {
	timer := s.o.Clock.NewTimer(0)
	defer timer.Stop()
	var last time.Time
	flushed := s.Visible()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.queues.Due():
			s.tellQueues(s.queues.FlushDue())
		case <-timer.C():
			now, interval, end := s.o.Clock.Now(), s.pace.Load().CheckpointInterval, s.Visible()
			if end-flushed >= flushedBytes || now.Sub(last) >= interval {
				s.tellQueues(s.noteFlushed())
				last, flushed = now, end
			}
			timer.Reset(s.rest(now, min(interval, flushedLook)))
		}
	}
}

const (
	// flushedBytes of new messages make it worth to write all queue entries to their files: about what is read in a
	// twentieth of a second after a kill.
	flushedBytes = 64 << 20
	flushedLook  = 250 * time.Millisecond
)

// checkpointer moves the checkpoints every CheckpointInterval if there is much to save at the next start, or long enough
// something.
func (s *Store) checkpointer(ctx context.Context) {
	timer := s.o.Clock.NewTimer(s.pace.Load().CheckpointInterval)
	defer timer.Stop()
	last := s.o.Clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
			s.log.Forget()
			p, now := s.pace.Load(), s.o.Clock.Now()
			fresh := int64(s.Visible()) - s.checkpointAt.Load()
			if fresh >= checkpointBytes || fresh > 0 && now.Sub(last) >= p.FlushThoroughInterval {
				last = now
				s.checkpoint()
			}
			timer.Reset(s.rest(now, p.CheckpointInterval))
		}
	}
}

// rest is how long a loop rests that began to work at a time: thousands of queues take a while, which shall be a small part of
// the time.
func (s *Store) rest(began time.Time, least time.Duration) time.Duration {
	pause := min(s.o.Clock.Now().Sub(began)*checkpointShare, s.pace.Load().FlushThoroughInterval)
	return max(pause, least)
}

// checkpointShare is how much longer checkpointer and queue writer rest than they work, as long as FlushThoroughInterval allows.
const checkpointShare = 10

// checkpointBytes of new messages make a checkpoint worth its syncs.
const checkpointBytes = 1 << 20

// flushQueues writes queue entries to their files, while the log is read at a start. An error is kept by the table, which tries
// again.
func (s *Store) flushQueues() { s.tellQueues(s.queues.Flush()) }

func (s *Store) tellQueues(err error) {
	if err != nil {
		s.o.Log.Warn("queue entries stay in memory", "err", err)
	}
}

// checkpoint moves the checkpoints. When that fails, the next start has more to do.
func (s *Store) checkpoint() {
	if s.log.Failure() != nil {
		return
	}
	if err := s.checkpointStep(false); err != nil {
		s.o.Log.Error("no checkpoint", "err", err)
	}
}

// caretaker watches the disk and removes expired files.
func (s *Store) caretaker(ctx context.Context) {
	timer := s.o.Clock.NewTimer(time.Second)
	defer timer.Stop()
	told := s.o.Clock.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
		}
		now := s.o.Clock.Now()
		told = s.tellHung(now, told)
		err := s.deleteExpired(now, func(d time.Duration) { s.pause(ctx, d) })
		if err != nil {
			s.o.Log.Error("expired files stay", "err", err)
		}
		// Only now, so that space that was just made counts.
		if err := s.CheckDisk(); err != nil {
			s.o.Log.Warn("the disk's space is not known", "err", err)
		}
		timer.Reset(s.retention.Load().Every)
	}
}

// pause waits, unless ctx ends.
func (s *Store) pause(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := s.o.Clock.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C():
	}
}
