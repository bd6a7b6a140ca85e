package ring

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

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
	t.Run("whole", func(t *testing.T) { testMultishotRecv(t, (*Ring).SetupBufRing) })
	t.Run("incremental", func(t *testing.T) { testMultishotRecv(t, (*Ring).SetupIncrementalBufRing) })
}

func testMultishotRecv(t *testing.T, setup func(r *Ring, group uint16, count, size int) (*BufRing, error)) {
	const count, size = 4, 64
	r := newRing(t, 8, 64)
	bufs, err := setup(r, 3, count, size)
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
		var held []CQE
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
				got = append(got, bufs.Received(cqe)...)
				held = append(held, *cqe)
			}))
			for i := range held {
				bufs.Done(&held[i])
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

// TestIncrementalBuffers: small receives lie side by side in one buffer.
func TestIncrementalBuffers(t *testing.T) {
	r := newRing(t, 8, 16)
	bufs, err := r.SetupIncrementalBufRing(0, 2, 16)
	require.NoError(t, err)
	defer bufs.Close()
	if !bufs.Incremental {
		t.Skip("this kernel fills no buffer in parts")
	}
	a, b := pair(t)
	r.sqe(t, 1).PrepareRecvMultishot(a, 0)
	for _, c := range []struct {
		text    string
		buffers []uint16
	}{{"one", []uint16{0}}, {"two", []uint16{0}}, {"three", []uint16{0}}, {"over two buffers", []uint16{0, 1}}, {"x", []uint16{1}}} {
		_, err := unix.Write(b, []byte(c.text))
		require.NoError(t, err)
		var got string
		var buffers []uint16
		for _, cqe := range r.wait(t, len(c.buffers)) {
			require.True(t, cqe.More())
			got += string(bufs.Received(&cqe))
			buffers = append(buffers, cqe.BufferID())
			bufs.Done(&cqe)
		}
		bufs.Advance()
		require.Equal(t, c.text, got)
		require.Equal(t, c.buffers, buffers)
	}
}

// TestLimit: the kernel has no more buffers than it may, and all of them again later.
func TestLimit(t *testing.T) {
	const count, size = 4, 16
	for _, setup := range []func(*Ring, uint16, int, int) (*BufRing, error){(*Ring).SetupBufRing, (*Ring).SetupIncrementalBufRing} {
		r := newRing(t, 8, 64)
		bufs, err := setup(r, 0, count, size)
		require.NoError(t, err)
		defer bufs.Close()
		a, b := pair(t)
		for _, limit := range []int{count, 1, 1, 2, 0, 100, count} {
			_, err = unix.Write(b, make([]byte, 10*size))
			require.NoError(t, err)
			for left := 10 * size; left > 0; {
				r.sqe(t, 1).PrepareRecvMultishot(a, 0)
				_, err := r.SubmitAndWait(1, time.Second)
				require.NoError(t, err)
				r.AdvanceCQ(r.ForEachCQE(func(cqe *CQE) {
					if cqe.Res > 0 {
						left -= len(bufs.Received(cqe))
						bufs.Done(cqe)
					}
				}))
				bufs.Limit(limit)
				bufs.Advance()
				require.Equal(t, count, bufs.given+len(bufs.spare))
				if left < 5*size {
					require.LessOrEqual(t, bufs.given, max(limit, 1))
				}
			}
			bufs.Limit(count)
			require.Equal(t, count, bufs.given)
			bufs.Advance()
			r.sqe(t, 2).PrepareCancel(1, false) // it may be armed still
			_, err = r.SubmitAndWait(1, time.Second)
			require.NoError(t, err)
			r.AdvanceCQ(r.ForEachCQE(func(*CQE) {}))
		}
	}
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
