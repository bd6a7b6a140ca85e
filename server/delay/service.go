package delay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"sync"
	"time"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

const (
	idlePause  = 100 * time.Millisecond // between two looks at queues whose head is not due (Java's period)
	retryPause = 100 * time.Millisecond // after a message that could not be stored
	// batch is how many messages of a level are delivered with one commit, before the other levels have their turn.
	batch = 1024
)

// halfTopic's messages are prepared transactions; one that was delayed is dropped, as Java does.
const halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"

// Options of a Service.
type Options struct {
	Store  *engine.Store
	Levels []time.Duration // messageDelayLevel at the start
	// Read and Write are of delayOffset.json, as a whole; what Write has written lasts.
	Read  func(parse func(data []byte) error) error
	Write func(data []byte) error
	// Flush makes everything appended so far safe.
	Flush func() error
	// Commit makes everything below a log offset visible, and as safe as the store's flush type says.
	Commit func(upTo message.LogOffset) error
	// Delivered counts a message that was appended to its topic. The slice is valid during the call.
	Delivered func(topic []byte, bytes int32)
	Clock     clock.Clock
	Log       *slog.Logger
}

// Service delivers delayed messages.
type Service struct {
	o     Options
	saved map[int32]int64 // what delayOffset.json said at the start, by level; set before use

	mu sync.Mutex
	// By level-1, under mu. A level that is taken off the table is served on as long as its queue has been used; an
	// element never changes but for offsets'.
	levels  []time.Duration
	queues  []*consumequeue.Queue
	offsets []message.QueueOffset // next to deliver

	// Scratch memory of Run.
	entries [batch]consumequeue.Entry
	delays  []time.Duration
}

// Open loads the offsets of the levels.
func Open(o Options) (*Service, error) {
	saved := wire.DelayOffsetSerializeWrapper{}
	err := o.Read(func(data []byte) error { return fastjson.Unmarshal(data, &saved) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("delayed messages: %w", err)
	}
	s := &Service{o: o, saved: saved.OffsetTable}
	s.SetLevels(o.Levels)
	return s, nil
}

// SetLevels replaces the table. Messages that wait keep the time they were given, unless that is farther away than
// their level's delay: then they are due.
func (s *Service) SetLevels(levels []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.levels = slices.Clone(levels)
	used := maxLevels
	for used > len(levels) && s.o.Store.MaxOffset(topicBytes, int32(used-1)) == 0 {
		used--
	}
	for i := len(s.queues); i < used; i++ {
		q := s.o.Store.Queue(topicBytes, int32(i))
		s.queues = append(s.queues, q)
		s.offsets = append(s.offsets, min(max(message.QueueOffset(s.saved[int32(i+1)]), q.Min()), q.Max()))
	}
}

// watched is the queues, and how long each delays a message at most; maxDelay for one that is in no table.
func (s *Service) watched() (queues []*consumequeue.Queue, delays []time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delays = append(s.delays[:0], s.levels...)
	for len(delays) < len(s.queues) {
		delays = append(delays, maxDelay)
	}
	s.delays = delays
	return s.queues, delays
}

// Run delivers until ctx ends. It saves nothing: [Service.Save] does.
func (s *Service) Run(ctx context.Context) {
	t := s.o.Clock.NewTimer(time.Second)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C():
			t.Reset(s.Step(s.o.Clock.Now()))
		}
	}
}

// Step delivers what is due, a batch of each level at most, and tells how long to wait for the next. Run calls it; a
// simulation calls it instead.
func (s *Service) Step(now time.Time) time.Duration {
	pause := idlePause
	queues, delays := s.watched()
	for i := range queues {
		pause = min(pause, s.level(i, queues[i], delays[i], clock.Millis(now)))
	}
	return pause
}

// level delivers what is due of one level, and tells when to look again.
func (s *Service) level(i int, q *consumequeue.Queue, longest time.Duration, nowMillis int64) time.Duration {
	off := s.Offset(i + 1)
	if low := q.Min(); off < low { // the rest has expired
		off = low
	}
	n, err := s.o.Store.ReadTimes(q, off, s.entries[:])
	if err != nil && n == 0 && off < q.Max() {
		s.o.Log.Error("delayed messages cannot be read", "level", i+1, "offset", int64(off), "err", err)
		return retryPause
	}
	ready, pause := due(s.entries[:n], longest, nowMillis)
	done, err := s.deliver(q, off, ready, nowMillis)
	if done > 0 {
		s.setOffset(i, off+message.QueueOffset(done))
	}
	if err != nil {
		s.o.Log.Error("delayed message cannot be delivered yet", "level", i+1, "offset", int64(off)+int64(done), "err", err)
		return retryPause
	}
	return pause
}

