package transport

import (
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// netConn is a connection of the net path. Its reading goroutine (run) lives as long as the
// connection. Writing is a role: whoever finds work and nobody writing takes it and keeps it
// until the queue is empty or, where it must not block, passes it to a goroutine started for
// that. So an idle connection is one goroutine and no buffers.
type netConn struct {
	Conn
	nc      *net.TCPConn
	raw     syscall.RawConn
	touched atomic.Int64 // when bytes moved last, in ms of the transport's clock

	drainFrom int64     // owned by the sweeper: when it first found the connection closing
	writing   bool      // under mu: somebody has the role of writing
	settled   sync.Cond // of mu: the writer stopped or made room, or the connection is closing

	// Owned by the reader: one attempt to read, kept as a func value because RawConn wants one.
	tryRead  func(fd uintptr) bool
	readDesk *netDesk
	readN    int
	readErr  error

	// Owned by the writer.
	flight   *outbox
	tryWrite func(fd uintptr) bool
	mayBlock bool
	writeN   int
	writeErr error
}

func newNetConn(ln *Listener, nc *net.TCPConn) (*netConn, error) {
	raw, err := nc.SyscallConn()
	if err != nil {
		return nil, err
	}
	c := &netConn{nc: nc, raw: raw}
	c.init(ln, nc.RemoteAddr().(*net.TCPAddr).AddrPort(), nc.LocalAddr().(*net.TCPAddr).AddrPort())
	c.link = c
	c.settled.L = &c.mu
	c.tryRead, c.tryWrite = c.readOnce, c.writeOnce
	c.touch()
	return c, nil
}

// run reads until the connection ends, then waits for the writer and cleans up.
func (c *netConn) run() {
	for !c.Closing() && c.readTurn() && c.resume() {
	}
	c.closing.Store(true)
	c.flush()
	c.mu.Lock()
	for c.writing {
		c.settled.Wait()
	}
	c.mu.Unlock()
	_ = c.nc.Close() // it may be closed already; there is nobody to tell
	c.retire()
	c.ln.handler.Closed(&c.Conn)
	c.tr.mu.Lock()
	delete(c.tr.conns, c)
	c.tr.mu.Unlock()
	c.tr.release()
}

// readTurn waits for bytes, reads once and serves what was read. It tells whether to go on.
func (c *netConn) readTurn() bool {
	if err := c.raw.Read(c.tryRead); err != nil {
		return false
	}
	d := c.readDesk
	c.readDesk = nil
	defer c.tr.desks.give(d)
	if c.readErr != nil || c.readN == 0 {
		return false
	}
	c.touch()
	return c.serveTurn(d, d.buf[:c.readN])
}

// readOnce borrows a desk with its buffer only for the time of the attempt if there is
// nothing to read.
func (c *netConn) readOnce(fd uintptr) bool {
	d := c.tr.desks.borrow()
	for {
		c.readN, c.readErr = unix.Read(int(fd), d.buf[:])
		if c.readErr != unix.EINTR {
			break
		}
	}
	if c.readErr == unix.EAGAIN {
		c.tr.desks.give(d)
		return false
	}
	if c.readN > 0 {
		c.backlog.received(int(fd), c.readN, c.readN == len(d.buf), c.tr.now())
	}
	c.readDesk = d
	return true
}

func (c *netConn) serveTurn(d *netDesk, data []byte) bool {
	d.conn = &c.Conn
	d.nowMillis = c.tr.now()
	err := d.serve(d.turn(c.ln.handler), &c.Conn, data)
	d.endTurn()
	clear(d.dirty)
	d.dirty = d.dirty[:0]
	d.conn = nil
	c.dirty = false
	c.flush()
	return err == nil
}

// resume holds reading up while too many bytes wait to leave, then serves the frames that
// were kept unserved. It tells whether to go on.
func (c *netConn) resume() bool {
	for c.stalled {
		c.mu.Lock()
		for c.overBound() && !c.Closing() {
			c.settled.Wait()
		}
		c.mu.Unlock()
		if c.Closing() {
			return false
		}
		c.stalled = false
		d := c.tr.desks.borrow()
		ok := c.serveTurn(d, nil)
		c.tr.desks.give(d)
		if !ok {
			return false
		}
	}
	return true
}

// wake implements link.
func (c *netConn) wake() {
	switch {
	case c.abandoned.Load():
		_ = c.nc.Close() // reader and writer see the error
	case c.Closing():
		_ = c.nc.SetReadDeadline(time.Unix(1, 0)) // fails on a closed connection only
	}
	c.mu.Lock()
	start := c.mail != nil && !c.writing
	if start {
		c.writing = true
	}
	if c.Closing() {
		c.settled.Broadcast()
	}
	c.mu.Unlock()
	if start {
		go c.write(true)
	}
}

// flush queues the turn's answers and tries to send them, without blocking.
func (c *netConn) flush() {
	c.mu.Lock()
	if c.out != nil {
		c.count()
		if c.mail == nil {
			c.mail = c.out
		} else {
			c.mail.take(c.out)
		}
		c.out, c.counted = nil, 0
	}
	start := c.mail != nil && !c.writing
	if start {
		c.writing = true
	}
	c.mu.Unlock()
	if start {
		c.write(false)
	}
}

// write sends until the queue is empty. If it must not block and would, a goroutine goes on
// in its place. The caller has the role of writing.
func (c *netConn) write(mayBlock bool) {
	c.mayBlock = mayBlock
	for c.nextFlight() {
		err := c.raw.Write(c.tryWrite)
		if err == nil {
			err = c.writeErr
		}
		if err == unix.EAGAIN {
			go c.write(true)
			return
		}
		if err != nil {
			c.closing.Store(true)
			c.abandoned.Store(true)
			_ = c.nc.Close() // ends the reader too
			continue
		}
		c.touch()
		done := c.flight.sent(c.writeN)
		c.owe(-c.writeN)
		if done {
			c.flight.recycle()
			c.flight = nil
		}
		c.mu.Lock()
		c.settled.Broadcast()
		c.mu.Unlock()
	}
}

// nextFlight sees that there is something to send, else gives up the role of writing.
func (c *netConn) nextFlight() bool {
	if c.flight != nil && !c.abandoned.Load() {
		return true
	}
	if c.flight != nil {
		c.flight.recycle()
		c.flight = nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mail == nil || c.abandoned.Load() {
		c.writing = false
		c.settled.Broadcast()
		return false
	}
	c.flight, c.mail = c.mail, nil
	c.flight.launch()
	return true
}

func (c *netConn) writeOnce(fd uintptr) bool {
	for {
		n, _, errno := unix.Syscall(unix.SYS_SENDMSG, fd, uintptr(unsafe.Pointer(c.flight.msg())), unix.MSG_NOSIGNAL)
		switch errno {
		case 0:
			c.writeN, c.writeErr = int(n), nil
			return true
		case unix.EINTR:
		case unix.EAGAIN:
			c.writeErr = unix.EAGAIN
			return !c.mayBlock
		default:
			c.writeErr = errno
			return true
		}
	}
}

func (c *netConn) touch() { c.touched.Store(c.tr.now()) }

// sweep closes the connection if it was idle or closing for too long.
func (c *netConn) sweep(now int64) {
	if c.drainFrom == 0 && c.Closing() {
		c.drainFrom = now
	}
	idle := now-c.touched.Load() >= c.tr.opts.IdleTimeout.Milliseconds()
	if idle || c.drainFrom != 0 && now-c.drainFrom >= lingerTimeout.Milliseconds() {
		c.abandon()
	}
}
