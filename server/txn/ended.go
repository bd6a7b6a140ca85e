package txn

import "ringmq/internal/message"

// window is how many half messages before next keep their bit, for answers that come late and twice: 128 KiB.
const window = 1 << 20

// endedSet is one bit per half message, by queue offset: the window before next, and everything behind.
type endedSet struct {
	from  message.QueueOffset // of the first bit; a multiple of 64
	words []uint64
}

func newEndedSet(next message.QueueOffset) endedSet { return endedSet{from: windowStart(next)} }

func windowStart(next message.QueueOffset) message.QueueOffset { return max(next-window, 0) &^ 63 }

func (e *endedSet) has(off message.QueueOffset) bool {
	i := (off - e.from) / 64
	return off >= e.from && i < message.QueueOffset(len(e.words)) && e.words[i]>>(off&63)&1 != 0
}

// add sets a bit; one before the window is forgotten at once. The caller vouches that off lies in the queue.
func (e *endedSet) add(off message.QueueOffset) {
	if off < e.from {
		return
	}
	i := int((off - e.from) / 64)
	if n := i + 1 - len(e.words); n > 0 {
		e.words = append(e.words, make([]uint64, n)...)
	}
	e.words[i] |= 1 << (off & 63)
}

// slide drops the bits that lie too far before next.
func (e *endedSet) slide(next message.QueueOffset) {
	from := windowStart(next)
	if from <= e.from {
		return
	}
	n := min(int((from-e.from)/64), len(e.words))
	e.words = append([]uint64(nil), e.words[n:]...)
	e.from = from
}

// Half offsets of op records that are none.
const (
	opUnknown = -1 // appended, and not yet noted
	opGarbage = -2 // names no half message
)

// opList is the half offsets that op records name, from the first record on that a restart must read again.
type opList struct {
	next  message.QueueOffset // of the first in the op queue
	halfs []message.QueueOffset
}

// note keeps what the op record at an offset names. Records come in nearly the order of their offsets.
func (l *opList) note(op, half message.QueueOffset) {
	if op < l.next {
		return
	}
	for l.next+message.QueueOffset(len(l.halfs)) <= op {
		l.halfs = append(l.halfs, opUnknown)
	}
	l.halfs[op-l.next] = half
}

// finish drops the records before the first one that names a half message from next on.
func (l *opList) finish(next message.QueueOffset) {
	n := 0
	for n < len(l.halfs) && l.halfs[n] != opUnknown && l.halfs[n] < next {
		n++
	}
	if n > 0 {
		l.halfs = append([]message.QueueOffset(nil), l.halfs[n:]...)
		l.next += message.QueueOffset(n)
	}
}
