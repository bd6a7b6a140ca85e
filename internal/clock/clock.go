// Package clock is the one place where time enters the program.
//
// Everything above it takes a [Clock] instead of calling time.Now, so that a
// simulation can drive a whole broker through virtual time. Tests that only need
// timers to fire early may as well run [Real] inside a testing/synctest bubble,
// where the standard library's time is virtual.
package clock

import (
	"context"
	"time"
)

// Clock tells the time and makes timers.
type Clock interface {
	// Now is the wall clock, with a monotonic reading where there is one.
	Now() time.Time
	// NewTimer fires once on its channel after d.
	NewTimer(d time.Duration) Timer
}

// Timer is a one-shot timer that can be armed again.
type Timer interface {
	C() <-chan time.Time
	// Reset arms the timer anew; nothing of the former arming is delivered (Go 1.23 semantics).
	Reset(d time.Duration)
	Stop()
}

// Real is the system's clock.
type Real struct{}

// Now implements [Clock].
func (Real) Now() time.Time { return time.Now() }

// NewTimer implements [Clock].
func (Real) NewTimer(d time.Duration) Timer { return realTimer{time.NewTimer(d)} }

type realTimer struct{ t *time.Timer }

func (r realTimer) C() <-chan time.Time   { return r.t.C }
func (r realTimer) Reset(d time.Duration) { r.t.Reset(d) }
func (r realTimer) Stop()                 { r.t.Stop() }

// Every runs fn after first, then every period after fn returned, until ctx ends.
// It runs on the caller's goroutine: `go clock.Every(...)`.
func Every(ctx context.Context, c Clock, first, period time.Duration, fn func(now time.Time)) {
	t := c.NewTimer(first)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C():
			fn(c.Now())
			t.Reset(period)
		}
	}
}

// Millis is t as RocketMQ stores it: milliseconds since 1970.
func Millis(t time.Time) int64 { return t.UnixMilli() }
