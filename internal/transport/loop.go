package transport

import (
	"errors"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ringmq/internal/invariant"
	"ringmq/internal/ring"
)

// Sizes of a loop's ring. Received bytes are served where they lie and their buffers go back
// within the turn, so few buffers serve many connections; what arrives beyond them waits in
// its socket until the next turn. Together they are a quarter of a core's L2 cache: the kernel goes through
// them in a circle, and what it has copied should still be there when the frames are read.
// 64 of 32 KiB cost 0.2 µs more for a message of 1 KiB.
const (
	ringEntries   = 512
	ringCQEntries = 4096
	recvGroup     = 0
	recvBuffers   = 8
	recvBytes     = 64 << 10
	// The same where each receive, be it small, takes a buffer of its own.
	wholeRecvBuffers = 32
	wholeRecvBytes   = 16 << 10
)

// pollTime is how long a loop looks for work before it sleeps, if it had to wait no longer
// the last time. It is never spent when idle. To be woken on a sleeping core costs more: one
// connection that waits for each answer gets 35 k/s with polling and 20 k/s without (where the
// scheduler puts peer and loop on one core, 60 k/s and 90 k/s); four get 130 and 95 k/s; with
// 64 it makes no difference, the loop is always busy.
const pollTime = 50 * time.Microsecond

// loop serves its connections on an OS thread of its own, in turns:
//
//	reap     completions: received frames go to Handler.Serve
//	endTurn  Handler.EndTurn, once per handler that served
//	drain    the inbox: answers of other goroutines, new connections
//	flush    one send per connection that has something to send and none in flight; what is much waits for the next turn
//	submit   all of it in one system call, which waits only if there is nothing to do
//
// Everything in it belongs to that thread, but inbox, event and load.
type loop struct {
	desk  desk
	tr    *Transport
	ring  *ring.Ring
	bufs  *ring.BufRing
	inbox inbox
	event *ring.Event
	load  atomic.Int64 // connections given to this loop

	slots      []slot
	free       []uint32 // indices of slots without a connection
	accepts    []*Listener
	starved    []*ringConn // receives that ended for want of buffers, or were cancelled and resumed
	onCQE      func(*ring.CQE)
	waking     bool // the read of event is in flight
	operations operations
	stopping   bool

	polling    bool // the last wait for connections was shorter than pollTime
	spareConns []*ringConn

	stopped chan struct{} // closed when the thread is done
}

// slot is a place for a connection. Its index and generation are in the user data of the
// connection's operations.
type slot struct {
	conn    *ringConn // nil if free
	gen     uint32    // counts the connections that had the slot
	touched int64     // when bytes moved last, in ms of the transport's clock
}

// An operation's user data is its kind, the generation and the index of its slot.
//
//	63    56 55          32 31            0
//	| kind |  generation  |     index     |
type opKind uint8

const (
	opWake   opKind = iota + 1
	opAccept        // index: of accepts
	opRecv
	opSend
	opCancel
	opIgnore // nobody waits for the result
	opOther  // index: of operations
)

const genMask = 1<<24 - 1

func userData(kind opKind, gen, index uint32) uint64 {
	return uint64(kind)<<56 | uint64(gen&genMask)<<32 | uint64(index)
}

// startLoop starts a loop's thread and waits until its ring is set up.
func startLoop(tr *Transport) (*loop, error) {
	l := &loop{tr: tr, stopped: make(chan struct{})}
	l.desk.loop = l
	l.onCQE = l.complete
	ready := make(chan error)
	go func() {
		// Never unlocked: the thread ends with the loop.
		runtime.LockOSThread()
		err := l.setup()
		ready <- err
		if err == nil {
			l.run()
		}
	}()
	return l, <-ready
}

func (l *loop) setup() (err error) {
	if l.ring, err = ring.Setup(ringEntries, ringCQEntries); err != nil {
		return err
	}
	if l.bufs, err = setupBuffers(l.ring); err != nil {
		_ = l.ring.Close()
		return err
	}
	if l.event, err = ring.NewEvent(); err != nil {
		_ = l.bufs.Close()
		_ = l.ring.Close()
		return err
	}
	l.armWake()
	return nil
}

// setupBuffers makes a loop's receive buffers.
func setupBuffers(r *ring.Ring) (*ring.BufRing, error) {
	b, err := r.SetupIncrementalBufRing(recvGroup, recvBuffers, recvBytes)
	if err != nil || b.Incremental {
		return b, err
	}
	if err := b.Close(); err != nil {
		return nil, err
	}
	return r.SetupBufRing(recvGroup, wholeRecvBuffers, wholeRecvBytes)
}

func (l *loop) run() {
	defer close(l.stopped)
	for l.turn(); !l.stopping; l.turn() {
		l.rest()
	}
	l.teardown()
}

// turn does what there is to do and submits what comes out of it. It does not wait.
func (l *loop) turn() {
	l.desk.nowMillis = l.tr.now()
	l.reap()
	l.desk.endTurn()
	l.drain()
	l.flush()
	l.submit()
}

