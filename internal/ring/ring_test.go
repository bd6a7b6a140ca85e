package ring

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRing makes a ring that belongs to the test's goroutine.
func newRing(t *testing.T, entries, cqEntries uint32) *Ring {
	if err := Probe(); err != nil {
		t.Skip(err)
	}
	runtime.LockOSThread()
	r, err := Setup(entries, cqEntries)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, r.Close())
		runtime.UnlockOSThread()
	})
	return r
}

// sqe returns an SQE with user data.
func (r *Ring) sqe(t *testing.T, userData uint64) *SQE {
	s := r.GetSQE()
	require.NotNil(t, s)
	s.UserData = userData
	return s
}

// wait submits and collects n completions.
func (r *Ring) wait(t *testing.T, n int) (cqes []CQE) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for len(cqes) < n {
		require.True(t, time.Now().Before(deadline), "%d of %d completions came", len(cqes), n)
		_, err := r.SubmitAndWait(1, time.Second)
		require.NoError(t, err)
		r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) { cqes = append(cqes, *cqe) }))
	}
	require.Len(t, cqes, n)
	return cqes
}

// do runs the one operation that was prepared and returns its result.
func (r *Ring) do(t *testing.T) int32 {
	t.Helper()
	return r.wait(t, 1)[0].Res
}

func errno(e unix.Errno) int32 { return -int32(e) }

func pair(t *testing.T) (a, b int) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(fds[0]); unix.Close(fds[1]) })
	return fds[0], fds[1]
}

func tempFile(t *testing.T) *os.File {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

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

func TestMultishotAccept(t *testing.T) {
	r := newRing(t, 8, 16)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(fd, 10))
	addr, err := unix.Getsockname(fd)
	require.NoError(t, err)

	r.sqe(t, 7).PrepareMultishotAccept(fd, unix.SOCK_CLOEXEC)
	for range 3 {
		client, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		defer unix.Close(client)
		require.NoError(t, unix.Connect(client, addr))
		cqe := r.wait(t, 1)[0]
		require.Greater(t, cqe.Res, int32(0))
		require.True(t, cqe.More())
		require.NoError(t, unix.Close(int(cqe.Res)))
	}
	r.sqe(t, 8).PrepareCancel(7, false)
	byData := map[uint64]CQE{}
	for _, cqe := range r.wait(t, 2) {
		byData[cqe.UserData] = cqe
	}
	require.Zero(t, byData[8].Res)
	require.Equal(t, errno(unix.ECANCELED), byData[7].Res)
	require.Zero(t, byData[7].Flags&CQEFMore)
}

// TestMultishotRecv receives into provided buffers until they run out, gives them back and
// goes on, far beyond the 16 bits of the buffer ring's tail.
func TestMultishotRecv(t *testing.T) {
	const count, size = 4, 64
	r := newRing(t, 8, 64)
	bufs, err := r.SetupBufRing(3, count, size)
	require.NoError(t, err)
	defer func() { require.NoError(t, bufs.Close()) }()
	a, b := pair(t)

	armed := false
	var next byte
	for round := range 17_000 {
		sent := make([]byte, count*size)
		for i := range sent {
			sent[i] = next + byte(i)
		}
		n, err := unix.Write(b, sent)
		require.NoError(t, err)
		require.Len(t, sent, n)
		var got []byte
		var held []uint16
		for len(got) < len(sent) {
			if !armed {
				r.sqe(t, 1).PrepareRecvMultishot(a, 3)
				armed = true
			}
			_, err := r.SubmitAndWait(1, time.Second)
			require.NoError(t, err)
			r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) {
				armed = cqe.More()
				if cqe.Res == errno(unix.ENOBUFS) {
					return
				}
				require.Greater(t, cqe.Res, int32(0), "round %d", round)
				got = append(got, bufs.Bytes(cqe.BufferID(), int(cqe.Res))...)
				held = append(held, cqe.BufferID())
			}))
			for _, bid := range held {
				bufs.Add(bid)
			}
			held = held[:0]
			bufs.Advance()
		}
		require.Equal(t, sent, got, "round %d", round)
		next += 7
	}

	// The end of the stream.
	if !armed {
		r.sqe(t, 1).PrepareRecvMultishot(a, 3)
	}
	require.NoError(t, unix.Shutdown(b, unix.SHUT_WR))
	var last CQE
	for last = r.wait(t, 1)[0]; last.More(); last = r.wait(t, 1)[0] {
	}
	require.Zero(t, last.Res)
}

func TestBufRingWithoutBuffers(t *testing.T) {
	r := newRing(t, 8, 16)
	bufs, err := r.SetupBufRing(0, 2, 16)
	require.NoError(t, err)
	defer bufs.Close()
	a, b := pair(t)
	_, err = unix.Write(b, make([]byte, 100))
	require.NoError(t, err)
	r.sqe(t, 1).PrepareRecvMultishot(a, 0)
	got := r.wait(t, 3)
	require.EqualValues(t, 16, got[0].Res)
	require.EqualValues(t, 16, got[1].Res)
	require.NotEqual(t, got[0].BufferID(), got[1].BufferID())
	require.Equal(t, errno(unix.ENOBUFS), got[2].Res)
	require.False(t, got[2].More())
}

