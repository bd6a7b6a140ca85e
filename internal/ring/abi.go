package ring

import "unsafe"

// SQE is one operation to do. Get one from [Ring.GetSQE] and fill it with a Prepare method.
type SQE struct {
	OpCode   uint8
	Flags    uint8 // IOSQE_…
	IoPrio   uint16
	Fd       int32
	Off      uint64
	Addr     uint64
	Len      uint32
	OpFlags  uint32
	UserData uint64 // comes back in the CQE
	BufGroup uint16
	_        uint16
	SpliceFd int32
	_        [2]uint64
}

// CQE is the result of an operation, or one of several of a multishot operation.
type CQE struct {
	UserData uint64
	Res      int32 // what the system call would return, or a negative errno
	Flags    uint32
}

// The kernel's layout: linux/io_uring.h.
const (
	_ = uint(unsafe.Sizeof(SQE{}) - 64)
	_ = uint(64 - unsafe.Sizeof(SQE{}))
	_ = uint(unsafe.Sizeof(CQE{}) - 16)
	_ = uint(16 - unsafe.Sizeof(CQE{}))
	_ = uint(unsafe.Sizeof(params{}) - 120)
	_ = uint(120 - unsafe.Sizeof(params{}))
	_ = uint(unsafe.Sizeof(bufReg{}) - 40)
	_ = uint(40 - unsafe.Sizeof(bufReg{}))
)

// Flags of an SQE.
const (
	SQEIOLink         uint8 = 1 << 2 // the next SQE starts when this one succeeded
	SQEBufferSelect   uint8 = 1 << 5 // the kernel takes a buffer of BufGroup
	SQECQESkipSuccess uint8 = 1 << 6 // no CQE on success
)

// Flags of a CQE.
const (
	CQEFBuffer       uint32 = 1 << 0 // BufferID is valid
	CQEFMore         uint32 = 1 << 1 // the multishot operation goes on
	CQEFSockNonempty uint32 = 1 << 2 // more bytes wait in the socket
	CQEFBufMore      uint32 = 1 << 4 // the kernel goes on with the rest of the buffer

	cqeBufferShift = 16
)

// BufferID is the provided buffer that holds the bytes of a receive with CQEFBuffer.
func (c *CQE) BufferID() uint16 { return uint16(c.Flags >> cqeBufferShift) }

// More tells whether a multishot operation goes on; without it the operation is over.
func (c *CQE) More() bool { return c.Flags&CQEFMore != 0 }

const (
	opNop         = 0
	opWritev      = 2
	opFsync       = 3
	opSendmsg     = 9
	opRecvmsg     = 10
	opTimeout     = 11
	opAccept      = 13
	opAsyncCancel = 14
	opFallocate   = 17
	opClose       = 19
	opRead        = 22
	opWrite       = 23
	opSend        = 26
	opRecv        = 27
	opShutdown    = 34
	opLast        = 35 // one past the highest in use
)

const (
	fsyncDatasync   = 1 << 0
	recvMultishot   = 1 << 1
	acceptMultishot = 1 << 0
	cancelAll       = 1 << 0
)

const (
	setupCQSize       = 1 << 3
	setupClamp        = 1 << 4
	setupSubmitAll    = 1 << 7
	setupCoopTaskrun  = 1 << 8
	setupTaskrunFlag  = 1 << 9
	setupSingleIssuer = 1 << 12
	setupDeferTaskrun = 1 << 13

	enterGetevents = 1 << 0
	enterExtArg    = 1 << 3

	featSingleMmap   = 1 << 0
	featNoDrop       = 1 << 1
	featSubmitStable = 1 << 2
	featExtArg       = 1 << 8

	sqCQOverflow = 1 << 1
	sqTaskrun    = 1 << 2

	offSQRing = 0
	offSQEs   = 0x10000000

	registerProbe      = 8
	registerPbufRing   = 22
	unregisterPbufRing = 23

	probeOpSupported = 1 << 0
)

// params is struct io_uring_params.
type params struct {
	sqEntries    uint32
	cqEntries    uint32
	flags        uint32
	sqThreadCPU  uint32
	sqThreadIdle uint32
	features     uint32
	wqFd         uint32
	_            [3]uint32
	sqOff        sqOffsets
	cqOff        cqOffsets
}

type sqOffsets struct {
	head, tail, ringMask, ringEntries, flags, dropped, array uint32
	_                                                        uint32
	_                                                        uint64
}

type cqOffsets struct {
	head, tail, ringMask, ringEntries, overflow, cqes, flags uint32
	_                                                        uint32
	_                                                        uint64
}

// geteventsArg is struct io_uring_getevents_arg.
type geteventsArg struct {
	sigmask   uint64
	sigmaskSz uint32
	_         uint32
	ts        uint64
}

// Timespec is struct __kernel_timespec.
type Timespec struct {
	Sec  int64
	Nsec int64
}

// bufEntry is struct io_uring_buf; the first one's last field is the ring's tail.
type bufEntry struct {
	addr uint64
	len  uint32
	bid  uint16
	tail uint16
}

// bufReg is struct io_uring_buf_reg.
type bufReg struct {
	ringAddr    uint64
	ringEntries uint32
	bgid        uint16
	flags       uint16
	_           [3]uint64
}

// bufRingInc lets receives take parts of a buffer (IOU_PBUF_RING_INC, Linux 6.12).
const bufRingInc = 2

// probe is struct io_uring_probe with room for all operations.
type probe struct {
	lastOp uint8
	opsLen uint8
	_      uint16
	_      [3]uint32
	ops    [256]struct {
		op    uint8
		_     uint8
		flags uint16
		_     uint32
	}
}
