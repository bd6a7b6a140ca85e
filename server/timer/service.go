package timer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Dir is where the index lies below a store.
const Dir = engine.RingmqName + "/timer"

const (
	// SavePeriod is how often Save is to be called.
	SavePeriod = time.Second
	// bucketWidth is the time of one bucket file.
	bucketWidth = time.Hour
	// spillEvery is how many messages a start reads again, at most, beside the bucket files.
	spillEvery = 1 << 16
	// indexStep is how many messages are indexed before due ones have their turn.
	indexStep = 4096
	// deliverStep is how many messages are delivered with one commit.
	deliverStep = 1024
	// retryPause follows a message that could not be stored.
	retryPause = 100 * time.Millisecond
	// minHorizon bounds how often a message rolls.
	minHorizon = time.Minute
)

// Options of a Service.
type Options struct {
	Store *engine.Store
	// FS is the store's directory, of which the Service uses Dir.
	FS mapfile.FS
	// Reserved is how long a message is sure to stay in the log (fileReservedTime).
	Reserved time.Duration
	// Commit makes everything below a log offset visible, and as safe as the store's flush type says.
	Commit func(upTo message.LogOffset) error
	// Delivered counts a message that was appended to its topic. The slice is valid during the call.
	Delivered func(topic []byte, bytes int32)
	Clock     clock.Clock
	Log       *slog.Logger

	width time.Duration // of a bucket; default bucketWidth
	spill int           // default spillEvery
}

// Service delivers messages at their moments.
type Service struct {
	o       Options
	queue   *consumequeue.Queue
	horizon int64         // ms
	wake    chan struct{} // to Run

	mu      sync.Mutex
	next    message.QueueOffset // the first message not indexed; under mu
	near    entryHeap           // pending entries before nearEnd, but those of batch; under mu
	nearEnd int64               // ms; under mu
	fresh   []entry             // entries of the messages from spilled to next; under mu
	spilled message.QueueOffset // under mu
	batch   []entry             // being delivered; written by Run under mu
	last    entry               // the last one of a batch: bucket files may name a message twice; under mu

	// What the checkpoint read at the start, or a rebuild, says of messages that are indexed again; under mu.
	known        message.QueueOffset // the rule holds for those before
	cursor       entry
	knownHorizon int64

	props   message.Properties // scratch memory of Run
	scratch []entry            // … too

	saving sync.Mutex // one Save at a time; taken before mu; guards:
	disk   *buckets
	file   *checkpointFile
	saved  checkpoint
}

// Open reads the index. What of it is missing, damaged or not of this store is made again from the queue, by Run.
func Open(o Options) (*Service, error) {
	if o.width == 0 {
		o.width = bucketWidth
	}
	if o.spill == 0 {
		o.spill = spillEvery
	}
	s := &Service{
		o: o, queue: o.Store.Queue(topicBytes, 0), wake: make(chan struct{}, 1),
		horizon: max(o.Reserved/2, minHorizon).Milliseconds(), last: noEntry,
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("timer messages: %w", err)
	}
	return s, nil
}

// load brings back what the files say.
func (s *Service) load() error {
	err := s.o.FS.MkdirAll(Dir)
	if err == nil { // it may be new, and a file in it lasts no longer than its name
		err = errors.Join(s.o.FS.SyncDir(engine.RingmqName), s.o.FS.SyncDir("."))
	}
	if err != nil {
		return err
	}
	var c checkpoint
	var ok bool
	if s.disk, err = openBuckets(s.o.FS, Dir, s.o.width.Milliseconds()); err != nil {
		return err
	}
	if s.file, c, ok, err = openCheckpoint(s.o.FS, Dir); err != nil {
		return err
	}
	if ok && c.next > s.queue.Max() {
		s.o.Log.Warn("the index of timer messages is of another store; it is made again", "next", int64(c.next), "queue", int64(s.queue.Max()))
		c, ok = checkpoint{}, false
	}
	s.saved = c
	s.next, s.spilled = c.spilled, c.spilled
	s.known, s.cursor, s.knownHorizon = c.next, c.cursor, max(c.horizon, s.horizon)
	s.nearEnd = s.nearEndAt(clock.Millis(s.o.Clock.Now()))
	if !ok || s.disk.entries() < c.entries {
		return s.rebuild()
	}
	for _, start := range s.disk.all() {
		if start >= s.nearEnd {
			break
		}
		entries, err := s.disk.read(start)
		if errors.Is(err, errDamaged) {
			return s.rebuild()
		}
		if err != nil {
			return err
		}
		s.near.add(s.pending(entries))
	}
	return nil
}

// pending drops the entries before the cursor, in place.
func (s *Service) pending(entries []entry) []entry {
	kept := entries[:0]
	for _, e := range entries {
		if !e.before(s.cursor) {
			kept = append(kept, e)
		}
	}
	return kept
}

// nearEndAt is where the heap must reach at a time: well into what is to come.
func (s *Service) nearEndAt(nowMillis int64) int64 {
	return s.disk.start(nowMillis+s.o.width.Milliseconds()/4) + s.o.width.Milliseconds()
}

// rebuild forgets the index; Run makes it again from the start of the queue. Under saving and mu, or before Run.
func (s *Service) rebuild() error {
	s.known = max(s.known, s.next)
	s.next, s.spilled = 0, 0
	s.near, s.fresh = nil, nil
	if n := int64(s.queue.Max() - s.queue.Min()); n > 0 {
		s.o.Log.Warn("the index of timer messages is made again", "messages", n)
	}
	return s.disk.remove(s.disk.all())
}

// Arrived tells Run that the queue has a new message. It never waits.
func (s *Service) Arrived() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Queue is where messages wait.
func (s *Service) Queue() *consumequeue.Queue { return s.queue }

// Run delivers until ctx ends.
func (s *Service) Run(ctx context.Context) {
	t := s.o.Clock.NewTimer(0)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C():
		case <-s.wake:
		}
		t.Reset(s.Step(s.o.Clock.Now()))
	}
}

// Step indexes what has arrived, delivers what is due, and tells how long to wait for more. Run calls it; a simulation
// calls it instead.
func (s *Service) Step(now time.Time) time.Duration {
	nowMillis := clock.Millis(now)
	more := s.index()
	n, err := s.deliver(nowMillis)
	switch {
	case err != nil:
		s.o.Log.Error("timer messages cannot be delivered yet", "err", err)
		return retryPause
	case more || n == deliverStep:
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.near) == 0 {
		return SavePeriod
	}
	return min(max(time.Duration(s.near[0].due-nowMillis)*time.Millisecond, 0), SavePeriod)
}

// Close writes the index and closes its files. Run has ended.
func (s *Service) Close() error {
	err := s.save(true)
	return errors.Join(err, s.file.f.Close())
}
