package ring

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestFileOperations(t *testing.T) {
	r := newRing(t, 8, 16)
	f := tempFile(t)
	fd := int(f.Fd())

	r.sqe(t, 1).PrepareFallocate(fd, 0, 0, 1<<20)
	require.Zero(t, r.do(t))
	st, err := f.Stat()
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, st.Size())

	r.sqe(t, 1).PrepareWrite(fd, []byte("hello world"), 100, 0)
	require.EqualValues(t, 11, r.do(t))
	r.sqe(t, 1).PrepareWrite(fd, []byte("HELLO"), 100, unix.RWF_DSYNC)
	require.EqualValues(t, 5, r.do(t))

	a, b := []byte("vectored "), []byte("write")
	iov := []unix.Iovec{{Base: &a[0], Len: uint64(len(a))}, {Base: &b[0], Len: uint64(len(b))}}
	r.sqe(t, 1).PrepareWritev(fd, iov, 4096, unix.RWF_DSYNC)
	require.EqualValues(t, len(a)+len(b), r.do(t))

	got := make([]byte, 11)
	r.sqe(t, 1).PrepareRead(fd, got, 100)
	require.EqualValues(t, 11, r.do(t))
	require.Equal(t, "HELLO world", string(got))
	got = make([]byte, 14)
	_, err = f.ReadAt(got, 4096)
	require.NoError(t, err)
	require.Equal(t, "vectored write", string(got))

	for _, datasync := range []bool{true, false} {
		r.sqe(t, 1).PrepareFsync(fd, datasync)
		require.Zero(t, r.do(t))
	}
}

// TestFileErrors: what the device refuses comes back as its errno, and the next operation,
// whose SQE may be the same memory, is not infected.
func TestFileErrors(t *testing.T) {
	r := newRing(t, 1, 4)
	f := tempFile(t)
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	require.NoError(t, err)
	defer full.Close()

	r.sqe(t, 1).PrepareWrite(int(full.Fd()), []byte("x"), 0, 0)
	require.Equal(t, errno(unix.ENOSPC), r.do(t))
	r.sqe(t, 1).PrepareWrite(-1, []byte("x"), 0, unix.RWF_DSYNC)
	require.Equal(t, errno(unix.EBADF), r.do(t))
	r.sqe(t, 1).PrepareWrite(int(f.Fd()), []byte("x"), 0, 1<<30)
	require.Equal(t, errno(unix.EOPNOTSUPP), r.do(t))
	r.sqe(t, 1).PrepareWrite(int(f.Fd()), []byte("x"), 0, 0)
	require.EqualValues(t, 1, r.do(t))
}

// TestSQEsAreZeroed uses every field of an SQE and looks at its next use.
func TestSQEsAreZeroed(t *testing.T) {
	r := newRing(t, 1, 4)
	f := tempFile(t)
	a, b := pair(t)
	for range 3 {
		s := r.sqe(t, 1)
		s.PrepareSend(a, []byte("x"), unix.MSG_NOSIGNAL|unix.MSG_WAITALL)
		s.Flags, s.BufGroup, s.IoPrio = 0, 0, 0
		require.EqualValues(t, 1, r.do(t))
		r.sqe(t, 1).PrepareRecvMultishot(b, 9) // no such group
		require.Equal(t, errno(unix.ENOBUFS), r.do(t))
		s = r.sqe(t, 1)
		require.Equal(t, SQE{UserData: 1}, *s)
		s.PrepareWrite(int(f.Fd()), []byte("x"), 0, 0)
		require.EqualValues(t, 1, r.do(t))
	}
}

func TestSendAndShutdown(t *testing.T) {
	r := newRing(t, 8, 16)
	a, b := pair(t)
	r.sqe(t, 1).PrepareSend(a, []byte("one "), unix.MSG_NOSIGNAL)
	require.EqualValues(t, 4, r.do(t))

	x, y := []byte("two "), []byte("three")
	iov := []unix.Iovec{{Base: &x[0], Len: 4}, {Base: &y[0], Len: 5}}
	r.sqe(t, 1).PrepareSendmsg(a, &unix.Msghdr{Iov: &iov[0], Iovlen: 2}, unix.MSG_NOSIGNAL)
	require.EqualValues(t, 9, r.do(t))

	r.sqe(t, 1).PrepareShutdown(a, unix.SHUT_WR)
	require.Zero(t, r.do(t))
	got := make([]byte, 100)
	n, err := unix.Read(b, got)
	require.NoError(t, err)
	require.Equal(t, "one two three", string(got[:n]))
	n, err = unix.Read(b, got)
	require.NoError(t, err)
	require.Zero(t, n)

	r.sqe(t, 1).PrepareSend(a, []byte("x"), unix.MSG_NOSIGNAL)
	require.Equal(t, errno(unix.EPIPE), r.do(t))
}

