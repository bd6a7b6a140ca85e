package engine

import (
	"context"
	"time"

	"ringmq/internal/message"
)

// preallocator makes the next file ahead of need.
func (s *Store) preallocator(ctx context.Context) {
	timer := s.o.Clock.NewTimer(prewritePeriod)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakePrepare:
			s.prepareStep()
		case <-timer.C():
		}
		if s.prewriteStep() {
			timer.Reset(prewritePeriod)
		}
	}
}

const (
	// prepareStride of new messages make another look at what lies ahead of the log's end worth it.
	prepareStride = 4 << 20
	// prefaultAhead bytes behind the log's end can be stored to without a fault, in the mmap modes.
	prefaultAhead = 16 << 20
	// prewritePeriod is the time between two steps of writing zeros ahead.
	prewritePeriod = 20 * time.Millisecond
)

// prewriteStep writes a few zeros ahead of the log's end, and tells whether more are wanted.
func (s *Store) prewriteStep() bool {
	rate := s.pace.Load().PrewriteRate
	if s.o.Flush != SyncFlush || rate <= 0 || s.prewriteFailed || s.log.Failure() != nil {
		return false
	}
	more, err := s.log.Prewrite(prewriteAhead, rate*int64(prewritePeriod)/int64(time.Second))
	if err != nil {
		s.o.Log.Warn("nothing is written ahead of the commit log's end any more", "err", err)
		s.prewriteFailed = true
	}
	return more
}

// prepareStep makes the file behind the one in use. When that fails now, the append that
// needs the file tries again and tells its caller why.
func (s *Store) prepareStep() {
	end := s.log.Written()
	for _, base := range []message.LogOffset{s.nextFile(end) - message.LogOffset(s.o.CommitLogFileSize), s.nextFile(end)} {
		if err := s.log.Prepare(base); err != nil {
			if text := err.Error(); text != s.prepareTold { // every append that needs the file wakes us
				s.prepareTold = text
				s.o.Log.Warn("commit log file not made ahead", "err", err)
			}
			return
		}
	}
	s.prepareTold = ""
	if err := s.log.Prefault(prefaultAhead); err != nil {
		s.o.Log.Warn("commit log not made ready ahead", "err", err)
	}
}
