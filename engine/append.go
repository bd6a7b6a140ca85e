package engine

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/index"
	"ringmq/internal/javahash"
	"ringmq/internal/message"
)

// Receipt is where a message was put.
type Receipt struct {
	LogOffset   message.LogOffset
	QueueOffset message.QueueOffset
	Size        int32 // of the whole record
}

// End is the log offset behind the record: what Commit must reach for it to be stored.
func (r Receipt) End() message.LogOffset { return r.LogOffset + message.LogOffset(r.Size) }

// Errors of Append.
var (
	// ErrClosed is returned once Close has begun.
	ErrClosed = errors.New("the store is closed")
	// ErrNoQueue is returned for a nil queue: [Store.Queue] knows no such queue and cannot make it.
	ErrNoQueue = errors.New("no such queue can be stored")
	// ErrDiskFull is returned while a disk is used above [Retention].FullPercent.
	ErrDiskFull = errors.New("the disk is full")
)

// Queue returns a queue, which is made in memory when there is none; nil when its topic cannot be
// the name of a folder. It allocates only when it makes one.
func (s *Store) Queue(topic []byte, id int32) *consumequeue.Queue { return s.queues.Queue(topic, id) }

// Append puts a message into staging memory and gives it its place: r's LogOffset,
// QueueOffset, QueueID, and StoreTimestamp, which is raised when it lies before the last
// message's. Nothing of r is used after Append returns. The message is stored only when
// Commit has said so.
//
// When the staging memory is full, Append first commits what is there, which may wait for
// the disk and run the arrival callback.
func (s *Store) Append(q *consumequeue.Queue, r *message.Record) (Receipt, error) {
	if err := s.checkRecord(q, r); err != nil {
		return Receipt{}, err
	}
	if names := s.multi(r); names != nil {
		return s.appendMulti(q, r, names)
	}
	var d request
	var few fewHashes
	hashes := s.describe(&d, few[:0], q, r)
	crc := message.BodyCRC(r.Body)

	s.stage.Lock()
	defer s.stage.Unlock()
	if err := s.reserve(int(d.size)); err != nil {
		return Receipt{}, err
	}
	return s.put(r, &d, hashes, crc), nil
}

// AppendBatch appends messages of one queue, all or none, which lie together in one file.
// receipts has as many elements as rs.
func (s *Store) AppendBatch(q *consumequeue.Queue, rs []message.Record, receipts []Receipt) error {
	total := 0
	for i := range rs {
		if err := s.checkRecord(q, &rs[i]); err != nil {
			return err
		}
		total += rs[i].Size()
	}
	s.stage.Lock()
	defer s.stage.Unlock()
	if err := s.reserve(total); err != nil {
		return err
	}
	for i := range rs {
		d := s.stage.filling.next()
		var few fewHashes
		hashes := s.describe(d, few[:0], q, &rs[i])
		receipts[i] = s.putNoted(&rs[i], d, hashes, message.BodyCRC(rs[i].Body))
	}
	return nil
}

// fewHashes is room for the key hashes of most messages.
type fewHashes [4]int32

func (s *Store) checkRecord(q *consumequeue.Queue, r *message.Record) error {
	if q == nil {
		return fmt.Errorf("%w: topic %.300q", ErrNoQueue, r.Topic)
	}
	r.QueueID = q.ID()
	r.Properties, r.Seal = r.Properties.Unsealed(), s.o.Seal
	return r.Check()
}

// put gives the message that d describes its place, encodes it and notes d with its place. Under stage, room being
// reserved.
func (s *Store) put(r *message.Record, d *request, hashes []int32, crc uint32) Receipt {
	noted := s.stage.filling.next()
	*noted = *d
	return s.putNoted(r, noted, hashes, crc)
}

// putNoted is put for a request that is the batch's last already. Requests are completed in place: copying one whose
// fields were just written would wait for the writes.
func (s *Store) putNoted(r *message.Record, d *request, hashes []int32, crc uint32) Receipt {
	st := &s.stage
	st.lastTime = max(st.lastTime, r.StoreTimestamp)
	r.StoreTimestamp = st.lastTime
	r.QueueOffset = 0
	if q := d.queue; q != nil {
		q = s.current(q)
		d.queue, r.QueueOffset = q, q.Next
		q.Next++
	}
	st.stager.Put(r, int(d.size), crc)
	b := st.filling
	d.place(r)
	d.hashFrom = int32(len(b.hashes))
	b.hashes = append(b.hashes, hashes...)
	d.hashTo = int32(len(b.hashes))
	return Receipt{r.LogOffset, r.QueueOffset, d.size}
}

