package load

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ringmq/internal/ring"
)

// Sizes of a worker's ring. Receive buffers go back within the burst, so a few serve many connections.
const (
	ringEntries   = 1024
	ringCQEntries = 8192
	recvGroup     = 0
	recvTotal     = 2 << 20 // bytes of all receive buffers together, about what the L2 cache holds
)

// ringWorker drives its connections from one OS thread, in bursts:
//
//	reap    completions: received frames go to Flow.Frame
//	pump    connections that received, whose send is back, or whose time has come
//	submit  all of it in one system call, which waits if there is nothing to do
//
// Everything in it belongs to that thread once it is started.
type ringWorker struct {
	g       *Group
	ring    *ring.Ring
	bufs    *ring.BufRing
	conns   []*ringConn
	due     due
	pumps   []*ringConn  // to be pumped in this burst, each once
	starved []*ringConn  // receives that ended for want of buffers
	stamps  *ring.Stamps // nil: what is received came now
	now     time.Duration
	wall    time.Duration // now, since 1970
	came    time.Duration // when the frames that onFrame takes came
	onCQE   func(*ring.CQE)
	onFrame func([]byte) error
	flow    Flow         // whose frames onFrame takes
	polling bool         // the last wait was shorter than Options.Poll
	polled  atomic.Int64 // ns spent looking for answers that were not there yet
	stopped chan struct{}
}

// ringConn is one connection. Its index is in the user data of its operations, above the kind.
type ringConn struct {
	index   uint32
	fd      int
	flow    Flow
	cut     cutter
	pumping bool // in ringWorker.pumps
	sending bool // out and iov are in flight
	out     Out
	iov     []unix.Iovec
	rest    []unix.Iovec // of iov, not sent yet
	left    int          // bytes of rest
	hdr     unix.Msghdr
}

// Kinds of operations, the upper half of their user data.
const (
	opRecv = 1 + iota
	opSend
)

func newRingWorker(g *Group) *ringWorker {
	w := &ringWorker{g: g, stopped: make(chan struct{})}
	w.onCQE = w.complete
	w.onFrame = func(frame []byte) error { return w.flow.Frame(w.came, frame) }
	if g.o.Stamped {
		w.stamps = ring.NewStamps()
	}
	return w
}

// add takes the socket from package net, whose poller would be told of every arrival.
func (w *ringWorker) add(conn *net.TCPConn, f Flow) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	fd := -1
	cerr := raw.Control(func(s uintptr) {
		if fd, err = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 0); err == nil {
			err = unix.SetNonblock(fd, false) // io_uring does not wait for others
		}
	})
	if err := errors.Join(cerr, err); err != nil {
		return err
	}
	if w.stamps != nil {
		if err := ring.Stamp(fd); err != nil {
			return errors.Join(err, unix.Close(fd))
		}
	}
	c := &ringConn{index: uint32(len(w.conns)), fd: fd, flow: f}
	w.conns = append(w.conns, c)
	w.due.grow(c.index)
	return conn.Close() // the duplicate keeps the connection
}

func (w *ringWorker) start() {
	go func() {
		defer close(w.stopped)
		runtime.LockOSThread() // never unlocked: the thread ends with the run
		if err := w.run(); err != nil {
			w.g.end(err)
		}
	}()
}

func (w *ringWorker) wait() { <-w.stopped }

func (w *ringWorker) pollTime() time.Duration { return time.Duration(w.polled.Load()) }

func (w *ringWorker) discard() {
	for _, c := range w.conns {
		_ = unix.Close(c.fd) // nothing is written that could be lost
	}
}

func (w *ringWorker) run() (err error) {
	defer w.discard()
	// Timeouts end when they are due, not up to 50 µs later.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // only makes the pacing coarser if refused
	if w.ring, err = ring.Setup(ringEntries, ringCQEntries); err != nil {
		return err
	}
	defer w.ring.Close()
	count := 4
	for count*w.g.o.ReceiveBytes < recvTotal {
		count *= 2
	}
	if w.bufs, err = w.ring.SetupBufRing(recvGroup, count, w.g.o.ReceiveBytes); err != nil {
		return err
	}
	defer w.bufs.Close()
	w.look()
	for _, c := range w.conns {
		w.receive(c)
		w.wantPump(c)
	}
	for !w.g.stopping.Load() {
		w.burst()
		w.rest()
	}
	return nil
}

