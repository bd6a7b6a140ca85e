package delay

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/message"
	"ringmq/internal/statefile"
	"ringmq/internal/wire"
)

// Pauses of the loop.
const (
	idlePause  = 100 * time.Millisecond // between two looks at queues whose head is not due (Java's period)
	retryPause = 100 * time.Millisecond // after a message that could not be stored
)

// halfTopic's messages are prepared transactions; one that was delayed is dropped, as Java does.
const halfTopic = "RMQ_SYS_TRANS_HALF_TOPIC"

// Options of a Service.
type Options struct {
	Store  *engine.Store
	Levels []time.Duration
	// Path is delayOffset.json.
	Path string
	// Flush makes everything appended so far safe.
	Flush func() error
	// Delivered is called after messages became visible.
	Delivered func()
	Clock     clock.Clock
	Log       *slog.Logger
}

// Service delivers delayed messages.
type Service struct {
	o      Options
	queues []*consumequeue.Queue // by level-1; set before Run

	mu      sync.Mutex
	offsets []message.QueueOffset // next to deliver, by level-1; under mu

	entries [64]consumequeue.Entry // owned by Run
}

// Open loads the offsets of the levels.
func Open(o Options) (*Service, error) {
	s := &Service{o: o, offsets: make([]message.QueueOffset, len(o.Levels))}
	saved := wire.DelayOffsetSerializeWrapper{}
	err := statefile.ReadParse(o.Path, func(data []byte) error { return fastjson.Unmarshal(data, &saved) })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("delayed messages: %w", err)
	}
	for i := range o.Levels {
		q := o.Store.Queue(topicBytes, int32(i))
		s.queues = append(s.queues, q)
		s.offsets[i] = min(max(message.QueueOffset(saved.OffsetTable[int32(i+1)]), q.Min()), q.Max())
	}
	return s, nil
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
			t.Reset(s.step(s.o.Clock.Now()))
		}
	}
}

// step delivers what is due and tells how long to wait for the next.
func (s *Service) step(now time.Time) time.Duration {
	pause := idlePause
	for i := range s.queues {
		pause = min(pause, s.level(i, clock.Millis(now)))
	}
	return max(pause, time.Millisecond)
}

// level delivers what is due of one level, a piece at a time, and tells when to look again.
func (s *Service) level(i int, nowMillis int64) time.Duration {
	for {
		off := s.Offset(i + 1)
		if low := s.queues[i].Min(); off < low { // the rest has expired
			off = low
		}
		n, err := s.queues[i].Read(off, s.entries[:])
		if err != nil && n == 0 && off < s.queues[i].Max() {
			s.o.Log.Error("delayed messages cannot be read", "level", i+1, "offset", int64(off), "err", err)
			return retryPause
		}
		done, pause, err := s.deliver(i, s.entries[:n], nowMillis)
		if done > 0 {
			s.setOffset(i, off+message.QueueOffset(done))
			s.o.Delivered()
		}
		if err != nil {
			s.o.Log.Error("delayed message cannot be delivered yet", "level", i+1, "offset", int64(off)+int64(done), "err", err)
			return retryPause
		}
		if done < n || n == 0 {
			return pause
		}
	}
}

// deliver appends the entries that are due, in order, and commits them. done of them are finished with;
// pause is the time until the next is due.
func (s *Service) deliver(i int, entries []consumequeue.Entry, nowMillis int64) (done int, pause time.Duration, err error) {
	pause = idlePause
	upTo := message.LogOffset(0)
	for k := range entries {
		if entries[k].IsHole() {
			done++
			continue
		}
		// An entry later than any could be was made under another level table or clock: it is due.
		due := entries[k].TagsCode
		if due > nowMillis && due <= nowMillis+s.o.Levels[i].Milliseconds() {
			pause = min(pause, time.Duration(due-nowMillis)*time.Millisecond)
			break
		}
		end, errOne := s.appendOne(entries[k].LogOffset, nowMillis)
		if errOne != nil {
			err = errOne
			break
		}
		upTo = max(upTo, end)
		done++
	}
	if upTo > 0 {
		if _, errCommit := s.o.Store.Commit(upTo, false, nil); errCommit != nil {
			return 0, retryPause, errCommit
		}
	}
	return done, pause, err
}

// appendOne appends the message that waits at off to its own topic. A message that is not
// there or says not where it belongs is passed over.
func (s *Service) appendOne(off message.LogOffset, nowMillis int64) (end message.LogOffset, err error) {
	raw, err := s.o.Store.ReadRecord(off)
	var r message.Record
	if err == nil {
		err = message.Decode(raw, &r)
	}
	if err != nil {
		s.o.Log.Error("delayed message is damaged and passed over", "logOffset", int64(off), "err", err)
		return 0, nil
	}
	if !restore(&r) || string(r.Topic) == halfTopic {
		s.o.Log.Error("delayed message has no topic to go to and is passed over", "logOffset", int64(off))
		return 0, nil
	}
	r.StoreTimestamp = nowMillis
	got, err := s.o.Store.Append(s.o.Store.Queue(r.Topic, r.QueueID), &r)
	return got.End(), err
}

// Levels is the number of levels.
func (s *Service) Levels() int { return len(s.o.Levels) }

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
	return statefile.Write(s.o.Path, data)
}
