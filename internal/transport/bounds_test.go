package transport

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// flood writes requests until the server has stopped reading for a while, and returns how
// many were written whole.
func flood(p *peer, frame []byte, most int) int {
	for i := range most {
		_ = p.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		_, err := p.Write(frame)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return i
		}
		require.NoError(p.t, err)
	}
	return most
}

// TestSlowReader sends small requests with big answers and does not read: the server stops
// reading, serves others, and goes on when the answers are read.
func TestSlowReader(t *testing.T) {
	const answer, most = 64 << 10, 10_000
	onPaths(t, func(t *testing.T, o Options) {
		o.MaxPendingBytes = 1 << 20
		var served atomic.Int64
		body := make([]byte, answer)
		slow, _ := connOf(t, o, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			if string(cmd.Body) == "small" {
				echo(t, c, cmd)
				return
			}
			served.Add(1)
			b := t.Buf(c)
			*b = wire.AppendResponse(*b, cmd, wire.StatusSuccess, "", nil, body)
		}})
		written := flood(slow, request(1, make([]byte, 16<<10)), most)
		require.Less(t, written, most, "the server never stopped reading")
		// What was answered waits in at most the bound, one more answer, and the sockets.
		require.Less(t, served.Load()*answer, int64(16<<20))

		other := dial(t, addrOf(slow))
		other.call(1, "small")

		_ = slow.SetDeadline(time.Now().Add(patience))
		for range written {
			require.Len(t, slow.mustRead().Body, answer)
		}
	})
}

func addrOf(p *peer) netip.AddrPort { return p.RemoteAddr().(*net.TCPAddr).AddrPort() }

// TestReadersWhoNeverRead opens many connections that ask for much and read nothing.
func TestReadersWhoNeverRead(t *testing.T) {
	const conns, answer = 64, 128 << 10
	onPaths(t, func(t *testing.T, o Options) {
		o.MaxPendingTotal = 8 << 20
		body := make([]byte, answer)
		h := &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			if string(cmd.Body) == "small" {
				echo(t, c, cmd)
				return
			}
			b := t.Buf(c)
			*b = wire.AppendResponse(*b, cmd, wire.StatusSuccess, "", nil, body)
		}}
		tr, addr := start(t, o, h)
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		var wg sync.WaitGroup
		for range conns {
			p := dial(t, addr)
			require.NoError(t, p.Conn.(*net.TCPConn).SetReadBuffer(4096))
			require.NoError(t, p.Conn.(*net.TCPConn).SetWriteBuffer(4096))
			wg.Go(func() { flood(p, request(1, make([]byte, 4<<10)), 5000) })
		}
		other := dial(t, addr)
		for i := range 100 {
			other.call(int32(i), "small")
		}
		wg.Wait()
		other.call(1, "small")
		runtime.GC() // twice: what lies in pools survives the first
		runtime.GC()
		runtime.ReadMemStats(&after)
		// Each may have its share and the answer that went over it.
		require.Less(t, tr.queued.Load(), int64(8<<20+conns*(fairBytes+answer)))
		// Buffers grow in steps, and requests may wait that arrived before reading stopped.
		require.Less(t, int64(after.HeapInuse)-int64(before.HeapInuse), int64(32<<20+conns*2<<20))
	})
}

// TestSendOverTheBound: a peer that does not read what others send it loses its connection.
func TestSendOverTheBound(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		o.MaxPendingBytes = 1 << 20
		closed := make(chan *Conn, 1)
		_, c := connOf(t, o, &script{closed: func(c *Conn) { closed <- c }})
		frame := wire.AppendResponseTo(nil, wire.JSON, 1, wire.StatusSuccess, "", nil, make([]byte, 100_000))
		for i := 0; !c.Closing(); i++ {
			require.Less(t, i, 1000, "nothing stops Send")
			c.Send(frame)
		}
		require.Same(t, c, receive(t, closed))
	})
}

func TestIdleConnectionsAreClosed(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		hand := newHandClock()
		o.Clock, o.IdleTimeout = hand, 120*time.Second
		closed := make(chan *Conn, 2)
		conns := make(chan *Conn, 3)
		_, addr := start(t, o, &script{
			serve: func(t *Turn, c *Conn, cmd *wire.Command) {
				if t.NowMillis != hand.Now().UnixMilli() {
					panic("NowMillis is not the clock's")
				}
				echo(t, c, cmd)
				conns <- c
			},
			closed: func(c *Conn) { closed <- c },
		})
		quiet, busy := dial(t, addr), dial(t, addr)
		quiet.call(1, "x")
		quietConn := receive(t, conns)
		var first *Conn
		passed := time.Duration(0)
		for first == nil && passed < 10*o.IdleTimeout {
			busy.call(1, "x")
			receive(t, conns)
			select {
			case first = <-closed:
			default:
				hand.advance(20 * time.Second)
				passed += 20 * time.Second
			}
		}
		require.Same(t, quietConn, first)
		require.GreaterOrEqual(t, passed, o.IdleTimeout)
		quiet.ended()
		busy.call(2, "x")
	})
}

