package promise

import (
	"context"
	"fmt"
	"math"

	"ringmq/compat/raw"
)

// Left is what is left of the promises of a broker that may lose its last messages in a power cut.
type Left struct {
	Found, Lost int
	// FirstLost and LastFound are commit log offsets of acknowledged messages.
	FirstLost, LastFound int64
}

// Prefix tells whether only the end of the log was lost.
func (l Left) Prefix() bool { return l.Lost == 0 || l.LastFound < l.FirstLost }

func (l Left) String() string {
	how := "nothing but the end of the log"
	if !l.Prefix() {
		how = "messages between others"
	}
	return fmt.Sprintf("%d found, %d lost, %s", l.Found, l.Lost, how)
}

// VerifyLeft reads a whole queue of which messages may be missing, and no others may stand in their places. Promises
// for the commit log below safe have to be kept all the same. What is left is what has to stay from now on.
func (l *Ledger) VerifyLeft(ctx context.Context, c *raw.Conn, q Queue, safe int64) (Left, error) {
	left := Left{FirstLost: math.MaxInt64, LastFound: -1}
	hi, err := c.Offset(ctx, raw.CodeMaxOffset, q.Topic, q.ID)
	if err != nil {
		return left, err
	}
	found := make([]place, hi)
	for next := int64(0); next < hi; {
		p, err := c.Pull(ctx, "CG_promise", q.Topic, q.ID, next, 32)
		if err != nil {
			return left, err
		}
		if p.Next <= next {
			return left, fmt.Errorf("%v: a pull at %d, below the maximum %d, leads to %d: code %d %q", q, next, hi, p.Next, p.Code, p.Remark)
		}
		for _, r := range p.Records {
			id, err := ReadBody(r.Body)
			if err != nil || r.Topic != q.Topic || r.Queue != q.ID || r.QueueOffset < next || r.QueueOffset >= hi {
				return left, fmt.Errorf("%v: a pull at %d returns %s:%d@%d: %v", q, next, r.Topic, r.Queue, r.QueueOffset, err)
			}
			next = r.QueueOffset + 1
			found[r.QueueOffset] = place{id, r.Offset}
		}
		next = p.Next
	}
	return l.settleLeft(q, found, safe)
}

// settleLeft is settle where messages may be missing.
func (l *Ledger) settleLeft(q Queue, found []place, safe int64) (Left, error) {
	left := Left{FirstLost: math.MaxInt64, LastFound: -1}
	for offset, promised := range l.queues[q] {
		switch {
		case promised.id == 0:
		case offset < len(found) && found[offset] == promised:
			left.Found++
			left.LastFound = max(left.LastFound, promised.log)
		case promised.log < safe:
			return left, fmt.Errorf("%v@%d, commit log offset %d, was on the device (%d) and is gone", q, offset, promised.log, safe)
		case offset < len(found) && found[offset].id != 0:
			return left, fmt.Errorf("%v@%d holds message %x, but message %x was acknowledged there", q, offset, found[offset].id, promised.id)
		default:
			left.Lost++
			left.FirstLost = min(left.FirstLost, promised.log)
		}
	}
	if twice := duplicate(withoutHoles(found)); twice != 0 {
		return left, fmt.Errorf("message %x stands in %v twice", twice, q)
	}
	l.queues[q] = found
	return left, nil
}

func withoutHoles(found []place) []place {
	var there []place
	for _, p := range found {
		if p.id != 0 {
			there = append(there, p)
		}
	}
	return there
}
