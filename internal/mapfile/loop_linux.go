package mapfile

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"ringmq/internal/invariant"
	"ringmq/internal/ring"
)

// Loop carries out the requests of the files of one or more directories: on a thread of its own
// with a ring, or, where the kernel does not allow one, with plain calls on goroutines.
//
//	Submit (any goroutine) ──► inbox ──► ring ──► Completed (on the loop's thread)
//
// Its ring, and what is in flight on it, belong to the thread.
type Loop struct {
	why  string // why it has the path it has
	ring *ring.Ring

	event  *ring.Event
	waking bool // the read of event is in flight

	flying []ring.Operation // by user data; nil: free
	free   []uint32         // indices of flying
	taken  []ring.Operation // from the inbox, on their way to the ring
	ending bool             // nothing comes any more
	onCQE  func(*ring.CQE)

	mu     sync.Mutex
	inbox  []ring.Operation // under mu
	closed bool             // under mu: nothing new is submitted
	filled atomic.Bool      // the inbox has something, or closed is set

	plain chan struct{} // tokens of the goroutines of the plain path
	done  sync.WaitGroup
}

const (
	// loopEntries operations are in flight at once; others wait in the inbox.
	loopEntries = 64
	// wakeData is the user data of the event's read.
	wakeData = loopEntries
	// cancelData is that of its cancellation.
	cancelData = loopEntries + 1
)

// StartLoop starts a loop. ringIO is auto (a ring if the kernel allows it), on (fail without) or
// off (plain calls).
func StartLoop(ringIO string) (*Loop, error) {
	l := &Loop{why: "ringIO=" + ringIO, plain: make(chan struct{}, loopEntries)}
	switch ringIO {
	case "off":
		return l, nil
	case "auto", "on":
	default:
		return nil, fmt.Errorf("ringIO is %q; it must be auto, on or off", ringIO)
	}
	err := ring.Probe()
	if err == nil {
		err = l.start()
	}
	switch {
	case err == nil:
	case ringIO == "on":
		return nil, fmt.Errorf("ringIO=on: %w; ringIO=auto would store without io_uring", err)
	default:
		l.why = err.Error()
	}
	return l, nil
}

// Path tells how requests are carried out, "io_uring" or "calls", and why.
func (l *Loop) Path() (path, why string) {
	if l.ring != nil {
		return "io_uring", l.why
	}
	return "calls", l.why
}

// start starts the thread and waits until its ring is set up.
func (l *Loop) start() error {
	l.flying = make([]ring.Operation, loopEntries)
	for i := range l.flying {
		l.free = append(l.free, uint32(i))
	}
	l.onCQE = l.complete
	ready := make(chan error)
	l.done.Go(func() {
		// Never unlocked: the thread ends with the loop.
		runtime.LockOSThread()
		r, event, err := setup()
		l.ring, l.event = r, event
		ready <- err
		if err == nil {
			l.run()
		}
	})
	return <-ready
}

func setup() (*ring.Ring, *ring.Event, error) {
	r, err := ring.Setup(loopEntries, 2*loopEntries)
	if err != nil {
		return nil, nil, err
	}
	event, err := ring.NewEvent()
	if err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, event, nil
}

// Submit implements [ring.Submitter]. From any goroutine, those that run Completed too. The
// loop must not be closed.
func (l *Loop) Submit(op ring.Operation) {
	if l.ring == nil {
		l.done.Go(func() {
			l.plain <- struct{}{}
			defer func() { <-l.plain }()
			op.(*Request).carryOut()
		})
		return
	}
	l.mu.Lock()
	l.inbox = append(l.inbox, op)
	l.filled.Store(true)
	l.mu.Unlock()
	l.event.Wake()
}

// Close ends the loop when what was submitted is completed.
func (l *Loop) Close() {
	l.mu.Lock()
	l.closed = true
	l.filled.Store(true)
	l.mu.Unlock()
	if l.ring != nil {
		l.event.Wake()
	}
	l.done.Wait()
}

func (l *Loop) run() {
	l.armWake()
	for l.take(); !l.ending || l.filled.Load() || len(l.free) < len(l.flying); l.take() {
		wait := uint32(1)
		l.event.Sleep()
		if l.filled.Load() && len(l.free) > 0 {
			wait = 0
		}
		l.enter(wait)
		l.event.Awake()
	}
	l.teardown()
}

func (l *Loop) armWake() {
	l.event.PrepareRead(l.sqe(wakeData))
	l.waking = true
}

// take hands what is in the inbox to the ring, as far as there is room.
func (l *Loop) take() {
	if len(l.free) == 0 || !l.filled.Load() {
		return
	}
	l.mu.Lock()
	n := min(len(l.inbox), len(l.free))
	l.taken = append(l.taken[:0], l.inbox[:n]...)
	rest := copy(l.inbox, l.inbox[n:])
	clear(l.inbox[rest:])
	l.inbox = l.inbox[:rest]
	l.ending = l.closed
	l.filled.Store(rest > 0)
	l.mu.Unlock()
	for i, op := range l.taken {
		last := len(l.free) - 1
		index := l.free[last]
		l.free = l.free[:last]
		l.flying[index] = op
		op.Prepare(l.sqe(uint64(index)))
		l.taken[i] = nil
	}
}

func (l *Loop) sqe(data uint64) *ring.SQE {
	s := l.ring.GetSQE()
	for s == nil {
		l.enter(0)
		s = l.ring.GetSQE()
	}
	s.UserData = data
	return s
}

// enter submits, waits for n completions and handles what has completed.
func (l *Loop) enter(n uint32) {
	_, err := l.ring.SubmitAndWait(n, -1)
	if err != nil && !errors.Is(err, unix.EBUSY) && !errors.Is(err, unix.EAGAIN) {
		invariant.Failed("storage ring: %v", err)
	}
	l.ring.AdvanceCQ(l.ring.ForEachCQE(l.onCQE))
}

func (l *Loop) complete(cqe *ring.CQE) {
	if cqe.UserData == wakeData {
		if l.waking = false; !l.ending {
			l.armWake()
		}
		return
	}
	if cqe.UserData == cancelData {
		return
	}
	op := l.flying[cqe.UserData]
	l.flying[cqe.UserData] = nil
	l.free = append(l.free, uint32(cqe.UserData))
	op.Completed(cqe.Res)
}

// teardown frees everything. The one operation in flight is the read of the event.
func (l *Loop) teardown() {
	l.sqe(cancelData).PrepareCancel(wakeData, false)
	for l.waking {
		l.enter(1)
	}
	if err := errors.Join(l.ring.Close(), l.event.Close()); err != nil {
		invariant.Failed("storage ring did not end cleanly: %v", err)
	}
}
