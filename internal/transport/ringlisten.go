package transport

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"ringmq/internal/ring"
)

// ringListener is a listener's half on the ring path; it belongs to the loop that accepts.
//
// One loop accepts for a listener and gives the connections to the loop that has the fewest.
// A listener per loop with SO_REUSEPORT would spread them by a hash, badly when they are few,
// and would let a second server bind the same port unnoticed.
type ringListener struct {
	loop      *loop
	fd        int
	index     uint32 // in loop.accepts
	accepting bool   // the multishot accept is in flight
	closing   bool
}

// takeOver moves the socket of a listener that package net has made, with all of its rules
// for addresses, to loop.
func (l *Listener) takeOver(lp *loop) error {
	raw, err := l.net.SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	cerr := raw.Control(func(s uintptr) {
		if fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			// io_uring does not wait for descriptors that are non-blocking.
			err = unix.SetNonblock(fd, false)
		}
	})
	if cerr != nil || err != nil {
		return fmt.Errorf("listen on %s: %v, %v", l.addr, cerr, err)
	}
	_ = l.net.Close() // the duplicate keeps the socket
	l.ring = &ringListener{loop: lp, fd: fd}
	lp.do(func(lp *loop) {
		l.ring.index = uint32(len(lp.accepts))
		lp.accepts = append(lp.accepts, l)
		lp.accept(l)
	})
	return nil
}

// accept arms a listener's accept.
func (l *loop) accept(ln *Listener) {
	r := ln.ring
	if !r.accepting && !r.closing {
		l.sqe(opAccept, 0, r.index).PrepareMultishotAccept(r.fd, unix.SOCK_CLOEXEC)
		r.accepting = true
	}
}

// stopAccept ends a listener; its stopped is closed when it is over.
func (l *loop) stopAccept(ln *Listener) {
	r := ln.ring
	r.closing = true
	if !r.accepting {
		l.closeListener(ln)
		return
	}
	l.sqe(opIgnore, 0, 0).PrepareCancel(userData(opAccept, 0, r.index), false)
}

func (l *loop) closeListener(ln *Listener) {
	if err := unix.Close(ln.ring.fd); err != nil {
		l.tr.opts.Log.Error("close a listener", "listener", ln.addr, "error", err)
	}
	close(ln.stopped)
}

// accepted handles a completion of an accept.
func (l *loop) accepted(ln *Listener, cqe *ring.CQE) {
	r := ln.ring
	r.accepting = cqe.More()
	if cqe.Res >= 0 {
		l.welcome(ln, int(cqe.Res))
	}
	switch {
	case r.closing:
		if !r.accepting {
			l.closeListener(ln)
		}
	case cqe.Res >= 0, unix.Errno(-cqe.Res) == unix.ECONNABORTED, unix.Errno(-cqe.Res) == unix.EINTR:
		l.accept(ln)
	default:
		// Out of descriptors or memory: the next sweep tries again.
		l.tr.opts.Log.Warn("accept failed, trying again", "listener", ln.addr, "error", unix.Errno(-cqe.Res))
	}
}

// welcome finds a loop for a new connection.
func (l *loop) welcome(ln *Listener, fd int) {
	if !l.tr.admit() {
		_ = unix.Close(fd) // over MaxConns or shutting down: the peer sees the close
		return
	}
	remote, rerr := sockaddr(unix.Getpeername(fd))
	local, lerr := sockaddr(unix.Getsockname(fd))
	derr := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if rerr != nil || lerr != nil || derr != nil {
		_ = unix.Close(fd) // the peer is gone already
		l.tr.release()
		return
	}
	c := &ringConn{fd: fd}
	c.init(ln, remote, local)
	c.link = c
	to := l
	for _, other := range l.tr.loops {
		if other.load.Load() < to.load.Load() {
			to = other
		}
	}
	c.loop = to
	to.load.Add(1)
	if to == l {
		l.adopt(c)
		return
	}
	// Loops end after all connections are gone, so the other loop still takes tasks.
	to.do(func(to *loop) { to.adopt(c) })
}

// adopt gives a connection its slot and starts to receive.
func (l *loop) adopt(c *ringConn) {
	if n := len(l.free); n > 0 {
		c.slot = l.free[n-1]
		l.free = l.free[:n-1]
	} else {
		c.slot = uint32(len(l.slots))
		l.slots = append(l.slots, slot{})
	}
	s := &l.slots[c.slot]
	s.conn, s.touched = c, l.desk.nowMillis
	c.gen = s.gen
	c.turn = l.desk.turn(c.ln.handler)
	c.receive()
}

// sweep closes the connections that were idle or draining for too long, and tries accepts
// that failed again.
func (l *loop) sweep(now int64) {
	idle := now - l.tr.opts.IdleTimeout.Milliseconds()
	for i := range l.slots {
		s := &l.slots[i]
		switch {
		case s.conn == nil:
		case s.touched <= idle:
			s.conn.die()
		case s.conn.state == stateDraining:
			s.conn.linger(now)
		}
	}
	for _, ln := range l.accepts {
		l.accept(ln)
	}
}

// forConns calls fn for each connection of the loop.
func (l *loop) forConns(fn func(*ringConn)) {
	for i := range l.slots {
		if c := l.slots[i].conn; c != nil {
			fn(c)
		}
	}
}

func sockaddr(sa unix.Sockaddr, err error) (netip.AddrPort, error) {
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr), uint16(sa.Port)), nil
	}
	return netip.AddrPort{}, net.UnknownNetworkError(fmt.Sprintf("%T", sa))
}
