package engine

import "ringmq/internal/message"

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
