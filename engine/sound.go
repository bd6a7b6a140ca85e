package engine

import (
	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// sound tells whether b, of g.span, is the message that an entry for the next offset of the queue points at. What this process
// wrote and the page cache has is as it was written: only its head is looked at, which tells that the entry is right. The lengths
// further behind are two more cache misses, a seventh of what a pull costs.
func (g *getter) sound(b []byte, off message.LogOffset) bool {
	size, at, ok := message.Claims(b)
	if !ok || size != len(b) || at != off || misplaced(b, g.req.Queue, g.res.Next) {
		return false
	}
	return g.s.log.Wrote(off) && !g.span.FromDevice() || message.Fits(b)
}

// isRecord tells whether b is what a queue entry of that place and length says it is.
func isRecord(b []byte, off message.LogOffset) bool {
	size, at, ok := message.Claims(b)
	return ok && size == len(b) && at == off && message.Fits(b)
}

// misplaced tells whether a record of a queue says that it has another offset in it than its entry: a consumer would take it for
// the message there, and lose one of both. A queue that is not the record's own (MultiDispatch) says nothing.
func misplaced(b []byte, q *consumequeue.Queue, at message.QueueOffset) bool {
	id, says := message.Place(b)
	if says == at || id != q.ID() {
		return false
	}
	var r message.Record
	return message.Decode(b, &r) == nil && string(r.Topic) == q.Topic()
}
