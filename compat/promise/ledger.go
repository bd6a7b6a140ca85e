// Package promise loads a broker and keeps what it promised.
//
// Core idea: an acknowledgement is a promise with a place in it: queue, queue offset, commit log offset.
// [Load] collects promises from producers until the broker is gone; a [Ledger] keeps them and compares them
// with everything that the broker holds when it is back:
//
//   - every acknowledged message is at its offset, at its place in the commit log, with its body;
//   - what one look has shown (also without acknowledgement), every later one shows at the same offset;
//   - offsets of a queue run from 0 without gap, and no message stands in a queue twice.
package promise

import (
	"fmt"
	"slices"
)

// Queue names a message queue.
type Queue struct {
	Topic string
	ID    int32
}

// Receipt is one acknowledged message: what the broker promised to keep, and where.
type Receipt struct {
	Queue  Queue
	Offset int64 // in the queue
	Log    int64 // in the commit log
	ID     uint64
}

// place is what is known of one queue offset. An id of 0 says that nothing is known.
type place struct {
	id  uint64
	log int64
}

// Ledger keeps what every queue has to hold. It belongs to one goroutine.
type Ledger struct {
	queues map[Queue][]place // index is the queue offset
}

// NewLedger returns a ledger without promises.
func NewLedger() *Ledger { return &Ledger{queues: map[Queue][]place{}} }

// maxOffset bounds the memory that a wrong offset in an acknowledgement can take.
const maxOffset = 1 << 26

// Promise books an acknowledgement. Two of one place cannot both be kept.
func (l *Ledger) Promise(r Receipt) error {
	if r.Offset < 0 || r.Offset > maxOffset {
		return fmt.Errorf("message %x was acknowledged at %v@%d", r.ID, r.Queue, r.Offset)
	}
	places := l.queues[r.Queue]
	if missing := int(r.Offset) + 1 - len(places); missing > 0 {
		places = append(places, make([]place, missing)...)
		l.queues[r.Queue] = places
	}
	at := &places[r.Offset]
	if at.id != 0 {
		return fmt.Errorf("%v@%d was given to message %x and again to message %x", r.Queue, r.Offset, at.id, r.ID)
	}
	*at = place{r.ID, r.Log}
	return nil
}

// settle compares what a queue holds now, by offset from 0, with the promises, and takes it as the new state: what
// has been seen once has to stay.
func (l *Ledger) settle(q Queue, found []place) error {
	places := l.queues[q]
	for offset, promised := range places {
		switch {
		case promised.id == 0:
			continue // sent, but never acknowledged: it may be anything
		case offset >= len(found):
			return fmt.Errorf("%d messages of %v are gone from offset %d on, the first is message %x",
				known(places[offset:]), q, offset, promised.id)
		case found[offset] != promised:
			return fmt.Errorf("%v@%d holds message %x from commit log offset %d, but message %x from %d was acknowledged there",
				q, offset, found[offset].id, found[offset].log, promised.id, promised.log)
		}
	}
	if twice := duplicate(found); twice != 0 {
		return fmt.Errorf("message %x stands in %v twice", twice, q)
	}
	l.queues[q] = found
	return nil
}

func known(places []place) int {
	n := 0
	for _, p := range places {
		if p.id != 0 {
			n++
		}
	}
	return n
}

// duplicate returns an id that occurs twice, or 0.
func duplicate(found []place) uint64 {
	ids := make([]uint64, len(found))
	for i, p := range found {
		ids[i] = p.id
	}
	slices.Sort(ids)
	for i := 1; i < len(ids); i++ {
		if ids[i] == ids[i-1] {
			return ids[i]
		}
	}
	return 0
}

// End is the commit log offset behind which no promise was made yet.
func (l *Ledger) End() int64 {
	end := int64(0)
	for _, places := range l.queues {
		for _, p := range places {
			if p.id != 0 {
				end = max(end, p.log+1)
			}
		}
	}
	return end
}
