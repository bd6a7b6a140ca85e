package engine

import (
	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// GetStatus is what Get found.
type GetStatus uint8

// The findings, named as RocketMQ's GetMessageStatus.
const (
	Found GetStatus = iota
	// NoMatchedMessage: there are messages, but the filter took none.
	NoMatchedMessage
	// MessageWasRemoving: the queue has entries whose messages are gone from the commit log.
	MessageWasRemoving
	// OffsetFoundNull: the queue's file with the offset cannot be read.
	OffsetFoundNull
	// OffsetOverflowBadly: the offset lies behind the queue's end.
	OffsetOverflowBadly
	// OffsetOverflowOne: the offset is the queue's end; the next message will get it.
	OffsetOverflowOne
	// OffsetTooSmall: the offset lies before the queue's first message.
	OffsetTooSmall
	// NoMatchedLogicQueue: there is no such queue.
	NoMatchedLogicQueue
	// NoMessageInQueue: the queue has never had a message.
	NoMessageInQueue
)

var getStatusNames = [...]string{
	Found: "FOUND", NoMatchedMessage: "NO_MATCHED_MESSAGE", MessageWasRemoving: "MESSAGE_WAS_REMOVING",
	OffsetFoundNull: "OFFSET_FOUND_NULL", OffsetOverflowBadly: "OFFSET_OVERFLOW_BADLY", OffsetOverflowOne: "OFFSET_OVERFLOW_ONE",
	OffsetTooSmall: "OFFSET_TOO_SMALL", NoMatchedLogicQueue: "NO_MATCHED_LOGIC_QUEUE", NoMessageInQueue: "NO_MESSAGE_IN_QUEUE",
}

// String is the name that RocketMQ puts into the remark of a pull's answer.
func (s GetStatus) String() string { return getStatusNames[s] }

// GetRequest asks for the messages of a queue from an offset on.
type GetRequest struct {
	Queue   *consumequeue.Queue
	Offset  message.QueueOffset
	MaxMsgs int
	// Filter tells by its tags code whether a message is wanted; nil wants all.
	Filter func(tagsCode int64) bool
	// Match tells by its record whether a message that passed Filter is wanted; nil wants all. It
	// must not keep the record. For a result that is Cold it is called by Warm.
	Match func(record []byte) bool
}

// maxScan is the number of entries that one Get looks at, at least
// (DefaultMessageStore.getMessage: 16,000 bytes of entries).
const maxScan = 16000 / consumequeue.EntrySize

// Get looks for messages; what it found is in res, fresh from [NewGetResult]. It neither
// waits for the device nor allocates in steady state, with one exception: entries that lie in
// queue files no longer cached are read from the device.
func (s *Store) Get(req *GetRequest, res *GetResult) {
	q := req.Queue
	if q == nil {
		res.Status = NoMatchedLogicQueue
		return
	}
	// Max is read first: Min never passes the Max that was read before it.
	res.Max, res.Min = q.Max(), q.Min()
	switch {
	case res.Max == 0:
		res.Status, res.Next = NoMessageInQueue, 0
	case req.Offset < res.Min:
		res.Status, res.Next = OffsetTooSmall, res.Min
	case req.Offset == res.Max:
		res.Status, res.Next = OffsetOverflowOne, req.Offset
	case req.Offset > res.Max:
		res.Status, res.Next = OffsetOverflowBadly, res.Max
	default:
		g := getter{s: s, req: req, res: res, end: s.Visible()}
		g.run()
	}
}

// getter is the state of one Get.
type getter struct {
	s    *Store
	req  *GetRequest
	res  *GetResult
	end  message.LogOffset // of the log
	file *commitlog.File   // holds the last message looked at
	// skip is the first offset of the file behind one that is gone: what points into the gone
	// one is not looked up.
	skip message.LogOffset
}

func (g *getter) run() {
	res := g.res
	res.Status, res.Next, res.match = NoMatchedMessage, g.req.Offset, g.req.Match
	limit := max(maxScan, g.req.MaxMsgs)
	for scanned := 0; scanned < limit; {
		want := min(limit-scanned, len(res.entries))
		if scanned == 0 && g.req.Filter == nil {
			want = min(want, max(g.req.MaxMsgs, 1))
		}
		n, err := g.req.Queue.Read(res.Next, res.entries[:want])
		if n == 0 {
			if err != nil && res.Count == 0 {
				res.Status = OffsetFoundNull
				g.s.o.Log.Error("queue entries cannot be read", "err", err)
			}
			return
		}
		for i := range res.entries[:n] {
			if g.full(&res.entries[i]) || !g.entry(&res.entries[i]) {
				return
			}
			res.Next++
		}
		scanned += n
	}
}

// old tells whether a record lies so far behind the end of the log that RocketMQ takes it to be
// on the device only.
func (g *getter) old(off message.LogOffset) bool {
	return g.end-off > message.LogOffset(g.s.o.MemoryBytes)
}

// full tells whether the result takes no more before e is looked at
// (DefaultMessageStore.isTheBatchFull).
func (g *getter) full(e *consumequeue.Entry) bool {
	res := g.res
	if res.Count == 0 {
		return false
	}
	limit := &g.s.o.MemoryLimit
	if g.old(e.LogOffset) {
		limit = &g.s.o.DiskLimit
	}
	return res.Count >= g.req.MaxMsgs || res.Count >= limit.Messages || res.Bytes+int(e.Size) > limit.Bytes
}

// entry adds an entry's message to the result, if it is wanted and there. It returns false when
// the result must end before it, because the entry is damaged.
func (g *getter) entry(e *consumequeue.Entry) bool {
	res := g.res
	res.SuggestSlave, res.Behind = g.old(e.LogOffset), int64(g.end-e.LogOffset)
	if e.LogOffset < g.skip || g.req.Filter != nil && !g.req.Filter(e.TagsCode) {
		return true
	}
	switch g.find(e) {
	case there:
		if match := g.req.Match; match != nil && !res.Cold && !match(g.file.Bytes(e.LogOffset, int(e.Size))) {
			if res.Count == 0 {
				res.Status = NoMatchedMessage
			}
			return true
		}
		res.add(g.file, e.LogOffset, int(e.Size))
		res.Status = Found
	case gone:
		if res.Count == 0 {
			res.Status = MessageWasRemoving
		}
	case damaged:
		if res.Count == 0 {
			res.Status, res.Cold = MessageWasRemoving, true
			res.repair = repair{g.s, g.req.Queue, res.Next}
		}
		return false
	}
	return true
}

// finding is what an entry turned out to point at.
type finding uint8

const (
	there   finding = iota // its message
	gone                   // nothing, as it should: a hole, or a message that has expired
	damaged                // something else: the entry is not what was put
)

// hotBytes at the end of the log are in memory: they were written moments ago.
const hotBytes = 64 << 20

// find makes g.file the file with e's message, and tells whether the message is there. What
// may not be in memory is not looked at here but in Warm.
func (g *getter) find(e *consumequeue.Entry) finding {
	switch {
	case isHole(e):
		return gone
	case e.LogOffset < 0 || e.Size < message.MinSize || e.LogOffset > g.end-message.LogOffset(e.Size):
		return damaged
	}
	if g.file == nil || !g.file.Holds(e.LogOffset, int(e.Size)) {
		f, err := g.s.log.Pin(e.LogOffset)
		switch {
		case err != nil:
			g.s.o.Log.Error("commit log cannot be mapped", "err", err)
			return gone
		case f == nil: // it has expired
			g.skip = g.s.nextFile(e.LogOffset)
			return gone
		}
		g.file = f
		g.res.files = append(g.res.files, f)
		if !f.Holds(e.LogOffset, int(e.Size)) {
			return damaged
		}
	}
	if g.end-e.LogOffset > hotBytes {
		if in, err := g.file.Resident(e.LogOffset, int(e.Size)); !in || err != nil {
			g.res.Cold = true
			return there
		}
	}
	if !isRecord(g.file.Bytes(e.LogOffset, int(e.Size)), e.LogOffset) {
		return damaged
	}
	return there
}

// isRecord tells whether b is what a queue entry of that place and length says it is.
func isRecord(b []byte, off message.LogOffset) bool {
	h, err := message.Peek(b)
	return err == nil && h.Size == len(b) && h.LogOffset == off
}
