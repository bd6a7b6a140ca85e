package transport

import (
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ringmq/internal/invariant"
	"ringmq/internal/ring"
)

// connState is the life of a ring connection.
//
//	         Close, end of stream,                 all has left,
//	         bytes that are no frames              or no longer matters
//	open ──────────────────────────► draining ──────────────────────► dying ──► gone
//	  └──────────────── error, abandoned, idle ──────────────────────►
//
// open:     receives and sends.
// draining: what is received is dropped; what is queued leaves.
// dying:    the socket is shut down; its operations are on their way back.
// gone:     no operation is in flight, the descriptor is closed, the slot is free.
type connState uint8

const (
	stateOpen connState = iota
	stateDraining
	stateDying
	stateGone
)

// ringConn is a connection of a ring loop, to which everything here belongs, but posted.
type ringConn struct {
	Conn
	posted atomic.Bool // in the loop's inbox
	turn   *Turn       // of the listener's handler on this loop
	fd     int
	slot   uint32
	gen    uint32
	state  connState

	receiving  bool // the multishot receive is in flight
	cancelling bool // so is its cancellation
	sending    bool // so is a send, of flight
	starving   bool // in the loop's list of receives to be armed again
	flight     *outbox
	drainFrom  int64 // when a sweep first found the connection draining
}

// wake implements link.
func (c *ringConn) wake() {
	if !c.posted.Swap(true) {
		c.loop.wake(c)
	}
}

// woken looks at what other goroutines left at the connection.
func (c *ringConn) woken() {
	switch {
	case c.state >= stateDying:
		return
	case c.abandoned.Load():
		c.die()
		return
	}
	if c.takeMail() {
		c.markDirty()
	}
	if c.Closing() {
		c.drain()
	}
}

func (c *ringConn) markDirty() {
	if !c.dirty {
		c.dirty = true
		c.loop.desk.dirty = append(c.loop.desk.dirty, &c.Conn)
	}
}

// flush takes the connection off the dirty ones and sends.
func (c *ringConn) flush() {
	c.dirty = false
	c.send()
}

// receive arms the multishot receive where it is wanted and not in flight.
func (c *ringConn) receive() {
	c.starving = false
	if c.state != stateOpen || c.stalled || c.receiving {
		return
	}
	c.loop.sqe(opRecv, c.gen, c.slot).PrepareRecvMultishot(c.fd, recvGroup)
	c.receiving = true
}

// receiveSoon arms the receive after the reaping, when the buffers are back.
func (c *ringConn) receiveSoon() {
	if !c.starving {
		c.starving = true
		c.loop.starved = append(c.loop.starved, c)
	}
}

// received handles a completion of the receive.
func (c *ringConn) received(cqe *ring.CQE) {
	if !cqe.More() {
		c.receiving = false
	}
	if cqe.Flags&ring.CQEFBuffer != 0 {
		if cqe.Res > 0 {
			data := c.loop.bufs.Received(cqe)
			c.backlog.received(c.fd, len(data), cqe.Flags&ring.CQEFSockNonempty != 0, c.loop.desk.nowMillis)
			c.take(data)
			if invariant.Enabled {
				clear(data) // who still holds a slice of it shall notice
			}
		}
		c.loop.bufs.Done(cqe)
	}
	switch errno := unix.Errno(-cqe.Res); {
	case cqe.Res > 0:
	case cqe.Res == 0:
		c.drain() // end of stream: as Netty does, the peer who says no more is not waited for
	case errno == unix.ENOBUFS, errno == unix.ECANCELED, errno == unix.EINTR, errno == unix.EAGAIN:
	default:
		c.die()
	}
	if !c.receiving {
		c.receiveSoon()
		c.finish()
	}
}

// take serves received bytes.
func (c *ringConn) take(data []byte) {
	if c.state != stateOpen {
		return
	}
	c.loop.slots[c.slot].touched = c.loop.desk.nowMillis
	if c.stalled {
		c.in.keep(data) // arrived before the cancellation of the receive did
		return
	}
	c.serve(data)
}

func (c *ringConn) serve(data []byte) {
	err := c.loop.desk.serve(c.turn, &c.Conn, data)
	switch {
	case err != nil || c.Closing():
		c.drain()
	case c.stalled:
		c.stopReceiving()
	}
}

