package bench

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"ringmq/bench/load"
	"ringmq/internal/client"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// From is where a reader of a queue begins.
type From string

// Where readers begin. A number is a queue offset, a negative one counts from the end.
const (
	FromOldest From = "oldest"
	FromNewest From = "newest"
)

// AtEnd is what a reader does that has read a queue to its end.
type AtEnd string

// What readers do at the end of a queue.
const (
	EndStop   AtEnd = "stop"   // with the queue; the run ends with the last one
	EndRewind AtEnd = "rewind" // begin again
	EndWait   AtEnd = "wait"   // have the broker hold the request until there is a message
)

// Check is how closely messages are looked at.
type Check string

// How closely messages are looked at.
const (
	CheckNone  Check = "none"  // only their lengths
	CheckOrder Check = "order" // every field's shape, queue, offsets one after the other
	CheckCRC   Check = "crc"   // and the body's checksum
)

// PullOptions of a run of consumers.
type PullOptions struct {
	Common
	Topic  string
	Queues int    // are read, each by one connection, with one request in flight each
	Conns  int    // if there are more than queues, several read the same queue
	Group  string // consumer group
	Max    int    // messages per request
	From   From
	AtEnd  AtEnd
	Check  Check
	Tags   string // subscription expression; "*" or empty for all
	Hold   time.Duration
	Poll   time.Duration // load.Options.Poll
}

func (o *PullOptions) check() error {
	if o.Conns < 1 || o.Queues < 1 || o.Max < 1 {
		return errors.New("bench: connections, queues and messages per request must be at least 1")
	}
	switch o.AtEnd {
	case EndStop, EndRewind, EndWait:
	default:
		return fmt.Errorf("bench: at the end %q; want stop, rewind or wait", o.AtEnd)
	}
	switch o.Check {
	case CheckNone, CheckOrder, CheckCRC:
	default:
		return fmt.Errorf("bench: check %q; want none, order or crc", o.Check)
	}
	if o.Tags == "" {
		o.Tags = "*"
	}
	if o.From == "" || o.From == FromOldest || o.From == FromNewest {
		return nil
	}
	_, err := o.From.number()
	return err
}

// pullReceiveBytes holds the usual answer to a pull, 32 messages of 1 KiB, several times, so that it
// comes in one piece.
const pullReceiveBytes = 256 << 10

// Pull runs consumers and reports.
func Pull(ctx context.Context, o PullOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.AtEnd == EndStop {
		o.Warmup = 0 // what is read in a warm-up would be left out
	}
	offsets, err := startOffsets(ctx, &o)
	if err != nil {
		return nil, err
	}
	r, err := newRun(&o.Common, load.Options{ReceiveBytes: pullReceiveBytes, Poll: o.Poll})
	if err != nil {
		return nil, err
	}
	defer r.g.Close()
	end := newEndOfAll()
	for i := range o.Conns {
		p := newPuller(&o, r.tally(i), end)
		if o.Conns > o.Queues {
			p.read(int32(i%o.Queues), offsets[i%o.Queues])
		}
		for q := i; q < o.Queues && o.Conns <= o.Queues; q += o.Conns {
			p.read(int32(q), offsets[q])
		}
		if err := r.add(ctx, p); err != nil {
			return nil, err
		}
	}
	return r.measure(ctx, "pull", end.over)
}

// startOffsets asks the broker where the queues begin and end.
func startOffsets(ctx context.Context, o *PullOptions) ([]int64, error) {
	c, err := client.Dial(ctx, o.Broker, client.Options{Serialize: o.Serialize})
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	defer c.Close()
	offsets := make([]int64, o.Queues)
	for q := range offsets {
		if offsets[q], err = startOffset(ctx, c, o, int32(q)); err != nil {
			return nil, fmt.Errorf("bench: queue %d of topic %s: %w", q, o.Topic, err)
		}
	}
	return offsets, nil
}

// number is the offset that f names where it is not a word.
func (f From) number() (int64, error) {
	n, err := strconv.ParseInt(string(f), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("bench: from %q; want oldest, newest, an offset, or a negative number from the end", string(f))
	}
	return n, nil
}

