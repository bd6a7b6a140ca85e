package ring

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// addr is what the kernel is told of memory p. It is a number to the garbage collector, so
// what p points to must be kept reachable elsewhere, and must not lie on a goroutine's stack,
// which moves: the assignment makes the compiler put it on the heap.
func addr[T any](p *T) uint64 {
	if escapes != nil {
		*escapes = unsafe.Pointer(p)
	}
	return uint64(uintptr(unsafe.Pointer(p)))
}

// escapes is always nil, which the compiler does not know.
var escapes *unsafe.Pointer

// PrepareNop does nothing.
func (s *SQE) PrepareNop() { s.OpCode = opNop }

// PrepareRead reads into b from offset off of a file, or from the current one with off = ^0.
func (s *SQE) PrepareRead(fd int, b []byte, off uint64) {
	s.rw(opRead, fd, addr(unsafe.SliceData(b)), len(b), off)
}

// PrepareWrite writes b at offset off. rwFlags are pwritev2's (RWF_DSYNC…), or 0.
func (s *SQE) PrepareWrite(fd int, b []byte, off uint64, rwFlags uint32) {
	s.rw(opWrite, fd, addr(unsafe.SliceData(b)), len(b), off)
	s.OpFlags = rwFlags
}

// PrepareWritev writes the pieces at offset off. rwFlags are pwritev2's, or 0.
func (s *SQE) PrepareWritev(fd int, iov []unix.Iovec, off uint64, rwFlags uint32) {
	s.rw(opWritev, fd, addr(unsafe.SliceData(iov)), len(iov), off)
	s.OpFlags = rwFlags
}

// PrepareFsync makes a file's data durable, and with datasync no more of its attributes than
// needed to read them.
func (s *SQE) PrepareFsync(fd int, datasync bool) {
	s.rw(opFsync, fd, 0, 0, 0)
	if datasync {
		s.OpFlags = fsyncDatasync
	}
}

// PrepareFallocate is fallocate(2).
func (s *SQE) PrepareFallocate(fd int, mode uint32, off, size uint64) {
	s.rw(opFallocate, fd, size, int(mode), off)
}

// PrepareMultishotAccept accepts until it is cancelled or fails; each CQE's Res is a new
// descriptor. acceptFlags are accept4's (SOCK_CLOEXEC…). The listener must be a blocking one.
func (s *SQE) PrepareMultishotAccept(fd int, acceptFlags uint32) {
	s.rw(opAccept, fd, 0, 0, 0)
	s.IoPrio = acceptMultishot
	s.OpFlags = acceptFlags
}

// PrepareRecvMultishot receives until it is cancelled or fails, each time into a buffer of
// the group. At the end of the stream a CQE with Res 0 comes; when the group is out of buffers
// the operation ends with ENOBUFS.
func (s *SQE) PrepareRecvMultishot(fd int, group uint16) {
	s.rw(opRecv, fd, 0, 0, 0)
	s.IoPrio = recvMultishot
	s.Flags |= SQEBufferSelect
	s.BufGroup = group
}

// PrepareSend sends b. msgFlags are send's; with MSG_WAITALL the kernel goes on after a short
// send, which can still happen.
func (s *SQE) PrepareSend(fd int, b []byte, msgFlags uint32) {
	s.rw(opSend, fd, addr(unsafe.SliceData(b)), len(b), 0)
	s.OpFlags = msgFlags
}

// PrepareSendmsg sends what m describes.
func (s *SQE) PrepareSendmsg(fd int, m *unix.Msghdr, msgFlags uint32) {
	s.rw(opSendmsg, fd, addr(m), 1, 0)
	s.OpFlags = msgFlags
}

// PrepareTimeout completes with -ETIME after ts, or with 0 after count other completions if
// count is not 0.
func (s *SQE) PrepareTimeout(ts *Timespec, count uint32) {
	s.rw(opTimeout, -1, addr(ts), 1, uint64(count))
}

// PrepareCancel cancels the first operation with this UserData (Res 0), or all of them (Res is
// their number). Res is -ENOENT if there is none, -EALREADY if it is past cancelling. What is
// cancelled completes with -ECANCELED.
func (s *SQE) PrepareCancel(userData uint64, all bool) {
	s.rw(opAsyncCancel, -1, userData, 0, 0)
	if all {
		s.OpFlags = cancelAll
	}
}

// PrepareClose closes a descriptor.
func (s *SQE) PrepareClose(fd int) { s.rw(opClose, fd, 0, 0, 0) }

// PrepareShutdown is shutdown(2).
func (s *SQE) PrepareShutdown(fd, how int) { s.rw(opShutdown, fd, 0, how, 0) }

func (s *SQE) rw(op uint8, fd int, addr uint64, n int, off uint64) {
	s.OpCode = op
	s.Fd = int32(fd)
	s.Addr = addr
	s.Len = uint32(n)
	s.Off = off
}
