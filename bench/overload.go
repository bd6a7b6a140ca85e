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
	RecoveryMillis float64 `json:"recoveryMillis"`  // until latencies are as before for a second
	Recovered      bool    `json:"recovered"`
	// Acknowledged is what became of what was acknowledged while overloaded, from its warm-up on; nil without Check.
	Acknowledged *Acknowledged `json:"acknowledged,omitempty"`
}

// recoveryWindow is the resolution of the recovery time, recoverySecond a second in windows. A window is slow whose p99 is more than recoveryFactor times
// that from before, and more than recoveryFloor.
const (
	recoveryWindow = 50 * time.Millisecond
	recoverySecond = int(time.Second / recoveryWindow)
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
	limit := max(recoveryFloor, recoveryFactor*rep.Before.Latency.P99)
	rep.RecoveryMillis, rep.Recovered = recovery(rep.Before.Series, rep.After.Series, limit)
	return rep, nil
}

// recovery is how long it took until a window was not slow, and of the second from there on, or of half the step if that is less, no more
// than there were in the worst one before the overload: machines stop for milliseconds at any time.
func recovery(before, after []Slice, limit float64) (millis float64, recovered bool) {
	span := max(1, min(recoverySecond, len(after)/2))
	usual := 0
	for i := range before {
		usual = max(usual, slow(before[i:min(i+span, len(before))], limit))
	}
	for i := 0; i+span <= len(after); i++ {
		if after[i].P99 <= limit && slow(after[i:i+span], limit) <= usual {
			return float64(i) * float64(recoveryWindow.Milliseconds()), true
		}
	}
	return float64(len(after)) * float64(recoveryWindow.Milliseconds()), false
}

// slow counts the windows whose p99 is above the limit.
func slow(series []Slice, limit float64) (n int) {
	for _, s := range series {
		if s.P99 > limit {
			n++
		}
	}
	return n
}
