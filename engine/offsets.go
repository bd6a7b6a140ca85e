package engine

import (
	"ringmq/consumequeue"
	"ringmq/index"
	"ringmq/internal/message"
)

// Lookup returns a queue, nil when there is none.
func (s *Store) Lookup(topic []byte, id int32) *consumequeue.Queue { return s.queues.Lookup(topic, id) }

// MaxOffset is the offset behind a queue's last message; 0 for an unknown queue.
func (s *Store) MaxOffset(topic []byte, id int32) message.QueueOffset {
	if q := s.queues.Lookup(topic, id); q != nil {
		return q.Max()
	}
	return 0
}

// MinOffset is the offset of a queue's first message; 0 for an unknown queue.
func (s *Store) MinOffset(topic []byte, id int32) message.QueueOffset {
	if q := s.queues.Lookup(topic, id); q != nil {
		return q.Min()
	}
	return 0
}

// OffsetByTime finds the message of a queue that was stored at a time (ms): of those stored
// exactly then the first; else the one stored nearer to it, the earlier one when two are as
// near; the first or the last message when the time lies outside; 0 when there is none or a store
// time cannot be read (ConsumeQueue.getOffsetInQueueByTime). It may wait for the device.
func (s *Store) OffsetByTime(topic []byte, id int32, timestamp int64) message.QueueOffset {
	q := s.queues.Lookup(topic, id)
	if q == nil {
		return 0
	}
	lo, hi := q.Min(), q.Max()
	if lo == hi {
		return 0
	}
	// first is the first message stored at or after the time: all before lo are earlier.
	first, end := lo, hi
	for first < end {
		mid := first + (end-first)/2
		at, t, ok := s.storeTimeFrom(q, mid, end)
		switch {
		case !ok: // nothing from mid to end tells a time
			end = mid
		case t < timestamp:
			first = at + 1
		default:
			end = mid
		}
	}
	at, t, ok := s.storeTimeFrom(q, first, hi)
	if ok && (t == timestamp || first == lo) {
		return at
	}
	before, earlier, found := s.storeTimeBefore(q, lo, first)
	switch {
	case !ok && !found:
		return 0
	case !ok:
		return before
	case !found:
		return at
	case timestamp-earlier <= t-timestamp:
		return before
	}
	return at
}

// storeTimeFrom finds the first message from a queue offset on, before end, that the log can tell the
// store time of.
func (s *Store) storeTimeFrom(q *consumequeue.Queue, from, end message.QueueOffset) (at message.QueueOffset, t int64, ok bool) {
	for ; from < end; from++ {
		if t, ok = s.storeTime(q, from); ok {
			return from, t, true
		}
	}
	return 0, 0, false
}

// storeTimeBefore finds the last such message before end.
func (s *Store) storeTimeBefore(q *consumequeue.Queue, begin, end message.QueueOffset) (at message.QueueOffset, t int64, ok bool) {
	for end--; end >= begin; end-- {
		if t, ok = s.storeTime(q, end); ok {
			return end, t, true
		}
	}
	return 0, 0, false
}

func (s *Store) storeTime(q *consumequeue.Queue, at message.QueueOffset) (int64, bool) {
	var e [1]consumequeue.Entry
	if n, err := q.Read(at, e[:]); n == 0 || err != nil || isHole(&e[0]) {
		return 0, false
	}
	h, err := s.log.HeadAt(e[0].LogOffset)
	return h.StoreTimestamp, err == nil && h.Size == int(e[0].Size)
}

// EarliestStoreTime is when a queue's first message was stored, in ms; -1 when there is none. It
// may wait for the device.
func (s *Store) EarliestStoreTime(topic []byte, id int32) int64 {
	q := s.queues.Lookup(topic, id)
	if q == nil || q.Min() == q.Max() {
		return -1
	}
	if t, ok := s.storeTime(q, q.Min()); ok {
		return t
	}
	return -1
}

// StoreTimeAt is when the message at a queue offset was stored, in ms; -1 when there is none. It
// may wait for the device.
func (s *Store) StoreTimeAt(topic []byte, id int32, at message.QueueOffset) int64 {
	q := s.queues.Lookup(topic, id)
	if q == nil {
		return -1
	}
	if t, ok := s.storeTime(q, at); ok {
		return t
	}
	return -1
}

// ReadRecord reads the record at a log offset, whole, into memory of its own. An offset at which
// no record begins is an error. It may wait for the device.
func (s *Store) ReadRecord(off message.LogOffset) ([]byte, error) { return s.log.ReadRecord(off) }

// View shows look the record of a queue's message without copying it; look must not keep it. It returns
// false when there is no such message. It may wait for the device, but for a message that has just
// arrived: what [Store.OnArrival] registers may call it.
func (s *Store) View(q *consumequeue.Queue, at message.QueueOffset, look func(record []byte)) bool {
	var e [1]consumequeue.Entry
	if n, err := q.Read(at, e[:]); n == 0 || err != nil || isHole(&e[0]) || e[0].Size < message.MinSize {
		return false
	}
	off, size := e[0].LogOffset, int(e[0].Size)
	span, err := s.log.Pin(off, size)
	if err != nil || !span.Holds(off, size) {
		return false
	}
	defer span.Unpin()
	record := span.Bytes(off, size)
	if !isRecord(record, off) {
		return false
	}
	look(record)
	return true
}

// InMemory tells whether a queue's message at an offset lies so near the end of the log that
// RocketMQ takes it to be in memory; true also where there is no message
// (DefaultMessageStore.checkInDiskByConsumeOffset, the other way round).
func (s *Store) InMemory(q *consumequeue.Queue, at message.QueueOffset) bool {
	var e [1]consumequeue.Entry
	if n, err := q.Read(at, e[:]); n == 0 || err != nil {
		return true
	}
	return s.Visible()-e[0].LogOffset <= message.LogOffset(s.limits.Load().MemoryBytes)
}

// QueryKey finds the records of a topic by a key, stored between begin and end (ms), newest first,
// at most limit; see [index.Index.Query]. It may wait for the device.
func (s *Store) QueryKey(topic, key []byte, limit int, begin, end int64) index.Result {
	if s.index == nil {
		return index.Result{}
	}
	return s.index.Query(topic, key, limit, begin, end)
}

// ReadTimes reads entries of a delay level's queue: what they have for tags codes are delivery times. Where the ext files
// have lost one, it follows from the message's store time (ScheduleMessageService). It may wait for the device.
func (s *Store) ReadTimes(q *consumequeue.Queue, from message.QueueOffset, dst []consumequeue.Entry) (int, error) {
	n, err := q.ReadCodes(from, dst)
	for i := range dst[:n] {
		e := &dst[i]
		if !consumequeue.IsAddress(e.TagsCode) {
			continue
		}
		h, err := s.log.HeadAt(e.LogOffset)
		if err != nil {
			return i, err
		}
		levels := s.delayLevels()
		e.TagsCode = h.StoreTimestamp + levels[min(int(q.ID()), len(levels)-1)].Milliseconds()
	}
	return n, err
}
