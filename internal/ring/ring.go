package ring

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Ring is one io_uring instance. All methods belong to the thread that called Setup.
type Ring struct {
	fd       int
	features uint32
	queues   []byte // mapping of both queues
	sqeMem   []byte // mapping of the SQEs

	sqHead  *uint32 // written by the kernel
	sqTail  *uint32 // written by us
	sqFlags *uint32 // written by the kernel
	sqes    []SQE
	sqMask  uint32
	next    uint32 // tail of the SQEs given out; sqTail follows in Submit

	cqHead *uint32 // written by us
	cqTail *uint32 // written by the kernel
	cqes   []CQE
	cqMask uint32

	// Arguments of a waiting enter, here so that no call allocates.
	ts  Timespec
	arg geteventsArg

	nextYield time.Time // when the owner lets Go's scheduler run
}

const flags = setupCQSize | setupClamp | setupSubmitAll |
	setupCoopTaskrun | setupTaskrunFlag | setupSingleIssuer | setupDeferTaskrun

// Setup makes a ring with room for entries SQEs and cqEntries CQEs, both rounded up to powers
// of two. The calling goroutine must be locked to its thread.
func Setup(entries, cqEntries uint32) (*Ring, error) {
	p := params{flags: flags, cqEntries: cqEntries}
	fd, _, errno := unix.Syscall(unix.SYS_IO_URING_SETUP, uintptr(entries), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("io_uring_setup: %w", errno)
	}
	r := &Ring{fd: int(fd), features: p.features}
	const need = featSingleMmap | featNoDrop | featSubmitStable | featExtArg
	if p.features&need != need {
		_ = unix.Close(r.fd)
		return nil, fmt.Errorf("io_uring of this kernel lacks features (has %#x, needs %#x)", p.features, uint32(need))
	}
	if err := r.mmap(&p); err != nil {
		_ = r.Close()
		return nil, err
	}
	return r, nil
}

// mmap maps the queues where the kernel says they are.
func (r *Ring) mmap(p *params) (err error) {
	size := max(p.sqOff.array+p.sqEntries*4, p.cqOff.cqes+p.cqEntries*uint32(unsafe.Sizeof(CQE{})))
	const prot, how = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_SHARED | unix.MAP_POPULATE
	if r.queues, err = unix.Mmap(r.fd, offSQRing, int(size), prot, how); err != nil {
		return fmt.Errorf("io_uring: map the queues: %w", err)
	}
	r.sqeMem, err = unix.Mmap(r.fd, offSQEs, int(p.sqEntries)*int(unsafe.Sizeof(SQE{})), prot, how)
	if err != nil {
		return fmt.Errorf("io_uring: map the SQEs: %w", err)
	}
	at := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.queues[off])) }

	r.sqHead, r.sqTail, r.sqFlags = at(p.sqOff.head), at(p.sqOff.tail), at(p.sqOff.flags)
	r.sqMask = *at(p.sqOff.ringMask)
	r.sqes = unsafe.Slice((*SQE)(unsafe.Pointer(&r.sqeMem[0])), p.sqEntries)
	// The queue proper is an array of indices into the SQEs; ours is the identity for good.
	for i, array := uint32(0), unsafe.Slice(at(p.sqOff.array), p.sqEntries); i < p.sqEntries; i++ {
		array[i] = i
	}
	r.next = *r.sqTail

	r.cqHead, r.cqTail = at(p.cqOff.head), at(p.cqOff.tail)
	r.cqMask = *at(p.cqOff.ringMask)
	r.cqes = unsafe.Slice((*CQE)(unsafe.Pointer(&r.queues[p.cqOff.cqes])), p.cqEntries)
	return nil
}

// Close ends the ring; the kernel cancels what is in flight. Memory of operations that were
// not seen to complete may still be written to for a moment, so drain the ring before.
func (r *Ring) Close() error {
	err := unix.Close(r.fd)
	for _, m := range [][]byte{r.queues, r.sqeMem} {
		if m != nil {
			if merr := unix.Munmap(m); err == nil {
				err = merr
			}
		}
	}
	r.queues, r.sqeMem = nil, nil
	return err
}

// Fd is the ring's file descriptor.
func (r *Ring) Fd() int { return r.fd }

// GetSQE returns a zeroed SQE, which the next submit takes, or nil if the queue is full:
// submit then and try again.
func (r *Ring) GetSQE() *SQE {
	if r.next-atomic.LoadUint32(r.sqHead) > r.sqMask {
		return nil
	}
	sqe := &r.sqes[r.next&r.sqMask]
	*sqe = SQE{} // the last use's fields would change this one's meaning
	r.next++
	return sqe
}

