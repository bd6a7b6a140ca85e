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
	// Unit tells from what the ext files keep of a message whether it may be wanted; nil: it may. Messages of
	// which they keep nothing may be wanted, too.
	Unit func(u *consumequeue.Unit) bool
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
	res.s, res.req = s, *req
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
		g := getter{s: s, req: req, res: res, end: s.Visible(), limits: s.limits.Load()}
		g.run()
	}
}

// getter is the state of one Get.
type getter struct {
	s    *Store
	req  *GetRequest
	res  *GetResult
	end  message.LogOffset // of the log
	wait bool              // it may wait for the device
	// limits are those when the Get began.
	limits *Limits
	span   commitlog.Span // where the last message looked at lies; one of res.spans
	// skip is the first offset of the file behind one that is gone: entries next to each other that point
	// into the gone one are not looked up.
	skip message.LogOffset
	err  error // the device's
}

func (g *getter) run() {
	res := g.res
	res.Status, res.Next = NoMatchedMessage, g.req.Offset
	limit := max(maxScan, g.req.MaxMsgs)
	for scanned := 0; scanned < limit && res.Count < max(g.req.MaxMsgs, 1); {
		want := min(limit-scanned, len(res.entries))
		if scanned == 0 && g.req.Filter == nil && g.req.Unit == nil {
			want = min(want, max(g.req.MaxMsgs, 1))
		}
		n := g.read(res.entries[:want])
		if n == 0 {
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

// read reads the next entries. When there are none to be had without waiting, the result ends, or is for Warm.
func (g *getter) read(dst []consumequeue.Entry) int {
	res, q := g.res, g.req.Queue
	var n int
	var more bool
	var err error
	if g.wait {
		n, err = q.Read(res.Next, dst)
	} else {
		n, more, err = q.ReadCached(res.Next, dst)
	}
	switch {
	case n > 0 || res.Count > 0:
	case err != nil:
		res.Status = OffsetFoundNull
		g.s.o.Log.Error("queue entries cannot be read", "err", err)
	case more:
		res.Cold = true
	}
	return n
}

// old tells whether a record lies so far behind the end of the log that RocketMQ takes it to be
// on the device only.
func (g *getter) old(off message.LogOffset) bool {
	return g.end-off > message.LogOffset(g.limits.MemoryBytes)
}

// full tells whether the result takes no more before e is added (DefaultMessageStore.isTheBatchFull). What is
// old has the limit for messages on the device if it is there and not in memory, of which RocketMQ does not ask; a
// result of messages in memory ends by itself where they end.
func (g *getter) full(e *consumequeue.Entry) bool {
	res := g.res
	switch {
	case res.Count == 0:
		return false
	case res.Count >= g.req.MaxMsgs || g.over(&g.limits.MemoryLimit, e):
		return true
	case !g.old(e.LogOffset) || !g.over(&g.limits.DiskLimit, e):
		return false
	}
	return g.wait || len(res.cold) > 0
}

// over tells whether e's message is beyond a limit.
func (g *getter) over(limit *TransferLimit, e *consumequeue.Entry) bool {
	return g.res.Count >= limit.Messages || g.res.Bytes+int(e.Size) > limit.Bytes
}

// entry adds an entry's message to the result, if it is wanted and there. It returns false when
// the result must end before it: the entry is damaged, or the message is not in memory and others are.
func (g *getter) entry(e *consumequeue.Entry) bool {
	res := g.res
	res.SuggestSlave, res.Behind = g.old(e.LogOffset), int64(g.end-e.LogOffset)
	if e.LogOffset >= 0 && e.LogOffset < g.skip { // a negative one is damage
		return true
	}
	g.skip = 0
	if !g.wanted(e) {
		return true
	}
	switch g.find(e) {
	case there:
		if match := g.req.Match; match != nil && !match(g.span.Bytes(e.LogOffset, int(e.Size))) {
			if res.Count == 0 {
				res.Status = NoMatchedMessage
			}
			return true
		}
		res.add(&g.span, e.LogOffset, int(e.Size))
		res.Status = Found
	case cold:
		if len(res.pieces) > 0 {
			return false
		}
		res.later(e.LogOffset, int(e.Size))
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
	case failed:
		if res.Count == 0 {
			res.Status = MessageWasRemoving
		}
		return false
	}
	return true
}

// wanted tells from an entry, and its unit, whether its message passes the filters that need no more.
func (g *getter) wanted(e *consumequeue.Entry) bool {
	req := g.req
	if req.Filter == nil && req.Unit == nil {
		return true
	}
	code := e.TagsCode
	if consumequeue.IsAddress(code) {
		u, ok := g.res.units.Unit(req.Queue, code, g.wait)
		if !ok || req.Unit != nil && !req.Unit(u) {
			return !ok
		}
		code = u.TagsCode
	}
	return req.Filter == nil || req.Filter(code)
}

// finding is what an entry turned out to point at.
type finding uint8

const (
	there   finding = iota // its message
	cold                   // what may not be in memory, and is not looked at here
	gone                   // nothing, as it should: a hole, or a message that has expired
	damaged                // something else: the entry is not what was put
	failed                 // what the device does not give: getter.err
)

// find makes g.span hold e's message, and tells whether the message is there.
func (g *getter) find(e *consumequeue.Entry) finding {
	off, size := e.LogOffset, int(e.Size)
	switch {
	case isHole(e):
		return gone
	case off < 0 || size < message.MinSize || off > g.end-message.LogOffset(size):
		return damaged
	case len(g.res.cold) > 0:
		return cold // Warm reads them all
	}
	if !g.span.Holds(off, size) || !g.inMemory(&g.span, off, size) {
		if found := g.move(off, size); found != there {
			return found
		}
	}
	if !g.sound(g.span.Bytes(off, size), off) {
		return damaged
	}
	return there
}

// inMemory tells whether bytes of a span can be touched without waiting.
func (g *getter) inMemory(s *commitlog.Span, off message.LogOffset, size int) bool {
	return g.s.log.Recent(off) || s.Resident(off, size)
}

// move makes g.span one that holds the bytes: what is mapped and in memory, or was read from the device.
func (g *getter) move(off message.LogOffset, size int) finding {
	for i := range g.res.spans {
		if s := &g.res.spans[i]; s.Holds(off, size) && g.inMemory(s, off, size) {
			g.span = *s
			return there
		}
	}
	log := g.s.log
	if !log.Recent(off) { // before the kernel is asked what it has
		if span := log.Cached(off, size); !span.Empty() {
			return g.use(span)
		}
	}
	span, err := log.Pin(off, size)
	switch {
	case err != nil:
		g.s.o.Log.Error("commit log cannot be mapped", "err", err)
		return gone
	case span.Empty():
		return g.absent(off)
	case g.inMemory(&span, off, size):
		return g.use(span)
	}
	span.Unpin()
	if !g.wait {
		return cold
	}
	if span, g.err = log.Load(off, size); g.err != nil {
		return failed
	}
	if !span.Holds(off, size) {
		span.Unpin()
		return gone // it has expired a moment ago
	}
	return g.use(span)
}

// absent tells why the log does not have what an entry points at.
func (g *getter) absent(off message.LogOffset) finding {
	begin, q := g.s.log.Min(), g.req.Queue
	if off >= begin {
		return damaged // it would lie in two files
	}
	// Entries point further and further: what one points at has expired only if those before have.
	if g.res.Next > q.Min() {
		var before [1]consumequeue.Entry
		var n int
		if g.wait {
			n, g.err = q.Read(g.res.Next-1, before[:])
		} else {
			n, _, g.err = q.ReadCached(g.res.Next-1, before[:])
		}
		switch {
		case g.err != nil:
			return failed
		case n == 0 && !g.wait:
			return cold
		case n == 1 && before[0].LogOffset >= begin:
			return damaged
		}
	}
	g.skip = g.s.nextFile(off)
	return gone
}

// use makes a span, which is pinned, the result's.
func (g *getter) use(span commitlog.Span) finding {
	g.span = span
	g.res.spans = append(g.res.spans, span)
	return there
}