// due cuts off the entries whose time has come. pause is the time until the next one's has.
func due(entries []consumequeue.Entry, longest time.Duration, nowMillis int64) (ready []consumequeue.Entry, pause time.Duration) {
	for k := range entries {
		// An entry later than any could be was made under another level table or clock: it is due.
		at := entries[k].TagsCode
		if !entries[k].IsHole() && at > nowMillis && at <= nowMillis+longest.Milliseconds() {
			return entries[:k], time.Duration(at-nowMillis) * time.Millisecond
		}
	}
	if len(entries) == batch {
		return entries, 0
	}
	return entries, idlePause
}

// deliver appends the messages of entries, which begin at a queue offset, to their topics, in order, and commits
// them. done of them are finished with.
func (s *Service) deliver(q *consumequeue.Queue, from message.QueueOffset, entries []consumequeue.Entry, nowMillis int64) (done int, err error) {
	upTo := message.LogOffset(0)
	for done < len(entries) {
		end, errOne := s.appendOne(q, from+message.QueueOffset(done), &entries[done], nowMillis)
		if errOne != nil {
			err = errOne
			break
		}
		upTo = max(upTo, end)
		done++
	}
	if upTo > 0 {
		// What the device is late with is stored, too.
		if errCommit := s.o.Commit(upTo); errCommit != nil && !errors.Is(errCommit, engine.ErrFlushTimeout) {
			return 0, errCommit
		}
	}
	return done, err
}

// appendOne appends the message that waits at a queue offset to its own topic. A message that is not
// there or says not where it belongs is passed over.
func (s *Service) appendOne(q *consumequeue.Queue, at message.QueueOffset, e *consumequeue.Entry, nowMillis int64) (end message.LogOffset, err error) {
	if e.IsHole() {
		return 0, nil
	}
	there := s.o.Store.View(q, at, func(record []byte) { end, err = s.appendRecord(record, nowMillis) })
	if !there {
		s.o.Log.Error("delayed message is not in the log and is passed over", "level", q.ID()+1, "offset", int64(at), "logOffset", int64(e.LogOffset))
	}
	return end, err
}

func (s *Service) appendRecord(record []byte, nowMillis int64) (end message.LogOffset, err error) {
	var r message.Record
	if err := message.Decode(record, &r); err != nil {
		s.o.Log.Error("delayed message is damaged and passed over", "err", err)
		return 0, nil
	}
	if !restore(&r) || string(r.Topic) == halfTopic {
		s.o.Log.Error("delayed message has no topic to go to and is passed over", "logOffset", int64(r.LogOffset))
		return 0, nil
	}
	r.StoreTimestamp = nowMillis
	got, err := s.o.Store.Append(s.o.Store.Queue(r.Topic, r.QueueID), &r)
	if err == nil {
		s.o.Delivered(r.Topic, got.Size)
	}
	return got.End(), err
}

// Levels is the number of levels.
func (s *Service) Levels() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.levels)
}

// Offset is the next message to deliver of a level, which counts from 1.
func (s *Service) Offset(level int) message.QueueOffset {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.offsets[level-1]
}

func (s *Service) setOffset(i int, off message.QueueOffset) {
	s.mu.Lock()
	s.offsets[i] = off
	s.mu.Unlock()
}

// Table is the offsets as request 45 and delayOffset.json have them: levels that never had a message are left out.
func (s *Service) Table() *wire.DelayOffsetSerializeWrapper {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := &wire.DelayOffsetSerializeWrapper{OffsetTable: map[int32]int64{}}
	for i, off := range s.offsets {
		if off > 0 {
			w.OffsetTable[int32(i+1)] = int64(off)
		}
	}
	return w
}

// Save writes the offsets. What they say was delivered is made safe first.
func (s *Service) Save() error {
	data, err := fastjson.MarshalPretty(s.Table())
	if err != nil {
		return err
	}
	if err := s.o.Flush(); err != nil {
		return err
	}
	return s.o.Write(data)
}
