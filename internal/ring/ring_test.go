package ring

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
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

func TestWaitTimesOut(t *testing.T) {
	r := newRing(t, 8, 16)
	start := time.Now()
	n, err := r.SubmitAndWait(1, 20*time.Millisecond)
	require.NoError(t, err)
	require.Zero(t, n)
	require.GreaterOrEqual(t, time.Since(start), 20*time.Millisecond)
	require.Zero(t, r.CQReady())
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