// TestCloseDoesNotWaitForever: a closing connection whose peer does not read is given up.
func TestCloseDoesNotWaitForever(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		hand := newHandClock()
		o.Clock = hand
		closed := make(chan *Conn, 1)
		_, c := connOf(t, o, &script{closed: func(c *Conn) { closed <- c }})
		g := newPages(32, 1<<20)
		c.SendGather(nil, g)
		c.Close()
		hand.advance(time.Second) // a sweep finds it closing
		hand.advance(lingerTimeout)
		receive(t, closed)
		g.releasedOnce(t)
	})
}

// lines is a log whose lines a test receives.
type lines chan string

func (l lines) Write(b []byte) (int, error) {
	l <- string(b)
	return len(b), nil
}

func TestMaxConns(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		o.MaxConns = 2
		told := make(lines, 10)
		o.Log = slog.New(slog.NewTextHandler(told, nil))
		closed := make(chan *Conn, 10)
		_, addr := start(t, o, &script{closed: func(c *Conn) { closed <- c }})
		a, b := dial(t, addr), dial(t, addr)
		a.call(1, "x")
		b.call(1, "x")
		for range 3 {
			dial(t, addr).ended()
		}
		require.Contains(t, receive(t, told), "connections=2")
		require.Empty(t, told, "one line for all that follow soon")
		a.call(2, "still there")
		b.Close()
		receive(t, closed)
		// Closed runs just before the room is given back.
		require.Eventually(t, func() bool {
			p := dial(t, addr)
			_, err := p.Write(request(1, nil))
			if err == nil {
				_, err = p.read()
			}
			return err == nil
		}, patience, time.Millisecond)
	})
}

// TestTransportCloseDuringTraffic closes while many connections are busy: every connection
// ends, Closed runs once for each, and nothing is left running (goleak).
func TestTransportCloseDuringTraffic(t *testing.T) {
	const conns = 50
	onPaths(t, func(t *testing.T, o Options) {
		var served, closed atomic.Int32
		busy := make(chan struct{})
		tr, err := New(o)
		require.NoError(t, err)
		ln, err := tr.Listen("127.0.0.1:0", &script{
			serve: func(t *Turn, c *Conn, cmd *wire.Command) {
				if served.Add(1) == 20*conns {
					close(busy)
				}
				echo(t, c, cmd)
			},
			closed: func(*Conn) { closed.Add(1) },
		})
		require.NoError(t, err)
		var wg sync.WaitGroup
		for range conns {
			p := dial(t, ln.Addr())
			p.call(0, "accepted")
			wg.Go(func() {
				for i := int32(0); ; i++ {
					if _, err := p.Write(request(i, make([]byte, 1000))); err != nil {
						return
					}
					if _, err := p.read(); err != nil {
						return
					}
				}
			})
		}
		receive(t, busy)
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		require.NoError(t, tr.Close(ctx))
		require.Equal(t, int32(conns), closed.Load())
		require.Zero(t, tr.queued.Load())
		require.NoError(t, tr.Close(ctx), "a second Close does nothing")
		_, err = tr.Listen("127.0.0.1:0", &script{})
		require.Error(t, err)
		wg.Wait()
	})
}

// TestTransportCloseGivesUp: peers that do not read cannot hold Close up longer than its context.
func TestTransportCloseGivesUp(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		closed := make(chan *Conn, 1)
		conns := make(chan *Conn, 1)
		tr, err := New(o)
		require.NoError(t, err)
		ln, err := tr.Listen("127.0.0.1:0", &script{
			serve:  func(t *Turn, c *Conn, cmd *wire.Command) { conns <- c },
			closed: func(c *Conn) { closed <- c },
		})
		require.NoError(t, err)
		p := dial(t, ln.Addr())
		p.write(request(1, nil))
		g := newPages(32, 1<<20)
		receive(t, conns).SendGather(nil, g)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		require.ErrorIs(t, tr.Close(ctx), context.DeadlineExceeded)
		receive(t, closed)
		g.releasedOnce(t)
	})
}
