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
}

// OverloadReport is what the four steps found: the peak in a closed loop, half of it, three times
// it, and half of it again from the moment the overload ends.
type OverloadReport struct {
	Peak           *Report `json:"peak"`
	Before         *Report `json:"before"`
	Over           *Report `json:"over"`
	After          *Report `json:"after"`
	Offered        float64 `json:"offeredPerSecond"`
	Kept           float64 `json:"keptShareOfPeak"` // messages stored while overloaded, by the peak
	RecoveryMillis float64 `json:"recoveryMillis"`  // until every window's p99 is back within bounds
	Recovered      bool    `json:"recovered"`
}

// recoveryWindow is the resolution of the recovery time; recoveryFactor times the p99 from before, and at least
// recoveryFloor, is what counts as recovered.
const (
	recoveryWindow = 50 * time.Millisecond
	recoveryFactor = 3
	recoveryFloor  = 1.0 // ms
)

// Overload runs the four steps.
func Overload(ctx context.Context, o OverloadOptions) (*OverloadReport, error) {
	if o.Factor <= 1 || o.Step <= 0 || o.Flood < 1 {
		return nil, errors.New("bench: overload needs a factor above 1, a step and requests in flight")
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
	step(&rep.Over, rep.Offered, o.Flood, time.Second, time.Second)
	step(&rep.After, peak/2, o.Flood, 0, recoveryWindow)
	if err != nil {
		return nil, err
	}
	rep.Kept = rep.Over.PerSecond / peak
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
