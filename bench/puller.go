package bench

import (
	"fmt"
	"sync/atomic"
	"time"

	"ringmq/bench/load"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// reading is one queue that a connection reads.
//
//	due ──Pump──► asked ──messages──► due           each request carries the index of its queue as opaque
//	                └─────nothing───► due (rewound, held again), or ended
type reading struct {
	queue int32
	begin int64 // where a rewound reader begins again
	next  int64 // offset expected
	until int64 // where the reader is done; 0: at the end
	state readState
	sent  time.Duration
	frame []byte
}

type readState uint8

const (
	readDue readState = iota
	readAsked
	readEnded
)

// sysFlag bits of a pull request (PullSysFlag).
const (
	pullSuspend      = 1 << 1
	pullSubscription = 1 << 2
)

// puller is the flow of one consumer connection.
type puller struct {
	o        *PullOptions
	tally    *tally
	readings []*reading
	end      *endOfAll
	// each, if not nil, gets every record.
	each func(now time.Duration, rec *message.Record)

	dec    wire.Decoder
	cmd    wire.Command
	header wire.PullMessageRequest
	answer wire.PullMessageResponse
}

// endOfAll closes over when the last of those that are open has come to its end. They are counted before the run starts.
type endOfAll struct {
	open atomic.Int64
	over chan struct{}
}

func newEndOfAll() *endOfAll { return &endOfAll{over: make(chan struct{})} }

// one has come to its end.
func (e *endOfAll) one() {
	if e.open.Add(-1) == 0 {
		close(e.over)
	}
}

func newPuller(o *PullOptions, t *tally, end *endOfAll) *puller {
	p := &puller{o: o, tally: t, end: end}
	p.header = wire.PullMessageRequest{
		ConsumerGroup: []byte(o.Group), Topic: []byte(o.Topic), MaxMsgNums: int32(o.Max), SysFlag: pullSubscription,
		Subscription: []byte(o.Tags), ExpressionType: []byte("TAG"),
	}
	if o.AtEnd == EndWait {
		p.header.SysFlag |= pullSuspend
		p.header.SuspendTimeoutMillis = o.Hold.Milliseconds()
	}
	return p
}

// read makes the connection read a queue, before the run starts.
func (p *puller) read(queue int32, from int64) { p.readUntil(queue, from, 0) }

// readUntil is read of a part of a queue.
func (p *puller) readUntil(queue int32, from, until int64) {
	p.readings = append(p.readings, &reading{queue: queue, begin: from, next: from, until: until})
	p.end.open.Add(1)
}

// Pump implements load.Flow: it asks for every queue that has no request in flight.
func (p *puller) Pump(now time.Duration, out *load.Out) time.Duration {
	for i, r := range p.readings {
		if r.state != readDue {
			continue
		}
		p.header.QueueID, p.header.QueueOffset = r.queue, r.next
		r.frame = wire.AppendRequest(r.frame[:0], p.o.Serialize, wire.CodePullMessage, int32(opaqueBase+i), 0, &p.header, nil)
		r.state, r.sent = readAsked, now
		out.Add(r.frame)
	}
	p.tally.publish()
	return load.Never
}

// Frame implements load.Flow.
func (p *puller) Frame(now time.Duration, frame []byte) error {
	if err := p.dec.Decode(frame, &p.cmd); err != nil {
		return err
	}
	if !p.cmd.IsResponse() {
		return nil // the broker tells of other consumers
	}
	i := int(p.cmd.Opaque) - opaqueBase
	if i < 0 || i >= len(p.readings) || p.readings[i].state != readAsked {
		return fmt.Errorf("an answer to a request that was not sent: opaque %d", p.cmd.Opaque)
	}
	r := p.readings[i]
	r.state = readDue
	status := wire.Status(p.cmd.Code)
	switch status {
	case wire.StatusSuccess:
		return p.found(now, r)
	case wire.StatusPullNotFound, wire.StatusPullRetryImmediately, wire.StatusPullOffsetMoved:
		return p.notFound(r, status)
	}
	p.tally.refusedBy(now, status, p.cmd.Remark)
	return nil
}

// found takes the messages of an answer.
func (p *puller) found(now time.Duration, r *reading) error {
	if err := p.answer.Decode(p.cmd.Ext); err != nil {
		return err
	}
	c := &p.tally.pulls
	c.Found++
	var each func(*message.Record)
	if p.each != nil {
		each = func(rec *message.Record) { p.each(now, rec) }
	}
	n, bytes := c.records(p.cmd.Body, r, p.o.Check, p.o.Tags != "*", each)
	r.next = max(r.next, p.answer.NextBeginOffset)
	p.tally.answered(now, r.sent, n, bytes)
	if r.until > 0 && r.next >= r.until {
		p.finish(r)
	}
	return nil
}

// notFound decides what follows an answer without messages.
func (p *puller) notFound(r *reading, status wire.Status) error {
	if err := p.answer.Decode(p.cmd.Ext); err != nil {
		return err
	}
	c := &p.tally.pulls
	next := p.answer.NextBeginOffset
	if status == wire.StatusPullOffsetMoved {
		c.Moved++
	} else {
		c.Empty++
	}
	if next != r.next || status == wire.StatusPullRetryImmediately && next < p.answer.MaxOffset {
		r.next = next // filtered messages were passed over, or the offset was corrected
		return nil
	}
	switch p.o.AtEnd {
	case EndRewind:
		r.next = max(r.begin, p.answer.MinOffset)
	case EndStop:
		p.finish(r)
	}
	return nil
}

// finish ends the reading of a queue.
func (p *puller) finish(r *reading) {
	r.state = readEnded
	p.end.one()
}
