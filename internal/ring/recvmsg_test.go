package ring

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// Bytes that lie in a socket for a while are told to have come when they came; the end of the stream has none.
func TestStampsTellWhenBytesCame(t *testing.T) {
	r := newRing(t, 8, 16)
	bufs, err := r.SetupBufRing(3, 4, 256)
	require.NoError(t, err)
	defer func() { require.NoError(t, bufs.Close()) }()
	a, b := tcpPair(t)
	require.NoError(t, Stamp(a))
	s := NewStamps()
	s.PrepareRecv(r.sqe(t, 1), a, 3)
	_, err = r.Submit()
	require.NoError(t, err)
	received := func() ([]byte, time.Duration, bool) {
		cqe := r.wait(t, 1)[0]
		require.NotZero(t, cqe.Flags&CQEFBuffer)
		data, at := s.Cut(bufs.Bytes(cqe.BufferID(), int(cqe.Res)))
		data = append([]byte(nil), data...)
		bufs.Add(cqe.BufferID())
		bufs.Advance()
		return data, at, cqe.More()
	}
	told := 0
	for i := 0; told < 2; i++ {
		text := strconv.Itoa(i)
		before := time.Now()
		_, err = unix.Write(b, []byte(text))
		require.NoError(t, err)
		after := time.Now()
		for time.Since(after) < 2*time.Millisecond { // they lie
		}
		data, at, more := received()
		require.Equal(t, text, string(data))
		require.True(t, more)
		if at == 0 { // the kernel begins a moment after it was asked by the first socket of all
			require.Less(t, i, 1000)
			continue
		}
		told++
		require.Greater(t, at, time.Duration(before.UnixNano()))
		require.Less(t, at, time.Duration(after.UnixNano()))
	}
	require.NoError(t, unix.Shutdown(b, unix.SHUT_WR))
	data, _, more := received()
	require.Empty(t, data)
	require.False(t, more)
}

func TestStampsAreNotRead(t *testing.T) {
	s := NewStamps()
	for _, n := range []int{0, 15, 47} {
		data, at := s.Cut(make([]byte, n))
		require.Empty(t, data)
		require.Zero(t, at)
	}
	buf := make([]byte, 60)
	buf[8] = 200 // more than there is
	data, at := s.Cut(buf)
	require.Len(t, data, 12)
	require.Zero(t, at, "no control message")
}

// tcpPair is a connection over the loopback; times are noted only there.
func tcpPair(t *testing.T) (a, b int) {
	t.Helper()
	sock := func() int {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		require.NoError(t, err)
		t.Cleanup(func() { unix.Close(fd) })
		return fd
	}
	ln := sock()
	require.NoError(t, unix.Bind(ln, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}))
	require.NoError(t, unix.Listen(ln, 1))
	addr, err := unix.Getsockname(ln)
	require.NoError(t, err)
	a = sock()
	require.NoError(t, unix.Connect(a, addr))
	b, _, err = unix.Accept(ln)
	require.NoError(t, err)
	t.Cleanup(func() { unix.Close(b) })
	return a, b
}
