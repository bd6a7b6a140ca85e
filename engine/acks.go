package engine

import (
	"sync"
	"time"

	"ringmq/internal/message"
)

// waiter is one Commit that waits for the device.
type waiter struct {
	upTo     message.LogOffset
	ack      func(error)
	deadline time.Time
}

// acks is the Commits that wait for the device. Callbacks run without its mutex.
type acks struct {
	mu      sync.Mutex
	waiting []waiter // under mu
	failure error    // under mu: set once, nothing waits any more
	// watched tells that the watcher of deadlines knows that somebody waits. Under mu.
	watched bool
	watch   chan struct{} // wakes the watcher
}

// add lets w wait and returns true, unless its wait is over already: everything below done()
// is safe, or the log has failed.
func (a *acks) add(w waiter, done func() message.LogOffset) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.failure != nil || done() >= w.upTo {
		return false
	}
	a.waiting = append(a.waiting, w)
	if !a.watched {
		a.watched = true
		a.watch <- struct{}{} // has room: the watcher took the last one before it cleared watched
	}
	return true
}

// any tells whether somebody waits.
func (a *acks) any() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.waiting) > 0
}

// release ends the wait of those who wait for what lies below done.
func (a *acks) release(done message.LogOffset) {
	a.end(nil, func(w *waiter) bool { return w.upTo <= done })
}

// expire ends the wait of those whose time is up. It tells whether somebody still waits; if
// not, the next add wakes the watcher.
func (a *acks) expire(now time.Time) bool {
	a.end(ErrFlushTimeout, func(w *waiter) bool { return !now.Before(w.deadline) })
	a.mu.Lock()
	defer a.mu.Unlock()
	a.watched = len(a.waiting) > 0
	return a.watched
}

// fail ends every wait, now and later.
func (a *acks) fail(err error) {
	a.mu.Lock()
	a.failure = err
	a.mu.Unlock()
	a.end(err, func(*waiter) bool { return true })
}

// end calls back those that over selects, in the order they came.
func (a *acks) end(err error, over func(*waiter) bool) {
	var few [64]waiter
	ended := few[:0]
	a.mu.Lock()
	kept := a.waiting[:0]
	for i := range a.waiting {
		if w := &a.waiting[i]; over(w) {
			ended = append(ended, *w)
		} else {
			kept = append(kept, *w)
		}
	}
	clear(a.waiting[len(kept):])
	a.waiting = kept
	a.mu.Unlock()
	for i := range ended {
		ended[i].ack(err)
	}
}
