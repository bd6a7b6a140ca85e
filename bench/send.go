package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"ringmq/bench/load"
	"ringmq/internal/wire"
)

// SendOptions of a run of producers.
type SendOptions struct {
	Common
	Topic       string // must exist, or be created by the broker on first use
	Topics      int    // more than 1: Topic_000000 and so on, used in turn
	Queues      int    // of each topic, used in turn
	Conns       int
	InFlight    int     // requests in flight per connection, at most
	Rate        float64 // messages per second over all connections; 0: closed loop
	Messages    uint64  // the run ends when so many are answered, those refused with SYSTEM_BUSY sent again; 0: by time
	Sizes       Sizes
	Batch       int // messages per request; ≤ 1 sends single messages
	Tags        []string
	Keys        int // keys per message, each unlike any other
	Properties  map[string]string
	NoUniqueKey bool
	Poll        time.Duration // load.Options.Poll
	Tick        time.Duration // load.Options.Tick of an open loop; 0: fastTick from fastRate requests a second on, else none
	ledgers     []*ledger     // by worker: what was acknowledged; nil if nobody asks for it later
}

// maxTopics is what the digits of a topic's number allow.
const maxTopics = 1_000_000

// Bounds of what this tool keeps in memory: every request in flight is encoded once. A frame of more than maxRequest is
// taken by no broker (Netty's frame length of RocketMQ is 16 MiB).
const (
	maxRequest  = 16<<20 - 64<<10
	maxInFlight = 4 << 30
)

func (o *SendOptions) check() error {
	request := max(o.Batch, 1) * o.Sizes.Max()
	switch {
	case o.Conns < 1 || o.InFlight < 1 || o.Queues < 1 || o.Sizes.Min() < 1:
		return errors.New("bench: connections, requests in flight, queues and sizes must be at least 1")
	case !(o.Rate >= 0 && o.Rate < math.MaxUint32): // NaN is none
		return fmt.Errorf("bench: a rate of %v messages a second; want 0 for a closed loop, or how many", o.Rate)
	case o.Tick < 0 || o.Tick > time.Second:
		return fmt.Errorf("bench: ticks of %v; want up to 1s", o.Tick)
	case o.Batch < 0 || o.Keys < 0 || o.Topics < 0:
		return errors.New("bench: messages per request, keys and topics must not be negative")
	case o.Topics > maxTopics:
		return fmt.Errorf("bench: %d topics; at most %d", o.Topics, maxTopics)
	case o.Topics > 1 && o.Queues > 100_000:
		return fmt.Errorf("bench: %d queues of several topics; at most 100,000", o.Queues)
	case o.InFlight > 1_000_000:
		return fmt.Errorf("bench: %d requests in flight per connection; at most 1,000,000", o.InFlight)
	case request > maxRequest:
		return fmt.Errorf("bench: requests of up to %d bytes; brokers take %d", request, maxRequest)
	case o.Conns > maxInFlight/request/o.InFlight:
		return fmt.Errorf("bench: %d requests of %d bytes in flight take more than %d GiB of memory; take fewer connections or a smaller window",
			o.Conns*o.InFlight, request, maxInFlight>>30)
	}
	return o.checkProperties()
}

// checkProperties refuses what would change the shape of a message's properties.
func (o *SendOptions) checkProperties() error {
	for _, tag := range o.Tags {
		if tag == "" || strings.ContainsAny(tag, "\x01\x02") {
			return fmt.Errorf("bench: tag %q; want one with characters", tag)
		}
	}
	for name, value := range o.Properties {
		if name == "" || strings.ContainsAny(name+value, "\x01\x02") {
			return fmt.Errorf("bench: property %q=%q; want a name, and no characters 1 and 2, which divide properties", name, value)
		}
	}
	return nil
}

// From fastRate requests a second on those of fastTick share a send on each connection. One by one each costs the tool as much as the broker, and
// two processors are not enough for half of what a closed loop reaches.
const (
	fastRate = 100_000
	fastTick = 250 * time.Microsecond
)

// tick is how long requests of an open loop wait for each other.
func (o *SendOptions) tick() time.Duration {
	if o.Tick == 0 && o.Rate >= fastRate*float64(max(o.Batch, 1)) {
		return fastTick
	}
	return o.Tick
}

// Send runs producers and reports. It fails when a connection does, not when requests are refused.
func Send(ctx context.Context, o SendOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Messages > 0 {
		o.Warmup = 0 // what is sent in a warm-up would be left out
	}
	r, err := newRun(&o.Common, load.Options{Poll: o.Poll, Stamped: o.Rate > 0, Tick: o.tick()})
	if err != nil {
		return nil, err
	}
	defer r.g.Close()
	end := newEndOfAll()
	for i := range o.Conns {
		s, err := newSender(r, &o, i, r.tally(i))
		if err == nil {
			s.limit(end)
			err = r.add(ctx, s)
		}
		if err != nil {
			return nil, err
		}
	}
	return r.measure(ctx, "send", end.over)
}