func startOffset(ctx context.Context, c *client.Client, o *PullOptions, queue int32) (int64, error) {
	switch o.From {
	case FromOldest, "":
		return askOffset(ctx, c, wire.CodeGetMinOffset, &wire.GetMinOffsetRequest{Topic: o.Topic, QueueID: queue})
	case FromNewest:
		return askOffset(ctx, c, wire.CodeGetMaxOffset, &wire.GetMaxOffsetRequest{Topic: o.Topic, QueueID: queue})
	}
	n, err := o.From.number()
	if err != nil || n >= 0 {
		return n, err
	}
	end, err := askOffset(ctx, c, wire.CodeGetMaxOffset, &wire.GetMaxOffsetRequest{Topic: o.Topic, QueueID: queue})
	return max(0, end+n), err
}

func askOffset(ctx context.Context, c *client.Client, code wire.Code, h wire.Header) (int64, error) {
	answer, err := c.Call(ctx, code, h, nil)
	if err != nil {
		return 0, err
	}
	if err := client.Failure(answer); err != nil {
		return 0, err
	}
	var r wire.GetMaxOffsetResponse // both have the one field
	err = r.Decode(answer.Ext)
	return r.Offset, err
}

// PullChecks is what readers found.
type PullChecks struct {
	Found      uint64 `json:"found"`      // answers with messages
	Empty      uint64 `json:"empty"`      // answers without, at the end or after a hold
	Moved      uint64 `json:"moved"`      // the broker named another offset
	Gaps       uint64 `json:"gaps"`       // offsets that were left out, without a tag filter
	Disorder   uint64 `json:"disorder"`   // messages of another queue, or before the one expected
	Damaged    uint64 `json:"damaged"`    // records that cannot be read, or whose checksum is wrong
	Checked    uint64 `json:"checked"`    // checksums that were right
	FirstFault string `json:"firstFault"` // empty if all is well
}

func (c *PullChecks) add(o *PullChecks) {
	c.Found += o.Found
	c.Empty += o.Empty
	c.Moved += o.Moved
	c.Gaps += o.Gaps
	c.Disorder += o.Disorder
	c.Damaged += o.Damaged
	c.Checked += o.Checked
	if c.FirstFault == "" {
		c.FirstFault = o.FirstFault
	}
}

// String is one line for people.
func (c PullChecks) String() string {
	s := fmt.Sprintf("%d with messages, %d without, %d moved; %d checksums right, %d damaged, %d gaps, %d out of order",
		c.Found, c.Empty, c.Moved, c.Checked, c.Damaged, c.Gaps, c.Disorder)
	if c.FirstFault != "" {
		s += " (first: " + c.FirstFault + ")"
	}
	return s
}

func (c *PullChecks) fault(format string, args ...any) {
	if c.FirstFault == "" {
		c.FirstFault = fmt.Sprintf(format, args...)
	}
}

// records checks and counts the records of an answer to a reader at offset want. each, if not nil, gets every one.
func (c *PullChecks) records(body []byte, r *reading, check Check, filtered bool, each func(*message.Record)) (n, bytes int) {
	var rec message.Record
	for len(body) > 0 {
		if check == CheckNone && each == nil {
			h, err := message.Peek(body)
			if err != nil || h.Size > len(body) {
				c.Damaged++
				c.fault("queue %d behind offset %d: %v", r.queue, r.next, err)
				return n, bytes
			}
			body, n, bytes = body[h.Size:], n+1, bytes+h.Size
			continue
		}
		if err := message.Decode(body, &rec); err != nil {
			c.Damaged++
			c.fault("queue %d behind offset %d: %v", r.queue, r.next, err)
			return n, bytes
		}
		if check == CheckCRC {
			if err := message.CheckBody(body, &rec); err != nil {
				c.Damaged++
				c.fault("queue %d offset %d: %v", r.queue, rec.QueueOffset, err)
			} else {
				c.Checked++
			}
		}
		c.follow(&rec, r, filtered)
		if each != nil {
			each(&rec)
		}
		n, bytes = n+1, bytes+len(rec.Body)
		size := rec.Size()
		body = body[min(size, len(body)):]
	}
	return n, bytes
}

// follow checks that a record is the next one of its queue.
func (c *PullChecks) follow(rec *message.Record, r *reading, filtered bool) {
	at := int64(rec.QueueOffset)
	switch {
	case rec.QueueID != r.queue || at < r.next:
		c.Disorder++
		c.fault("queue %d: queue %d offset %d came where %d was next", r.queue, rec.QueueID, at, r.next)
		return
	case at > r.next && !filtered:
		c.Gaps += uint64(at - r.next)
		c.fault("queue %d: offset %d came where %d was next", r.queue, at, r.next)
	}
	r.next = at + 1
}
