package bench

import (
	"context"
	"errors"
	"time"
)

// OverloadOptions of a run beyond what the broker can do.
type OverloadOptions struct {
	SendOptions               // Rate and Duration are chosen by the run; InFlight bounds the closed loop
	Step        time.Duration // length of each step
	Factor      float64       // offered load by the peak; 3 by default
	Flood       int           // requests in flight per connection while overloaded
	Check       bool          // read again what was acknowledged while overloaded
}

// OverloadReport is what the steps found: the peak in a closed loop, half of it, three times it, half of it again from the moment
// the overload ends, and the peak once more, as machines are not the same from one moment to the next.
type OverloadReport struct {
	Peak           *Report `json:"peak"`
	Before         *Report `json:"before"`
	Over           *Report `json:"over"`
	After          *Report `json:"after"`
	Again          *Report `json:"peakAgain"`
	Offered        float64 `json:"offeredPerSecond"`
	Kept           float64 `json:"keptShareOfPeak"` // messages stored while overloaded, by the mean of both peaks
	RecoveryMillis float64 `json:"recoveryMillis"`  // until every window's p99 is back within bounds
	Recovered      bool    `json:"recovered"`
	// Acknowledged is what became of what was acknowledged while overloaded, from its warm-up on; nil without Check.
	Acknowledged *Acknowledged `json:"acknowledged,omitempty"`
}

// recoveryWindow is the resolution of the recovery time; recoveryFactor times the p99 from before, and at least
// recoveryFloor, is what counts as recovered.
const (
	recoveryWindow = 50 * time.Millisecond
	recoveryFactor = 3
	recoveryFloor  = 1.0 // ms
)

// Overload runs the steps.
func Overload(ctx context.Context, o OverloadOptions) (*OverloadReport, error) {
	switch {
	case o.Factor <= 1 || o.Step <= 0 || o.Flood < 1:
		return nil, errors.New("bench: overload needs a factor above 1, a step and requests in flight")
	case o.Check && o.NoUniqueKey:
		return nil, errors.New("bench: without unique keys nobody knows the messages that were acknowledged: leave out one of check and no unique key")
	}
	rep := &OverloadReport{}
	var err error
	step := func(to **Report, rate float64, inFlight int, warmup time.Duration, window time.Duration) {
		if err != nil {
			return
		}
		s := o.SendOptions
		s.Rate, s.InFlight, s.Warmup, s.Duration, s.Window = rate, inFlight, warmup, o.Step, window
		*to, err = Send(ctx, s)
	}
	step(&rep.Peak, 0, o.InFlight, o.Warmup, time.Second)
	if err != nil {
		return nil, err
	}
	peak := rep.Peak.PerSecond
	rep.Offered = o.Factor * peak
	step(&rep.Before, peak/2, o.Flood, time.Second, recoveryWindow)
	reader := PullOptions{Common: o.Common, Topic: o.Topic, Queues: o.Queues, Group: "ringmq_bench", Max: 32, From: FromNewest, AtEnd: EndStop, Check: CheckCRC, Tags: "*"}
	if o.Check && err == nil {
		o.ledgers, err = openLedgers(ctx, &reader)
	}
	step(&rep.Over, rep.Offered, o.Flood, time.Second, time.Second)
	ledgers := o.ledgers
	o.ledgers = nil
	step(&rep.After, peak/2, o.Flood, 0, recoveryWindow)
	step(&rep.Again, 0, o.InFlight, o.Warmup, time.Second)
	if err == nil && o.Check {
		rep.Acknowledged, err = ledgers[0].check(ctx, reader, ledgers[1:])
	}
	if err != nil {
		return nil, err
	}
	rep.Kept = rep.Over.PerSecond / ((peak + rep.Again.PerSecond) / 2)
	rep.RecoveryMillis, rep.Recovered = recovery(rep.After.Series, max(recoveryFloor, recoveryFactor*rep.Before.Latency.P99))
	return rep, nil
}

// recovery is how long it took until the p99 of every window that followed was at most limit.
func recovery(series []Slice, limit float64) (millis float64, recovered bool) {
	last := -1
	for i, s := range series {
		if s.P99 > limit {
			last = i
		}
	}
	return float64(last+1) * float64(recoveryWindow.Milliseconds()), last < len(series)-1
}
