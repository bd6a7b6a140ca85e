package engine

import (
	"ringmq/commitlog"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Stats is the store at a moment.
type Stats struct {
	Min     message.LogOffset // where the log begins
	Staged  message.LogOffset // end of what was appended
	Visible message.LogOffset // … of what is in the queues
	Durable message.LogOffset // … of what is on the device
	Indexed message.LogOffset // … of what is in the index
	// Checkpoint is where the next start would begin to scan.
	Checkpoint message.LogOffset
	// StoreTime is that of the last message appended, ms.
	StoreTime int64

	FlushMode commitlog.Mode
	// Requests tells how files are used when nobody waits: "io_uring" or "calls", and why.
	Requests, RequestsWhy string

	LogFiles int
	Disk     mapfile.Space // the commit log's
	RootDisk mapfile.Space // that of the queues and all other files
	Damage   int64         // damages found since Open

	// Refusal is why messages are refused, nil when they are not.
	Refusal error
	// QueueFailure and IndexFailure are why entries stay in memory; they may pass.
	QueueFailure, IndexFailure error
}

// DispatchBehindBytes is how much is appended and not yet in its queues.
func (s *Stats) DispatchBehindBytes() int64 { return int64(s.Staged - s.Visible) }

// Stats describes the store.
func (s *Store) Stats() Stats {
	st := Stats{
		Min: s.log.Min(), Visible: s.Visible(), Durable: s.log.Durable(),
		Checkpoint: message.LogOffset(s.checkpointAt.Load()),
		LogFiles:   s.log.Files(), Damage: s.damage.Load(),
		Refusal: s.Writable(), QueueFailure: s.queues.Failure(),
	}
	st.FlushMode = s.o.FlushMode
	if s.loop != nil {
		st.Requests, st.RequestsWhy = s.loop.Path()
	}
	s.stage.Lock()
	st.Staged, st.StoreTime = s.stage.stager.Tail(), s.stage.lastTime
	s.stage.Unlock()
	st.Indexed = st.Visible
	if s.indexer != nil {
		st.Indexed, st.IndexFailure = s.indexer.Done(), s.indexer.Failure()
	}
	if space, err := s.log.Space(); err == nil {
		st.Disk = space
	}
	if space, err := s.root.Space(); err == nil {
		st.RootDisk = space
	}
	return st
}
