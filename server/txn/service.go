package txn

import (
	"bytes"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strconv"
	"sync"
	"time"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/message"
)

// Progress is the table of consumer offsets.
type Progress interface {
	// Find returns an offset, -1 for none.
	Find(group, topic string, queueID int32) int64
	// Commit notes an offset.
	Commit(group, topic []byte, queueID int32, offset int64) error
}

// Settings are the options that may change while the broker runs.
type Settings struct {
	Timeout  time.Duration // transactionTimeOut: no question before that age
	CheckMax int           // transactionCheckMax: questions before a message is given up
	Reserved time.Duration // fileReservedTime: a message of that age is given up, too
}

// Question asks a producer what became of a transaction. It is of the newest copy of its half message.
type Question struct {
	Group       string // of producers, any of which may answer
	QueueOffset message.QueueOffset
	LogOffset   message.LogOffset
	UniqKey     string // the client's message id
	OffsetID    string
	// Record is the message with its real topic and queue.
	Record []byte
}

// Options of a Service.
type Options struct {
	Store    *engine.Store
	Progress Progress
	Settings func() Settings
	// MakeTopic gives one of the transaction topics a configuration, if it has none.
	MakeTopic func(name string) error
	// Commit makes everything below a log offset visible, and as safe as the store's flush type says.
	Commit func(upTo message.LogOffset) error
	// Stored is told of a committed message, before it is visible.
	Stored func(topic []byte, bytes int32)
	// Ask sends a question, and does not wait.
	Ask func(q *Question)
	// Host is what the broker stores as its own address.
	Host  func() netip.AddrPort
	Clock clock.Clock
	Log   *slog.Logger
}

// Service ends transactions and asks for those that nobody ends. [Service.End] and [Service.Resume] may be called from any
// goroutine that may wait for the disk; one goroutine at a time may call [Service.Check].
type Service struct {
	o        Options
	half, op *consumequeue.Queue // set by Open
	// old is the end of the half topic at Open: what was ended before through a copy, only the index knows.
	old message.QueueOffset

	mu      sync.Mutex
	settled sync.Cond                        // on mu: ending has lost one
	next    message.QueueOffset              // the checker's; under mu
	ended   endedSet                         // under mu
	ending  map[message.QueueOffset]struct{} // transactions that an End is at work on, by first; under mu
	ops     opList                           // under mu
	last    message.LogOffset                // behind the last record of all ends so far; under mu
}

// Open reads the progress and the op records behind it.
func Open(o Options) (*Service, error) {
	s := &Service{
		o: o, half: o.Store.Queue(halfTopic, 0), op: o.Store.Queue(opTopic, 0),
		ending: make(map[message.QueueOffset]struct{}),
	}
	s.settled.L = &s.mu
	s.old = s.half.Max()
	s.next = s.progress(HalfTopic, s.half)
	s.ended = newEndedSet(s.next)
	s.ops.next = s.progress(OpTopic, s.op)
	if err := s.readOps(); err != nil {
		return nil, fmt.Errorf("transactions: %w", err)
	}
	return s, nil
}

// progress is where the checker goes on; without progress, or behind what has expired, at the start.
func (s *Service) progress(topic string, q *consumequeue.Queue) message.QueueOffset {
	return min(max(message.QueueOffset(s.o.Progress.Find(Group, topic, 0)), q.Min()), q.Max())
}

// readOps brings back which half messages are ended.
func (s *Service) readOps() error {
	var entries [256]consumequeue.Entry
	for at := s.ops.next; at < s.op.Max(); {
		n, err := s.op.Read(at, entries[:])
		if n == 0 {
			return fmt.Errorf("op records from %d on: %w", at, err)
		}
		for i := range entries[:n] {
			half := message.QueueOffset(opGarbage)
			if !entries[i].IsHole() {
				half = s.readOp(entries[i].LogOffset)
			}
			s.ops.note(at+message.QueueOffset(i), half)
			if half >= 0 {
				s.ended.add(half)
			}
		}
		at += message.QueueOffset(n)
	}
	return nil
}

// readOp is the half message that an op record names, or opGarbage.
func (s *Service) readOp(at message.LogOffset) message.QueueOffset {
	r, err := s.read(at)
	if err != nil {
		s.o.Log.Error("op record is damaged: its half message may be asked for again", "logOffset", int64(at), "err", err)
		return opGarbage
	}
	half, err := strconv.ParseInt(string(r.Body), 10, 64)
	if err != nil || half < 0 || half >= int64(s.half.Max()) || string(r.Properties.Get(message.PropertyTags)) != string(opTag) {
		s.o.Log.Error("op record names no half message", "logOffset", int64(at))
		return opGarbage
	}
	return message.QueueOffset(half)
}

// read reads a record into memory of its own.
func (s *Service) read(at message.LogOffset) (*message.Record, error) {
	raw, err := s.o.Store.ReadRecord(at)
	if err != nil {
		return nil, err
	}
	r := new(message.Record)
	return r, message.Decode(raw, r)
}

func (s *Service) append(r *message.Record) (engine.Receipt, error) {
	return s.o.Store.Append(s.o.Store.Queue(r.Topic, r.QueueID), r)
}

func (s *Service) now() int64 { return clock.Millis(s.o.Clock.Now()) }

// maxSameKey bounds the messages of one key that are looked through for a transaction's.
const maxSameKey = 64

// stored tells whether the message of a transaction is in its topic already. It asks the index, which follows the log by a
// moment and may be off; then it is false.
func (s *Service) stored(half *message.Record) bool {
	topic, key := half.Properties.Get(propertyRealTopic), half.Properties.Get(message.PropertyUniqKey)
	if len(key) == 0 {
		return false
	}
	for _, off := range s.o.Store.QueryKey(topic, key, maxSameKey, 0, math.MaxInt64).Offsets {
		if r, err := s.read(off); err == nil && s.isOf(r, half) {
			return true
		}
	}
	return false
}

// isOf tells whether a message was committed for the transaction of a half message. That a producer may send
// two with one UNIQ_KEY makes it look at where they come from.
func (s *Service) isOf(r, half *message.Record) bool {
	switch {
	case r.Transaction() != message.TransactionCommit,
		!bytes.Equal(r.Topic, half.Properties.Get(propertyRealTopic)),
		!bytes.Equal(r.Properties.Get(message.PropertyUniqKey), half.Properties.Get(message.PropertyUniqKey)):
		return false
	case r.PreparedTransactionOffset == half.LogOffset:
		return true
	}
	from, err := s.read(r.PreparedTransactionOffset)
	return err == nil && string(from.Topic) == HalfTopic && first(from) == first(half)
}