// current is q, or the one in its place if it was deleted since the caller has found it: what is acknowledged must be in a
// queue that consumers find. Under stage.
func (s *Store) current(q *consumequeue.Queue) *consumequeue.Queue {
	if !q.Retired {
		return q
	}
	return s.queues.Queue([]byte(q.Topic()), q.ID())
}

// isQueued tells whether records of that kind have a place in their queue: half messages and
// rollbacks have none (CommitLog.doAppend).
func isQueued(sysFlag int32) bool {
	kind := sysFlag & message.FlagTransaction
	return kind == message.TransactionNone || kind == message.TransactionCommit
}

// reserve makes room for size bytes. Under stage, which it gives up while it waits.
func (s *Store) reserve(size int) error {
	for {
		if err := s.refusal(); err != nil {
			return err
		}
		err := s.stage.stager.Reserve(size)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, commitlog.ErrBatchFull):
			err = s.outside(s.makeRoom)
		case errors.Is(err, commitlog.ErrNoFile):
			base := s.stage.stager.Wants()
			err = s.outside(func() error { return s.log.Prepare(base) })
		}
		if err != nil {
			return err
		}
	}
}

// outside runs fn without the stage lock.
func (s *Store) outside(fn func() error) error {
	s.stage.Unlock()
	defer s.stage.Lock()
	return fn()
}

// refusal is why nothing is appended now, or nil. Under stage.
func (s *Store) refusal() error {
	if s.stage.closed {
		return ErrClosed
	}
	return s.Writable()
}

// Writable is why the store takes no messages now, or nil.
func (s *Store) Writable() error {
	if err := s.log.Failure(); err != nil {
		return err
	}
	if p := s.diskFull.Load(); p != nil {
		return *p
	}
	return nil
}

// scheduleTopic holds delayed messages; its queue entries carry the time of delivery.
const scheduleTopic = "SCHEDULE_TOPIC_XXXX"

// timerTopic holds messages that wait for a moment of their own.
const timerTopic = "rmq_sys_wheel_timer"

// describe fills in what the dispatcher needs of a message except for its place, and appends its
// key hashes.
func (s *Store) describe(d *request, hashes []int32, q *consumequeue.Queue, r *message.Record) []int32 {
	d.size = int32(r.Size())
	if isQueued(r.SysFlag) {
		d.queue = q
	}
	var keys, uniqKey, delay []byte
	for name, value := range r.Properties.All() {
		switch string(name) {
		case message.PropertyTags:
			d.tagsCode = javahash.TagsCode(value)
		case message.PropertyKeys:
			keys = value
		case message.PropertyUniqKey:
			uniqKey = value
		case message.PropertyDelay:
			delay = value
		}
	}
	if delay != nil && string(r.Topic) == scheduleTopic {
		d.delay = s.delayMillis(delay)
	}
	if s.o.FilterBits != nil && isQueued(r.SysFlag) {
		d.bits = s.o.FilterBits(r.Topic, r.Properties)
	}
	if s.o.NoIndex || r.Transaction() == message.TransactionRollback {
		return hashes
	}
	return index.AppendHashes(hashes, r.Topic, uniqKey, keys)
}

// delayMillis is how long a level delays; levels above the highest count as that
// (CommitLog.checkMessageAndReturnSize).
func (s *Store) delayMillis(level []byte) int64 {
	n, err := strconv.Atoi(string(level))
	if err != nil || n <= 0 {
		return 0
	}
	levels := s.delayLevels()
	return levels[min(n, len(levels))-1].Milliseconds()
}

// SetDelayLevels replaces Options.DelayLevels; there is at least one. It counts for messages that are appended from now on,
// and for what a later start makes again if it is given the same ones.
func (s *Store) SetDelayLevels(levels []time.Duration) { s.levels.Store(&levels) }

func (s *Store) delayLevels() []time.Duration {
	if p := s.levels.Load(); p != nil {
		return *p
	}
	return s.o.DelayLevels
}
