package transport

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/internal/wire"
)

func TestBacklog(t *testing.T) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	require.NoError(t, err)
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	c := new(Conn)
	buf := make([]byte, 1<<10)
	for i, step := range []struct {
		now, arrive, read int // ms, bytes
		waited, left      int
	}{
		{1000, 100, 50, 0, 50},  // a mark is put behind the 100 bytes
		{1005, 200, 40, 5, 50},  // what is read lies in front of it
		{1300, 0, 10, 300, 200}, // it is reached; the next one is put behind 300
		{1300, 0, 190, 300, 200},
		{1305, 500, 9, 300, 200},
		{1400, 0, 1, 100, 500}, // reached: those bytes were younger
		{1404, 0, 500, 0, 0},   // all is read
		{1405, 20, 10, 0, 0},   // marks are not put that often
	} {
		now := int64(step.now)
		_, err := unix.Write(pair[1], make([]byte, step.arrive))
		require.NoError(t, err)
		n, err := unix.Read(pair[0], buf[:step.read])
		require.NoError(t, err)
		require.Equal(t, step.read, n)
		more, err := unix.IoctlGetInt(pair[0], unix.TIOCINQ)
		require.NoError(t, err)
		c.backlog.received(pair[0], n, more > 0, now)
		waited, left := c.Waited(now)
		require.EqualValues(t, step.waited, waited, "step %d", i)
		require.Equal(t, step.left, left, "step %d", i)
	}
}

// TestWaited: requests that come faster than they are served grow old, and the server knows. The first one of a round is served when
// all the others lie in the sockets. How many of them a turn finds is the kernel's choice, so rounds are made until the server notices.
func TestWaited(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		hand := newHandClock()
		o.Clock = hand
		var oldest, last atomic.Int64
		written := make(chan struct{})
		p, _ := connOf(t, o, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			if cmd.Opaque == first {
				<-written
			}
			ms, _ := c.Waited(t.NowMillis)
			oldest.Store(max(oldest.Load(), ms))
			last.Store(ms)
			echo(t, c, cmd)
			hand.advance(time.Millisecond)
		}})
		const more = 3 * recvBuffers * recvBytes >> 12 // three turns of 4 KiB each, which the sockets of a loopback hold
		body := make([]byte, 4<<10)
		round := append(request(first, body), manyOf(request(first+1, body), more)...)
		for end := time.Now().Add(patience); oldest.Load() <= 20; {
			require.True(t, time.Now().Before(end), "no request was seen to wait")
			p.write(round)
			written <- struct{}{}
			for range 1 + more {
				p.mustRead()
			}
		}
		p.call(first+2, "alone")
		require.Zero(t, last.Load())
	})
}

// first is the opaque number of a round's first request.
const first = 1

func manyOf(frame []byte, n int) (all []byte) {
	for range n {
		all = append(all, frame...)
	}
	return all
}
