package ring

import (
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// Event lets other goroutines wake a ring's owner (eventfd). The owner keeps a read of it in
// flight: PrepareRead, and again after each of its CQEs.
//
// A burst costs one write: the owner says with Sleep that it is about to wait, and only the
// first Wake after that writes. The order is what makes no wake-up be lost:
//
//	owner: Sleep, look into the inbox, wait (or Awake, if there was something)
//	other: put into the inbox, Wake
type Event struct {
	fd     int
	buf    *[8]byte // target of the read in flight
	asleep atomic.Bool

	mu     sync.Mutex // held over the write, which cannot block, so that Close comes before or after
	closed bool       // under mu
}

// NewEvent makes an event whose owner is awake.
func NewEvent() (*Event, error) {
	// Blocking: io_uring gives up at once on descriptors that are not.
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	return &Event{fd: fd, buf: new([8]byte)}, nil
}

// PrepareRead completes when the event is woken.
func (e *Event) PrepareRead(s *SQE) { s.PrepareRead(e.fd, e.buf[:], 0) }

// Sleep tells that the owner is about to wait.
func (e *Event) Sleep() { e.asleep.Store(true) }

// Awake tells that the owner does not wait.
func (e *Event) Awake() { e.asleep.Store(false) }

// Wake wakes the owner if it sleeps. From any goroutine.
func (e *Event) Wake() {
	if !e.asleep.Load() || !e.asleep.CompareAndSwap(true, false) {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	e.mu.Lock()
	defer e.mu.Unlock()
	for !e.closed {
		if _, err := unix.Write(e.fd, one[:]); err != unix.EINTR {
			return // no other error is possible
		}
	}
}

// Close closes the descriptor; a Wake after it does nothing. The read must not be in flight.
func (e *Event) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return unix.Close(e.fd)
}