// SQReady is the number of SQEs that wait for a submit.
func (r *Ring) SQReady() uint32 { return r.next - atomic.LoadUint32(r.sqHead) }

// Submit hands the SQEs to the kernel and lets it finish what it can, without waiting. It
// makes no system call when there is nothing to do. It returns the number of SQEs taken.
func (r *Ring) Submit() (int, error) {
	n := r.flush()
	if n == 0 && !r.Pending() {
		return 0, nil
	}
	// RawSyscall: this never waits, and the runtime need not find this thread's P another use.
	got, _, errno := unix.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), 0, enterGetevents, 0, 0)
	return taken(got, errno)
}

// SubmitAndWait hands the SQEs to the kernel and waits until waitNr CQEs are ready or timeout
// has passed; a negative timeout waits for ever. It may return early (a signal, and what makes
// no CQE), so the caller looks at the queue in any case.
func (r *Ring) SubmitAndWait(waitNr uint32, timeout time.Duration) (int, error) {
	n := r.flush()
	if n == 0 && waitNr > 0 {
		r.yield()
	}
	var arg, argSize uintptr
	enter := uintptr(enterGetevents)
	if timeout >= 0 {
		r.ts = Timespec{Sec: int64(timeout / time.Second), Nsec: int64(timeout % time.Second)}
		r.arg = geteventsArg{ts: uint64(uintptr(unsafe.Pointer(&r.ts)))}
		arg, argSize = uintptr(unsafe.Pointer(&r.arg)), unsafe.Sizeof(r.arg)
		enter |= enterExtArg
	}
	got, _, errno := unix.Syscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), uintptr(waitNr), enter, arg, argSize)
	return taken(got, errno)
}

// yieldEvery is shorter than the 10 ms that Go's monitor lets a goroutine run. Where a yield takes long, as every processor has work,
// it is not more than a part in yieldShare of the time.
const (
	yieldEvery = 8 * time.Millisecond
	yieldShare = 100
)

// yield lets Go's scheduler start the owner's goroutine anew before it waits. A goroutine that was not started for 10 ms is
// one to be preempted, and one that waits in the kernel as well is taken its processor away 20 µs later: by a monitor that had to
// be woken for it, at every wait, as a locked thread in a loop is never started anew. In a loop that waits 200 µs at a time a
// wait takes 31 µs of processor time with this and 55 without (BenchmarkWait).
func (r *Ring) yield() {
	now := time.Now()
	if now.Before(r.nextYield) {
		return
	}
	runtime.Gosched()
	r.nextYield = now.Add(max(yieldEvery, yieldShare*time.Since(now)))
}

func taken(n uintptr, errno unix.Errno) (int, error) {
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR, unix.ETIME:
		return 0, nil
	}
	return 0, fmt.Errorf("io_uring_enter: %w", errno)
}

// flush publishes the SQEs given out and returns how many the kernel has not taken yet.
func (r *Ring) flush() uint32 {
	atomic.StoreUint32(r.sqTail, r.next)
	return r.SQReady()
}

// Pending tells whether the kernel has something to finish in the owner's next submit. It is
// a look at shared memory, so it is what a polling owner spins on, together with CQReady.
func (r *Ring) Pending() bool {
	return atomic.LoadUint32(r.sqFlags)&(sqCQOverflow|sqTaskrun) != 0
}

// CQReady is the number of CQEs that can be read.
func (r *Ring) CQReady() uint32 { return atomic.LoadUint32(r.cqTail) - *r.cqHead }

// CQSpace is the size of the completion queue. More completions than that are kept by the
// kernel (at a price) and come with the next submits.
func (r *Ring) CQSpace() uint32 { return r.cqMask + 1 }

// ForEachCQE calls fn for each CQE that is ready and returns their number, which the owner
// hands to AdvanceCQ when it is done with them. fn may get SQEs but not submit.
func (r *Ring) ForEachCQE(fn func(cqe *CQE)) (n uint32) {
	head := *r.cqHead
	tail := atomic.LoadUint32(r.cqTail)
	for i := head; i != tail; i++ {
		fn(&r.cqes[i&r.cqMask])
	}
	return tail - head
}

// AdvanceCQ gives the n oldest CQEs back to the kernel.
func (r *Ring) AdvanceCQ(n uint32) { atomic.StoreUint32(r.cqHead, *r.cqHead+n) }
