package load

import (
	"errors"
	"io"
	"net"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// netWorker drives its connections with a goroutine each, that reads, and one that waits for the flows' times. Whoever
// finds something to send writes it. A server that stops reading stops the writer; as flows bound what they have in
// flight, the answers it owes then fit into its own memory and both go on.
type netWorker struct {
	g    *Group
	done sync.WaitGroup

	mu    sync.Mutex // held while a flow is called, never over I/O
	conns []*netConn
	due   due           // under mu
	wake  chan struct{} // capacity 1: due is no longer empty
}

// netConn is one connection.
type netConn struct {
	w     *netWorker
	index uint32
	conn  *net.TCPConn
	flow  Flow
	cut   cutter // owned by the reader

	writing bool        // under netWorker.mu: somebody sends out
	out     Out         // under mu, but while writing: the writer's
	bufs    net.Buffers // the writer's
}

func newNetWorker(g *Group) *netWorker { return &netWorker{g: g, wake: make(chan struct{}, 1)} }

func (w *netWorker) add(conn *net.TCPConn, f Flow) error {
	c := &netConn{w: w, index: uint32(len(w.conns)), conn: conn, flow: f}
	w.conns = append(w.conns, c)
	w.due.grow(c.index)
	return nil
}

func (w *netWorker) start() {
	for _, c := range w.conns {
		w.done.Go(func() { c.read() })
	}
	w.done.Go(w.pace)
	w.done.Go(func() { // ends the readers
		<-w.g.stopped
		w.discard()
	})
	for _, c := range w.conns {
		w.mu.Lock()
		send := c.pump(w.g.Now())
		w.mu.Unlock()
		if send {
			c.write()
		}
	}
}

func (w *netWorker) discard() {
	for _, c := range w.conns {
		_ = c.conn.Close() // nothing is written that could be lost
	}
}

func (w *netWorker) wait() { w.done.Wait() }

func (w *netWorker) pollTime() time.Duration { return 0 }

// paceCheck is how long the pacer sleeps at most while somebody waits for a time: an earlier one may come meanwhile.
const paceCheck = time.Millisecond

// pace pumps the connections whose time has come. It sleeps in the kernel: Go's timers are a millisecond coarse
// on an idle machine.
func (w *netWorker) pace() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // only makes the pacing coarser if refused
	var ready []*netConn
	for !w.g.stopping.Load() {
		var next time.Duration
		ready, next = w.ready(ready[:0])
		for _, c := range ready {
			c.write()
		}
		wait := next - w.g.Now()
		switch {
		case next == Never:
			select {
			case <-w.wake:
			case <-w.g.stopped:
			}
		case wait > 0:
			ts := unix.NsecToTimespec(int64(min(wait, paceCheck)))
			_ = unix.Nanosleep(&ts, nil) // a signal only makes it look earlier
		}
	}
}

// ready pumps the connections that are due, appends those that have something to write, and tells the next time.
func (w *netWorker) ready(list []*netConn) ([]*netConn, time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.g.Now()
	for w.due.next() <= now {
		if c := w.conns[w.due.pop()]; c.pump(now) {
			list = append(list, c)
		}
	}
	return list, w.due.next()
}

// pump asks the flow for what is to leave and tells whether the caller has to write it. Under mu.
func (c *netConn) pump(now time.Duration) bool {
	if c.writing {
		return false // whoever writes asks again afterwards
	}
	idle := c.w.due.next() == Never
	c.w.due.set(c.index, c.w.g.o.called(c.flow.Pump(now, &c.out)))
	if idle && c.w.due.next() != Never {
		select {
		case c.w.wake <- struct{}{}:
		default: // it was told already
		}
	}
	c.writing = c.out.bytes > 0
	return c.writing
}

// write sends out, and what the flow has by then, until there is nothing more.
func (c *netConn) write() {
	for {
		c.bufs = append(c.bufs[:0], c.out.pieces...)
		rest := c.bufs
		if _, err := rest.WriteTo(c.conn); err != nil {
			c.fail(err)
			return
		}
		c.w.mu.Lock()
		c.out.reset()
		c.writing = false
		more := c.pump(c.w.g.Now())
		c.w.mu.Unlock()
		if !more {
			return
		}
	}
}

// read takes what comes until the connection or the run ends.
func (c *netConn) read() {
	buf := make([]byte, c.w.g.o.ReceiveBytes)
	for {
		n, err := c.conn.Read(buf)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errClosedByServer
			}
			c.fail(err)
			return
		}
		c.w.mu.Lock()
		now := c.w.g.Now()
		err = c.cut.cut(buf[:n], c.w.g.o.MaxFrame, func(frame []byte) error { return c.flow.Frame(now, frame) })
		send := err == nil && c.pump(now)
		c.w.mu.Unlock()
		if err != nil {
			c.fail(err)
			return
		}
		if send {
			c.write()
		}
	}
}

// fail ends the run; after its end every connection is closed, which is no failure.
func (c *netConn) fail(err error) { c.w.g.end(err) }