func (c *ringConn) stopReceiving() {
	if c.receiving && !c.cancelling {
		c.loop.sqe(opCancel, c.gen, c.slot).PrepareCancel(userData(opRecv, c.gen, c.slot), false)
		c.cancelling = true
	}
}

func (c *ringConn) cancelled() {
	c.cancelling = false
	c.finish()
}

// unsent is about how many bytes the next send takes.
func (c *ringConn) unsent() int {
	n := 0
	switch {
	case c.sending:
	case c.flight != nil:
		n = c.flight.left
	case c.out != nil:
		n = c.out.size()
	}
	return min(n, sendMax)
}

// send starts sending what is queued, unless a send is in flight: then it goes on when that
// one is back.
func (c *ringConn) send() {
	if c.sending || c.state == stateDying {
		return
	}
	if c.flight == nil && !c.launch() {
		return
	}
	const how = unix.MSG_NOSIGNAL | unix.MSG_WAITALL
	s := c.loop.sqe(opSend, c.gen, c.slot)
	if b := c.flight.next(); b != nil {
		s.PrepareSend(c.fd, b, how)
	} else {
		s.PrepareSendmsg(c.fd, c.flight.msg(), how)
	}
	c.sending = true
}

// launch makes what is queued the next flight. Without anything queued a draining connection
// is at its end.
func (c *ringConn) launch() bool {
	o := c.out
	if o == nil || c.state == stateGone {
		if o != nil {
			o.recycle() // a handler answered a connection that ended in the same turn
			c.out = nil
		} else if c.state == stateDraining {
			c.die()
		}
		return false
	}
	c.count()
	c.flight, c.out, c.counted = o, nil, 0
	o.launch()
	if o.left == 0 {
		c.landed()
		return false
	}
	return true
}

// sent handles the completion of a send.
func (c *ringConn) sent(cqe *ring.CQE) {
	c.sending = false
	if c.state >= stateDying {
		c.finish()
		return
	}
	switch errno := unix.Errno(-cqe.Res); {
	case cqe.Res >= 0:
	case errno == unix.EINTR, errno == unix.EAGAIN:
		cqe.Res = 0 // nothing was sent, try again
	default:
		c.die()
		return
	}
	c.loop.slots[c.slot].touched = c.loop.desk.nowMillis
	c.owe(-int(cqe.Res))
	if c.flight.sent(int(cqe.Res)) {
		c.landed()
	} else {
		c.markDirty()
	}
	if c.stalled && c.state == stateOpen && !c.overBound() {
		c.stalled = false
		c.serve(nil)
		c.receiveSoon()
	}
}

// landed recycles the flight that has left.
func (c *ringConn) landed() {
	c.flight.recycle()
	c.flight = nil
	if c.out != nil || c.state == stateDraining {
		c.markDirty()
	}
}

// drain stops reading; the connection dies when what is queued has left.
func (c *ringConn) drain() {
	if c.state != stateOpen {
		return
	}
	c.state = stateDraining
	c.closing.Store(true)
	c.takeMail()
	c.stopReceiving()
	c.markDirty() // send finds out whether there is anything to send
}

// die gives up what is queued and calls the operations back.
func (c *ringConn) die() {
	if c.state >= stateDying {
		return
	}
	c.state = stateDying
	c.closing.Store(true)
	_ = unix.Shutdown(c.fd, unix.SHUT_RDWR) // ENOTCONN: the peer was faster
	c.finish()
}

// finish frees a dying connection when none of its operations is in flight any more.
func (c *ringConn) finish() {
	if c.state != stateDying || c.receiving || c.cancelling || c.sending {
		return
	}
	c.state = stateGone
	if err := unix.Close(c.fd); err != nil {
		invariant.Failed("close connection %d: %v", c.id, err)
	}
	if c.flight != nil {
		c.flight.recycle()
		c.flight = nil
	}
	c.retire()
	l := c.loop
	s := &l.slots[c.slot]
	s.conn = nil
	s.gen++
	l.free = append(l.free, c.slot)
	l.load.Add(-1)
	c.ln.handler.Closed(&c.Conn)
	c.tr.release()
}

// linger gives a draining connection up when it takes too long.
func (c *ringConn) linger(now int64) {
	if c.drainFrom == 0 {
		c.drainFrom = now
	} else if now-c.drainFrom >= lingerTimeout.Milliseconds() {
		c.die()
	}
}
