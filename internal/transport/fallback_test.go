package transport

import (
	"os"
	"os/exec"
	"runtime"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// forbid installs a seccomp filter on the calling thread that fails io_uring_setup with errno,
// as the default profiles of container engines do.
func forbid(errno unix.Errno) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	const number = 0 // offset of the system call's number in struct seccomp_data
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_IO_URING_SETUP, Jt: 0, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(errno)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0)
}

// TestWhereTheRingIsForbidden runs TestForbiddenRing in a process that may not use io_uring.
func TestWhereTheRingIsForbidden(t *testing.T) {
	for _, errno := range []unix.Errno{unix.EPERM, unix.ENOSYS} {
		type result struct {
			out []byte
			err error
		}
		done := make(chan result)
		go func() {
			// A child inherits the filter of the thread that starts it. The thread is not
			// unlocked, so it ends with this goroutine and nobody else runs under the filter.
			runtime.LockOSThread()
			if err := forbid(errno); err != nil {
				done <- result{nil, err}
				return
			}
			cmd := exec.Command(os.Args[0], "-test.run=^TestForbiddenRing$", "-test.v")
			cmd.Env = append(os.Environ(), "RING_FORBIDDEN="+errno.Error())
			out, err := cmd.CombinedOutput()
			done <- result{out, err}
		}()
		r := receive(t, done)
		require.NoError(t, r.err, "%s", r.out)
		require.Contains(t, string(r.out), "--- PASS: TestForbiddenRing", "the child ran its test")
	}
}

func TestForbiddenRing(t *testing.T) {
	why := os.Getenv("RING_FORBIDDEN")
	if why == "" {
		t.Skip("runs as a child of TestWhereTheRingIsForbidden")
	}
	_, err := New(Options{RingIO: "on"})
	require.ErrorContains(t, err, "ringIO=on")
	require.ErrorContains(t, err, why)
	tr, addr := start(t, Options{}, &script{})
	path, reason := tr.Path()
	require.Equal(t, "net", path)
	require.Contains(t, reason, why)
	dial(t, addr).call(1, "served all the same")
}
