package engine

import (
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// Steps is a store without goroutines: who holds it does the loops' work, on one goroutine and in the order
// of its choice. Over a [mapfile.Mem] and a clock that stands still nothing in it is left to chance, so a
// simulation can repeat what it did. See package sim.
type Steps struct{ *Store }

// OpenSteps is [Open] without starting the loops. The Clock must be given; it makes no timers.
func OpenSteps(o Options) (Steps, error) {
	o.stepped = true
	s, err := Open(o)
	return Steps{s}, err
}

// Committer does what the committer does when it is woken: it commits, and answers those who wait.
func (s Steps) Committer() { s.commitStep() }

// FlushWatch ends the waits that are over time.
func (s Steps) FlushWatch() {
	select {
	case <-s.acks.watch:
	default: // it watches already, or nobody waits
	}
	s.acks.expire(s.o.Clock.Now())
}

// SyncLog is a turn of the flusher that finds it time to sync.
func (s Steps) SyncLog() error { return s.log.Sync() }

// FlushQueues is a turn of the queue writer that finds it time to write everything to the files.
func (s Steps) FlushQueues() { s.tellQueues(s.noteFlushed()) }

// QueueWriter writes the entries of queues whose tails are full to their files.
func (s Steps) QueueWriter() {
	select {
	case <-s.queues.Due():
		s.tellQueues(s.queues.FlushDue())
	default:
	}
}

// Checkpoint moves the checkpoints.
func (s Steps) Checkpoint() error { return s.checkpointStep(false) }

// Indexer indexes some of what waits for it.
func (s Steps) Indexer() {
	if s.indexer != nil {
		s.indexer.step()
	}
}

// DrainIndex indexes everything that waits for it.
func (s Steps) DrainIndex() error {
	if s.indexer == nil {
		return nil
	}
	return s.indexer.drain()
}

// Prepare is a turn of the preallocator.
func (s Steps) Prepare() { s.prepareStep() }

// Tail is the log offset behind what was appended.
func (s Steps) Tail() message.LogOffset {
	s.stage.Lock()
	defer s.stage.Unlock()
	return s.stage.stager.Tail()
}

// Begin is the first log offset that the log still has.
func (s Steps) Begin() message.LogOffset { return s.log.Min() }

// Written is the log offset below which the page cache has everything.
func (s Steps) Written() message.LogOffset { return s.log.Written() }

// Durable is the log offset below which the device has everything.
func (s Steps) Durable() message.LogOffset { return s.log.Durable() }

// Queues lists all queues, by topic and number.
func (s Steps) Queues() []*consumequeue.Queue { return s.queues.All() }

// IsHole tells queue entries that stand for a message that is lost, and the blanks that RocketMQ puts before a
// queue's first entry.
func IsHole(e *consumequeue.Entry) bool { return isHole(e) }
