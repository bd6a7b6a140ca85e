package bench

import "time"

// pace is the schedule of one connection of an open loop: request k is due at start + k × period, whatever came of those
// before it. Multiplying instead of adding keeps it from drifting.
type pace struct {
	start  time.Duration
	period float64 // ns; 0 is a closed loop
	k      uint64  // of the next request
}

// newPace is the schedule of connection i of conns that together send perSecond requests; their requests
// follow each other evenly.
func newPace(start time.Duration, perSecond float64, i, conns int) pace {
	if perSecond <= 0 {
		return pace{}
	}
	period := float64(time.Second) * float64(conns) / perSecond
	return pace{start: start + time.Duration(period*float64(i)/float64(conns)), period: period}
}

func (p *pace) open() bool { return p.period > 0 }

// due is when the next request is to leave.
func (p *pace) due() time.Duration { return p.start + time.Duration(float64(p.k)*p.period) }