// burst does what there is to do and submits what comes out of it. It does not wait.
func (w *ringWorker) burst() {
	w.look()
	w.ring.AdvanceCQ(w.ring.ForEachCQE(w.onCQE))
	w.bufs.Advance()
	for i, c := range w.starved {
		w.receive(c)
		w.starved[i] = nil
	}
	w.starved = w.starved[:0]
	for w.due.next() <= w.now {
		w.wantPump(w.conns[w.due.pop()])
	}
	for i, c := range w.pumps {
		c.pumping = false
		w.pump(c)
		w.pumps[i] = nil
	}
	w.pumps = w.pumps[:0]
	w.submit()
}

// look reads the clock.
func (w *ringWorker) look() {
	now := time.Now()
	w.now, w.wall = now.Sub(w.g.epoch), time.Duration(now.UnixNano())
}

// Whoever is told when answers came need not be woken for each: before lateWait is over, or as many wait, they are taken when a
// flow is due.
const (
	lateWait    = time.Millisecond
	lateAnswers = ringCQEntries / 2
)

// rest waits until there is something to do.
func (w *ringWorker) rest() {
	since := w.g.Now()
	wait := min(w.due.next()-since, stopCheck)
	if w.stamps != nil && w.due.next() != Never {
		if wait = min(wait, lateWait); wait > 0 && (w.g.o.Tick > 0 || w.ring.CQReady() == 0) {
			_, err := w.ring.SubmitAndWait(lateAnswers, wait)
			w.check(err)
		}
		return
	}
	if w.polling {
		for end := since + min(w.g.o.Poll, wait); !w.ready(); {
			if w.g.Now() >= end {
				break
			}
		}
		took := w.g.Now() - since
		w.polled.Add(int64(took))
		wait -= took
	}
	if wait > 0 && !w.ready() {
		_, err := w.ring.SubmitAndWait(1, wait)
		w.check(err)
	}
	w.polling = w.g.o.Poll > 0 && w.g.Now()-since < w.g.o.Poll
}

func (w *ringWorker) ready() bool { return w.ring.CQReady() > 0 || w.ring.Pending() }

// complete handles one completion.
func (w *ringWorker) complete(cqe *ring.CQE) {
	c := w.conns[uint32(cqe.UserData)]
	if cqe.UserData>>32 == opSend {
		w.sent(c, cqe.Res)
		return
	}
	ended := cqe.Res == 0
	if cqe.Flags&ring.CQEFBuffer != 0 {
		bid := cqe.BufferID()
		if cqe.Res > 0 {
			ended = !w.received(c, w.bufs.Bytes(bid, int(cqe.Res)))
		}
		w.bufs.Add(bid)
	}
	switch errno := unix.Errno(-cqe.Res); {
	case ended:
		w.g.end(errClosedByServer)
	case cqe.Res < 0 && errno != unix.ENOBUFS && errno != unix.EINTR && errno != unix.EAGAIN:
		w.g.end(fmt.Errorf("receive: %w", errno))
	case !cqe.More():
		w.starved = append(w.starved, c)
	}
}

// received hands what a receive brought to the flow; false is the end of the stream.
func (w *ringWorker) received(c *ringConn, data []byte) bool {
	w.flow, w.came = c.flow, w.now
	if w.stamps != nil {
		var at time.Duration
		if data, at = w.stamps.Cut(data); at != 0 {
			w.came -= max(w.wall-at, 0)
		}
	}
	if err := c.cut.cut(data, w.g.o.MaxFrame, w.onFrame); err != nil {
		w.g.end(err)
	}
	w.wantPump(c)
	return len(data) > 0
}

func (w *ringWorker) wantPump(c *ringConn) {
	if !c.pumping {
		c.pumping = true
		w.pumps = append(w.pumps, c)
	}
}

// receive arms a connection's receive.
func (w *ringWorker) receive(c *ringConn) {
	if e := w.sqe(opRecv, c); w.stamps != nil {
		w.stamps.PrepareRecv(e, c.fd, recvGroup)
	} else {
		e.PrepareRecvMultishot(c.fd, recvGroup)
	}
}

func (w *ringWorker) sqe(kind uint64, c *ringConn) *ring.SQE {
	s := w.ring.GetSQE()
	for s == nil {
		w.submit()
		s = w.ring.GetSQE()
	}
	s.UserData = kind<<32 | uint64(c.index)
	return s
}

func (w *ringWorker) submit() {
	_, err := w.ring.Submit()
	w.check(err)
}

// check judges an error of io_uring_enter. EBUSY and EAGAIN pass when completions are reaped.
func (w *ringWorker) check(err error) {
	if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EAGAIN) {
		w.g.end(err)
	}
}
