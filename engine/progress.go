package engine

import (
	"fmt"
	"time"

	"ringmq/internal/message"
)

// progress writes a line to the log every few seconds of a long scan.
type progress struct {
	s           *Store
	began, last time.Time
	from        message.LogOffset
	looked      message.LogOffset // where the clock was read last
}

const (
	progressEvery = 5 * time.Second
	progressStep  = 16 << 20 // bytes between two looks at the clock
)

func newProgress(s *Store, from message.LogOffset) progress {
	now := s.o.Clock.Now()
	return progress{s: s, began: now, last: now, from: from, looked: from}
}

// step tells how far the scan is, if it is time to.
func (p *progress) step(at message.LogOffset) {
	if at-p.looked < progressStep {
		return
	}
	p.looked = at
	now := p.s.o.Clock.Now()
	if now.Sub(p.last) < progressEvery {
		return
	}
	p.last = now
	done, all := float64(at-p.from), float64(max(p.s.log.Written()-p.from, 1))
	rate := done / now.Sub(p.began).Seconds()
	p.s.o.Log.Info("recovering", "done", fmt.Sprintf("%.0f %%", 100*done/all), "at", int64(at), "end", int64(p.s.log.Written()),
		"MB/s", int(rate/1e6), "left", time.Duration((all-done)/rate*float64(time.Second)).Round(time.Second).String())
}