// rest waits until there is something to do.
func (l *loop) rest() {
	if l.ready() {
		return
	}
	// A device takes longer than a poll, and may need this core to tell that it is done.
	disk := l.operations.count > 0
	since := time.Now()
	if l.polling && !disk {
		for time.Since(since) < pollTime {
			if l.ready() {
				return
			}
		}
	}
	l.event.Sleep()
	if !l.inbox.filled.Load() {
		_, err := l.ring.SubmitAndWait(1, -1)
		l.check(err)
	}
	l.event.Awake()
	if !disk {
		l.polling = time.Since(since) < pollTime
	}
}

// ready tells whether a turn has something to do, at the price of a look at memory.
func (l *loop) ready() bool {
	return l.ring.CQReady() > 0 || l.ring.Pending() || l.inbox.filled.Load() || len(l.desk.dirty) > 0
}

// reap handles the completions that are ready. The receive buffers go back to the kernel
// before anything is submitted that could want one.
func (l *loop) reap() {
	l.ring.AdvanceCQ(l.ring.ForEachCQE(l.onCQE))
	l.bufs.Limit(l.buffers())
	l.bufs.Advance()
	for i, c := range l.starved {
		c.receive()
		l.starved[i] = nil
	}
	l.starved = l.starved[:0]
}

// buffers is how many buffers the next turn may receive into: one while many answers wait for peers that do not read, as
// what such a peer has sent is kept once it is received.
func (l *loop) buffers() int {
	if l.tr.queued.Load() > int64(l.tr.opts.MaxPendingTotal)/2 {
		return 1
	}
	return max(recvBuffers, wholeRecvBuffers)
}

// complete handles one completion.
func (l *loop) complete(cqe *ring.CQE) {
	kind, gen, index := opKind(cqe.UserData>>56), uint32(cqe.UserData>>32)&genMask, uint32(cqe.UserData)
	switch kind {
	case opWake:
		l.waking = false
		if !l.stopping {
			l.armWake()
		}
		return
	case opAccept:
		l.accepted(l.accepts[index], cqe)
		return
	case opOther:
		l.operated(index, cqe.Res)
		return
	case opIgnore:
		return
	}
	s := &l.slots[index]
	if s.conn == nil || s.gen&genMask != gen {
		// A slot is given up after its last completion.
		invariant.Failed("completion of kind %d for slot %d, which is free", kind, index)
	}
	switch kind {
	case opRecv:
		s.conn.received(cqe)
	case opSend:
		s.conn.sent(cqe)
	case opCancel:
		s.conn.cancelled()
	}
}

// A turn sends about turnBytes in large pieces, and the small ones before them: larger answers than smallBytes, of pulls, leave in
// turns of their own, so that who sends does not wait for all that others read.
const (
	turnBytes  = 512 << 10
	smallBytes = 4 << 10
)

// flush starts the sends of the turn, which the kernel carries out one after the other. What is left for the next one stays in
// the list of the dirty, in order.
func (l *loop) flush() {
	d := &l.desk
	large := 0
	for i := 0; i < len(d.dirty); i++ { // it may grow
		if l.dirtyConn(i).unsent() > smallBytes {
			d.dirty[large] = d.dirty[i]
			large++
			continue
		}
		l.dirtyConn(i).flush()
	}
	clear(d.dirty[large:])
	d.dirty = d.dirty[:large]
	done := 0
	for left := turnBytes; done < large && left > 0; done++ {
		c := l.dirtyConn(done)
		left -= c.unsent()
		c.flush()
	}
	later := append(d.dirty[:0], d.dirty[done:]...)
	clear(d.dirty[len(later):])
	d.dirty = later
}

// dirtyConn is the i-th connection that has something to send.
func (l *loop) dirtyConn(i int) *ringConn { return l.desk.dirty[i].link.(*ringConn) }

func (l *loop) submit() {
	_, err := l.ring.Submit()
	l.check(err)
}

// check judges an error of io_uring_enter. EBUSY and EAGAIN pass when completions are reaped
// and memory is there again. Every other one means that the ring is not what we think.
func (l *loop) check(err error) {
	if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EAGAIN) {
		invariant.Failed("ring loop: %v", err)
	}
}

// sqe returns an empty SQE with user data set.
func (l *loop) sqe(kind opKind, gen, index uint32) *ring.SQE {
	s := l.ring.GetSQE()
	for s == nil {
		l.submit()
		s = l.ring.GetSQE()
	}
	s.UserData = userData(kind, gen, index)
	return s
}

func (l *loop) armWake() {
	l.event.PrepareRead(l.sqe(opWake, 0, 0))
	l.waking = true
}

// stop ends the loop, which has no connections and listeners any more, and waits for its end.
func (l *loop) stop() {
	l.do(func(l *loop) { l.stopping = true })
	<-l.stopped
}

// teardown frees everything. What is in flight is the read of the event, and operations of handlers.
func (l *loop) teardown() {
	l.inbox.mu.Lock()
	l.inbox.closed = true
	l.inbox.mu.Unlock()
	l.drain() // tasks that were promised to be done
	l.sqe(opIgnore, 0, 0).PrepareCancel(userData(opWake, 0, 0), false)
	for l.waking || l.operations.count > 0 {
		_, err := l.ring.SubmitAndWait(1, -1)
		l.check(err)
		l.reap()
	}
	for _, err := range []error{l.bufs.Close(), l.ring.Close(), l.event.Close()} {
		if err != nil {
			l.tr.opts.Log.Error("ring loop did not end cleanly", "error", err)
		}
	}
}
