package ring

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Probe tells whether this kernel and sandbox do what this package offers; if not, the error
// says why and how to allow it. The answer is found once, by doing it: set a ring up, ask for
// the operations, and send a few bytes through a multishot receive with provided buffers.
func Probe() error { return probed() }

var probed = sync.OnceValue(func() error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		done <- try()
	}()
	return explain(<-done)
})

func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES):
		return fmt.Errorf("%w: forbidden here, by seccomp (containers) or sysctl kernel.io_uring_disabled", err)
	case errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("%w: this kernel has no io_uring, or the sandbox hides it", err)
	case errors.Is(err, unix.EINVAL):
		return fmt.Errorf("%w: the kernel is too old, Linux 6.1 is needed", err)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%w: raise the limit of locked memory (ulimit -l)", err)
	}
	return err
}

func try() error {
	r, err := Setup(8, 16)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := r.probeOps(); err != nil {
		return err
	}
	return r.probeRecv()
}

func (r *Ring) probeOps() error {
	var p probe
	if err := r.register(registerProbe, unsafe.Pointer(&p), uintptr(len(p.ops))); err != nil {
		return fmt.Errorf("probe io_uring's operations: %w", err)
	}
	for _, op := range []uint8{opNop, opWritev, opFsync, opSendmsg, opTimeout, opAccept, opAsyncCancel,
		opFallocate, opClose, opRead, opWrite, opSend, opRecv, opShutdown} {
		if p.ops[op].flags&probeOpSupported == 0 {
			return fmt.Errorf("io_uring lacks operation %d: %w", op, unix.EINVAL)
		}
	}
	return nil
}

// probeRecv receives twice with one multishot receive.
func (r *Ring) probeRecv() error {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("socketpair: %w", err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	bufs, err := r.SetupBufRing(0, 2, 64)
	if err != nil {
		return err
	}
	defer bufs.Close()
	r.GetSQE().PrepareRecvMultishot(pair[0], 0)
	for range 2 {
		if _, err := unix.Write(pair[1], []byte("ring")); err != nil {
			return fmt.Errorf("write to a socketpair: %w", err)
		}
		if _, err := r.SubmitAndWait(1, time.Second); err != nil {
			return err
		}
		var got CQE
		r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) { got = *cqe }))
		if got.Res < 0 {
			return fmt.Errorf("multishot receive: %w", unix.Errno(-got.Res))
		}
		if got.Res != 4 || !got.More() || string(bufs.Bytes(got.BufferID(), 4)) != "ring" {
			return fmt.Errorf("multishot receive is not what it should be (res %d, flags %#x)", got.Res, got.Flags)
		}
	}
	return nil
}