// sender is the flow of one producer.
type sender struct {
	o       *SendOptions
	run     *run
	tally   *tally
	index   int // of its connection
	slots   []slot
	free    []int32 // a ring of the slots not in flight, the one that is free for longest first
	first   int
	spare   int // number of free slots
	count   uint64
	target  int // of the next request, where there are several topics
	pace    pace
	quota   uint64 // requests that may still be launched; without a limit more than there will be
	end     *endOfAll
	started bool
	id      uint64 // in the stamps of an end-to-end run; 0 for none
	reader  replyReader
	ledger  *ledger // nil if nobody asks what was acknowledged
	prefix  uint64  // of its unique keys
}

func newSender(r *run, o *SendOptions, i int, t *tally) (*sender, error) {
	return newStampedSender(r, o, i, t, 0)
}

// newStampedSender makes a sender whose bodies start with id and the time they were due, unless id is 0.
func newStampedSender(r *run, o *SendOptions, i int, t *tally, id uint64) (*sender, error) {
	s := &sender{o: o, run: r, tally: t, index: i, id: id, target: i, quota: math.MaxUint64}
	var err error
	if s.slots, err = makeSlots(o, i, id != 0); err != nil {
		return nil, err
	}
	for k := range s.slots {
		s.free = append(s.free, int32(k))
	}
	s.spare = len(s.slots)
	if o.ledgers != nil {
		s.ledger, s.prefix = o.ledgers[r.g.Worker(i)], keyPrefix(s.slots)
	}
	return s, nil
}

// limit lets the sender send its share of the messages that the run is to send, and tell end when they are answered.
func (s *sender) limit(end *endOfAll) {
	if s.o.Messages == 0 {
		return
	}
	requests := (s.o.Messages + uint64(max(s.o.Batch, 1)) - 1) / uint64(max(s.o.Batch, 1))
	s.quota = requests / uint64(s.o.Conns)
	if uint64(s.index) < requests%uint64(s.o.Conns) {
		s.quota++
	}
	if s.quota > 0 {
		s.end = end
		end.open.Add(1)
	}
}

// Pump implements load.Flow: in a closed loop every free slot is sent again, in an open one those
// that are due.
func (s *sender) Pump(now time.Duration, out *load.Out) time.Duration {
	if !s.started {
		s.started = true
		s.pace = newPace(s.run.start, s.o.Rate/float64(max(s.o.Batch, 1)), s.index, s.o.Conns)
	}
	born := s.tally.bornText(now)
	for s.spare > 0 && s.quota > 0 && s.run.until.Load() == 0 {
		since := now
		if s.pace.open() {
			if since = s.pace.due(); since > now {
				s.tally.publish()
				return since
			}
			s.pace.k++
			s.tally.late(now, since)
		}
		s.launch(since, born, out)
	}
	s.tally.publish()
	if s.quota == 0 && s.spare == len(s.slots) && s.end != nil {
		s.end.one()
		s.end = nil
	}
	return load.Never
}

// launch sends the slot that is free for longest.
func (s *sender) launch(since time.Duration, born *[13]byte, out *load.Out) {
	p := &s.slots[s.free[s.first]]
	if s.first++; s.first == len(s.free) {
		s.first = 0
	}
	s.spare--
	s.quota--
	p.count = s.count
	s.count = p.renew(born, s.count)
	if s.o.Topics > 1 {
		p.aim(s.target%s.o.Topics, s.target/s.o.Topics)
		s.target = (s.target + s.o.Conns) % (s.o.Topics * s.o.Queues)
	}
	if p.stamp != nil {
		binary.BigEndian.PutUint64(p.stamp, s.id)
		binary.BigEndian.PutUint64(p.stamp[8:], uint64(since))
	}
	p.sent, p.flying = since, true
	out.Add(p.frame)
}

// Frame implements load.Flow.
func (s *sender) Frame(now time.Duration, frame []byte) error {
	a, err := s.reader.read(frame)
	if err != nil {
		return err
	}
	if !a.ok {
		return nil // the broker asks or tells something
	}
	i := int(a.opaque) - opaqueBase
	if i < 0 || i >= len(s.slots) || !s.slots[i].flying {
		return fmt.Errorf("an answer to a request that was not sent: opaque %d", a.opaque)
	}
	p := &s.slots[i]
	p.flying = false
	at := s.first + s.spare
	if at >= len(s.free) {
		at -= len(s.free)
	}
	s.free[at] = int32(i)
	s.spare++
	if a.status == wire.StatusSuccess {
		s.tally.answered(now, p.sent, max(s.o.Batch, 1), p.body)
		if s.ledger != nil {
			return s.noteAcknowledged(p, frame)
		}
	} else {
		s.tally.refusedBy(now, a.status, a.remark)
		if a.status == wire.StatusSystemBusy && s.end != nil {
			s.quota++
		}
	}
	return nil
}
