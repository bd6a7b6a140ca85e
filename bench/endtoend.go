package bench

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"ringmq/bench/load"
	"ringmq/internal/message"
)

// EndToEndOptions of a run of producers and consumers. The topic, queues, rate and sizes are the producers'; every
// group of consumers gets every message.
type EndToEndOptions struct {
	SendOptions
	Consumers int // connections of each group; the queues are divided among them
	Groups    int
	Hold      time.Duration // how long a pull waits at the broker; the default of RocketMQ's consumers is 20 s
}

// EndToEnd runs producers and long-polling consumers and reports how long messages took from the intended send to
// the receipt.
func EndToEnd(ctx context.Context, o EndToEndOptions) (*Report, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Batch > 1 || o.Sizes.Min() < stampBytes || o.Topics > 1 || o.Consumers < 1 || o.Groups < 1 {
		return nil, fmt.Errorf("bench: end to end needs single messages of %d bytes or more, one topic, a consumer and a group", stampBytes)
	}
	po := PullOptions{Common: o.Common, Topic: o.Topic, Queues: o.Queues, Conns: 1, Group: "ringmq_bench_e2e", Max: 32,
		From: FromNewest, AtEnd: EndWait, Check: CheckOrder, Tags: "*", Hold: o.Hold}
	offsets, err := startOffsets(ctx, &po)
	if err != nil {
		return nil, err
	}
	r, err := newRun(&o.Common, load.Options{ReceiveBytes: 64 << 10, Poll: o.Poll, Tick: o.tick()})
	if err != nil {
		return nil, err
	}
	defer r.g.Close()
	e := &endToEnd{o: &o, run: r, id: rand.Uint64() | 1}
	for range r.tallies {
		r.received = append(r.received, &tally{run: r})
	}
	var acknowledged uint64 // as of the last look: what is answered later need not have arrived
	r.settled = func() bool {
		acknowledged = r.done() * uint64(o.Groups)
		return e.delivered.Load() >= acknowledged
	}
	if err := e.addConsumers(ctx, &po, offsets); err != nil {
		return nil, err
	}
	for i := range o.Conns {
		s, err := newStampedSender(r, &o.SendOptions, i, r.tally(e.flows+i), e.id)
		if err == nil {
			err = r.add(ctx, s)
		}
		if err != nil {
			return nil, err
		}
	}
	rep, err := r.measure(ctx, "e2e", nil)
	if err != nil {
		return nil, err
	}
	rep.Missing = max(0, int64(acknowledged)-int64(e.delivered.Load()))
	return rep, nil
}

// endToEnd is what the flows of such a run share.
type endToEnd struct {
	o         *EndToEndOptions
	run       *run
	id        uint64        // in the stamps of this run
	delivered atomic.Uint64 // messages of this run, to all groups together
	flows     int           // consumers added
}

// addConsumers adds the connections of all groups.
func (e *endToEnd) addConsumers(ctx context.Context, po *PullOptions, offsets []int64) error {
	for group := range e.o.Groups {
		mine := *po
		mine.Group = fmt.Sprintf("%s_%d", po.Group, group)
		for i := range e.o.Consumers {
			// What consumers receive is counted apart from what producers send.
			t := e.run.received[e.run.g.Worker(e.flows)]
			p := newPuller(&mine, t, newEndOfAll())
			p.each = func(now time.Duration, rec *message.Record) { e.received(t, now, rec) }
			for q := i; q < e.o.Queues; q += e.o.Consumers {
				p.read(int32(q), offsets[q])
			}
			if err := e.run.add(ctx, p); err != nil {
				return err
			}
			e.flows++
		}
	}
	return nil
}

// received measures one message that this run has sent.
func (e *endToEnd) received(t *tally, now time.Duration, rec *message.Record) {
	if len(rec.Body) < stampBytes || binary.BigEndian.Uint64(rec.Body) != e.id {
		return
	}
	e.delivered.Add(1)
	due := time.Duration(binary.BigEndian.Uint64(rec.Body[8:]))
	if t.measuring(due) {
		t.endToEnd.Add(now - due)
	}
}