func TestClose(t *testing.T) {
	r := newRing(t, 8, 16)
	fd, err := unix.Open("/dev/null", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	require.NoError(t, err)
	r.sqe(t, 1).PrepareClose(fd)
	require.Zero(t, r.do(t))
	require.Equal(t, unix.EBADF, unix.Close(fd))
}

func TestTimeout(t *testing.T) {
	r := newRing(t, 8, 16)
	r.sqe(t, 1).PrepareTimeout(&Timespec{Nsec: int64(20 * time.Millisecond)}, 0)
	start := time.Now()
	require.Equal(t, errno(unix.ETIME), r.do(t))
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)

	// One that ends with the first other completion.
	r.sqe(t, 1).PrepareTimeout(&Timespec{Sec: 60}, 1)
	r.sqe(t, 2).PrepareNop()
	for _, cqe := range r.wait(t, 2) {
		require.Zero(t, cqe.Res)
	}
}

func TestCancel(t *testing.T) {
	r := newRing(t, 8, 64)
	bufs, err := r.SetupBufRing(0, 2, 16)
	require.NoError(t, err)
	defer bufs.Close()
	a, _ := pair(t)

	r.sqe(t, 5).PrepareCancel(1, false)
	require.Equal(t, errno(unix.ENOENT), r.do(t))

	r.sqe(t, 1).PrepareRecvMultishot(a, 0)
	r.sqe(t, 2).PrepareCancel(1, false)
	results := map[uint64]int32{}
	for _, cqe := range r.wait(t, 2) {
		results[cqe.UserData] = cqe.Res
	}
	require.Equal(t, map[uint64]int32{1: errno(unix.ECANCELED), 2: 0}, results)

	for range 3 {
		r.sqe(t, 1).PrepareTimeout(&Timespec{Sec: 60}, 0)
	}
	r.sqe(t, 2).PrepareCancel(1, true)
	counts := map[int32]int{}
	for _, cqe := range r.wait(t, 4) {
		counts[cqe.Res]++
	}
	require.Equal(t, map[int32]int{errno(unix.ECANCELED): 3, 3: 1}, counts)
}

func TestLinkedOperations(t *testing.T) {
	r := newRing(t, 8, 16)
	f := tempFile(t)
	s := r.sqe(t, 1)
	s.PrepareWrite(int(f.Fd()), []byte("first"), 0, 0)
	s.Flags |= SQEIOLink
	r.sqe(t, 2).PrepareFsync(int(f.Fd()), true)
	cqes := r.wait(t, 2)
	require.EqualValues(t, 1, cqes[0].UserData)
	require.EqualValues(t, 5, cqes[0].Res)
	require.Zero(t, cqes[1].Res)

	s = r.sqe(t, 1)
	s.PrepareWrite(-1, []byte("fails"), 0, 0)
	s.Flags |= SQEIOLink
	r.sqe(t, 2).PrepareFsync(int(f.Fd()), true)
	results := map[uint64]int32{}
	for _, cqe := range r.wait(t, 2) {
		results[cqe.UserData] = cqe.Res
	}
	require.Equal(t, map[uint64]int32{1: errno(unix.EBADF), 2: errno(unix.ECANCELED)}, results)
}

func TestSkipSuccess(t *testing.T) {
	r := newRing(t, 8, 16)
	a, b := pair(t)
	s := r.sqe(t, 1)
	s.PrepareSend(a, []byte("quiet"), 0)
	s.Flags |= SQECQESkipSuccess
	_, err := r.Submit()
	require.NoError(t, err)
	require.Zero(t, r.CQReady())
	require.NoError(t, unix.Close(b))
	s = r.sqe(t, 2)
	s.PrepareSend(a, []byte("fails"), unix.MSG_NOSIGNAL)
	s.Flags |= SQECQESkipSuccess
	require.Equal(t, errno(unix.EPIPE), r.do(t))
}

// TestBuffersLiveOnTheHeap gives the kernel memory that would lie on the stack otherwise, and
// moves the stack while the operation is in flight.
func TestBuffersLiveOnTheHeap(t *testing.T) {
	r := newRing(t, 8, 16)
	a, b := pair(t)
	var buf [16]byte
	r.sqe(t, 1).PrepareRead(a, buf[:], ^uint64(0))
	_, err := r.Submit()
	require.NoError(t, err)
	grow(1000)
	_, err = unix.Write(b, []byte("sixteen bytes ok"))
	require.NoError(t, err)
	require.EqualValues(t, 16, r.do(t))
	require.Equal(t, "sixteen bytes ok", string(buf[:]))
}

func grow(n int) byte {
	var frame [256]byte
	frame[n%256] = 1
	if n == 0 {
		return frame[0]
	}
	return grow(n-1) + frame[1]
}