func TestBufRingSizes(t *testing.T) {
	r := newRing(t, 8, 16)
	for _, c := range []struct{ count, size int }{{0, 16}, {3, 16}, {1 << 16, 16}, {4, 0}} {
		_, err := r.SetupBufRing(0, c.count, c.size)
		require.ErrorContains(t, err, "power of two", c)
	}
	for group, count := range []int{1, 4096, 1 << 15} {
		bufs, err := r.SetupBufRing(uint16(group), count, 16)
		require.NoError(t, err)
		require.NoError(t, bufs.Close())
	}
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

func TestWaitTimesOut(t *testing.T) {
	r := newRing(t, 8, 16)
	start := time.Now()
	n, err := r.SubmitAndWait(1, 20*time.Millisecond)
	require.NoError(t, err)
	require.Zero(t, n)
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)
	require.Zero(t, r.CQReady())
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

// TestFullSubmissionQueue: GetSQE says nil, and a submit makes room.
func TestFullSubmissionQueue(t *testing.T) {
	r := newRing(t, 4, 64)
	for round := range uint64(5) {
		for i := range uint64(4) {
			r.sqe(t, round*4+i).PrepareNop()
		}
		require.Nil(t, r.GetSQE())
		require.EqualValues(t, 4, r.SQReady())
		n, err := r.Submit()
		require.NoError(t, err)
		require.Equal(t, 4, n)
		require.Zero(t, r.SQReady())
	}
	require.EqualValues(t, 20, r.CQReady())
	want := uint64(0)
	r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) {
		require.Equal(t, want, cqe.UserData, "order")
		want++
	}))
	n, err := r.Submit()
	require.NoError(t, err)
	require.Zero(t, n, "nothing to do")
}

// TestCompletionOverflow: completions beyond the queue are kept by the kernel, none is lost.
func TestCompletionOverflow(t *testing.T) {
	r := newRing(t, 8, 8)
	require.EqualValues(t, 8, r.CQSpace())
	const n = 8 * 20
	for i := range uint64(n) {
		r.sqe(t, i).PrepareNop()
		if r.SQReady() == 8 {
			_, err := r.Submit()
			if err != nil {
				require.ErrorIs(t, err, unix.EBUSY)
			}
			require.Zero(t, r.SQReady())
		}
	}
	require.EqualValues(t, 8, r.CQReady())
	require.True(t, r.Pending())
	seen := map[uint64]bool{}
	for _, cqe := range r.wait(t, n) {
		seen[cqe.UserData] = true
	}
	require.Len(t, seen, n)
	require.False(t, r.Pending())
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

// TestEventWakesTheOwner lets many goroutines fill an inbox while the owner sleeps whenever
// it is empty: every item is seen, or the test times out.
func TestEventWakesTheOwner(t *testing.T) {
	r := newRing(t, 8, 64)
	e, err := NewEvent()
	require.NoError(t, err)
	const producers, each = 8, 2000
	var mu sync.Mutex
	var inbox int
	var wg sync.WaitGroup
	for range producers {
		wg.Go(func() {
			for range each {
				mu.Lock()
				inbox++
				mu.Unlock()
				e.Wake()
				runtime.Gosched()
			}
		})
	}
	take := func() int {
		mu.Lock()
		defer mu.Unlock()
		n := inbox
		inbox = 0
		return n
	}
	e.PrepareRead(r.sqe(t, 1))
	deadline := time.Now().Add(30 * time.Second)
	for total := 0; total < producers*each; total += take() {
		require.True(t, time.Now().Before(deadline), "a wake-up was lost")
		e.Sleep()
		mu.Lock()
		empty := inbox == 0
		mu.Unlock()
		if empty && total < producers*each {
			_, err := r.SubmitAndWait(1, 10*time.Second)
			require.NoError(t, err)
		}
		e.Awake()
		r.AdvanceCQ(r.ForEachCQE(func(*CQE) { e.PrepareRead(r.sqe(t, 1)) }))
	}
	wg.Wait()
	r.sqe(t, 2).PrepareCancel(1, false)
	for done := false; !done; {
		require.True(t, time.Now().Before(deadline), "the read of the event does not end")
		_, err := r.SubmitAndWait(1, time.Second)
		require.NoError(t, err)
		r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) { done = done || cqe.UserData == 1 }))
	}
	require.NoError(t, e.Close())
	e.Sleep()
	e.Wake() // does nothing, to nobody's descriptor
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

func TestProbeExplains(t *testing.T) {
	cases := map[unix.Errno]string{
		unix.EPERM:  "kernel.io_uring_disabled",
		unix.ENOSYS: "no io_uring",
		unix.EINVAL: "too old",
		unix.ENOMEM: "ulimit -l",
	}
	for errno, want := range cases {
		err := explain(errno)
		require.ErrorIs(t, err, errno)
		require.ErrorContains(t, err, want)
		require.False(t, strings.Contains(err.Error(), "\n"))
	}
	require.NoError(t, explain(nil))
}

// TestLayout compares the types shared with the kernel with linux/io_uring.h.
func TestLayout(t *testing.T) {
	require.EqualValues(t, 64, unsafe.Sizeof(SQE{}))
	require.EqualValues(t, 16, unsafe.Offsetof(SQE{}.Addr))
	require.EqualValues(t, 28, unsafe.Offsetof(SQE{}.OpFlags))
	require.EqualValues(t, 32, unsafe.Offsetof(SQE{}.UserData))
	require.EqualValues(t, 40, unsafe.Offsetof(SQE{}.BufGroup))
	require.EqualValues(t, 16, unsafe.Sizeof(CQE{}))
	require.EqualValues(t, 120, unsafe.Sizeof(params{}))
	require.EqualValues(t, 16, unsafe.Sizeof(bufEntry{}))
	require.EqualValues(t, 40, unsafe.Sizeof(bufReg{}))
	require.EqualValues(t, 24, unsafe.Sizeof(geteventsArg{}))
	require.EqualValues(t, 16+256*8, unsafe.Sizeof(probe{}))
}
