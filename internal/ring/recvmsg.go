package ring

import (
	"encoding/binary"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Stamps receives with the time at which the kernel got the bytes, whenever their owner looks at them. Each buffer of
// the group begins with the kernel's header, a control message, and then the bytes:
//
//	│ namelen controllen payloadlen flags │ len level type │ seconds nanoseconds │ bytes …
//	  4       4          4          4       8   4     4      8       8
//
// All of it is in the machine's byte order. Several segments received together have the time of the last.
type Stamps struct{ hdr unix.Msghdr }

const (
	recvmsgOut   = 16 // struct io_uring_recvmsg_out
	stampControl = 16 + 16
)

// NewStamps is for any number of sockets that have been given to Stamp.
func NewStamps() *Stamps {
	s := &Stamps{}
	s.hdr.SetControllen(stampControl)
	return s
}

// Stamp has the kernel note the times for a socket.
func Stamp(fd int) error {
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
}

// PrepareRecv is PrepareRecvMultishot with times. At the end of the stream a CQE with no bytes and without CQEFMore comes.
func (s *Stamps) PrepareRecv(e *SQE, fd int, group uint16) {
	e.rw(opRecvmsg, fd, addr(&s.hdr), 1, 0)
	e.IoPrio = recvMultishot
	e.Flags |= SQEBufferSelect
	e.BufGroup = group
}

// Cut takes the bytes of a receive apart: what came, and when by the wall clock, as time since 1970; 0 if the kernel did not say.
func (s *Stamps) Cut(buf []byte) (data []byte, at time.Duration) {
	const control, payload = 4, 8
	if len(buf) < recvmsgOut+stampControl {
		return nil, 0
	}
	n := int(binary.NativeEndian.Uint32(buf[payload:]))
	data = buf[recvmsgOut+stampControl:]
	data = data[:min(n, len(data))]
	if binary.NativeEndian.Uint32(buf[control:]) < uint32(stampControl) {
		return data, 0
	}
	c := (*unix.Cmsghdr)(unsafe.Pointer(&buf[recvmsgOut]))
	if c.Level != unix.SOL_SOCKET || c.Type != unix.SO_TIMESTAMPNS {
		return data, 0
	}
	t := buf[recvmsgOut+16:]
	return data, time.Duration(binary.NativeEndian.Uint64(t))*time.Second + time.Duration(binary.NativeEndian.Uint64(t[8:]))
}
