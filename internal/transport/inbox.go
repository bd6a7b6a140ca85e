package transport

import (
	"sync"
	"sync/atomic"
)

// inbox is how other goroutines reach a loop: many put, the loop takes all at once.
type inbox struct {
	filled atomic.Bool // something is there: lets the loop look without the lock

	mu     sync.Mutex
	closed bool          // under mu: the loop takes nothing any more
	conns  []*ringConn   // under mu: to be looked at, each once (ringConn.posted)
	tasks  []func(*loop) // under mu
}

// wake asks the loop to look at a connection. After the loop's end nothing happens.
func (l *loop) wake(c *ringConn) {
	b := &l.inbox
	b.mu.Lock()
	if !b.closed {
		b.conns = append(b.conns, c)
		b.filled.Store(true)
	}
	b.mu.Unlock()
	l.event.Wake()
}

// do runs task on the loop. It tells whether the loop will.
func (l *loop) do(task func(*loop)) bool {
	b := &l.inbox
	b.mu.Lock()
	ok := !b.closed
	if ok {
		b.tasks = append(b.tasks, task)
		b.filled.Store(true)
	}
	b.mu.Unlock()
	l.event.Wake()
	return ok
}

// OnLoop has the connection's loop run fn, with the turn of its listener's handler, before its next sends leave.
// On the net path, where no loop is, and when the loop has ended, it returns false and fn is not called.
func (c *Conn) OnLoop(fn func(t *Turn)) bool {
	return c.loop != nil && c.loop.do(func(l *loop) {
		t := c.link.(*ringConn).turn
		t.NowMillis = l.desk.nowMillis
		fn(t)
	})
}

// drain does what is in the inbox. It runs on the loop.
func (l *loop) drain() {
	b := &l.inbox
	if !b.filled.Load() {
		return
	}
	b.mu.Lock()
	b.filled.Store(false)
	conns, tasks := b.conns, b.tasks
	b.conns, b.tasks = l.spareConns, nil
	b.mu.Unlock()
	for i, c := range conns {
		c.posted.Store(false) // first: what comes after this wakes again
		c.woken()
		conns[i] = nil
	}
	l.spareConns = conns[:0]
	for _, task := range tasks {
		task(l)
	}
}
