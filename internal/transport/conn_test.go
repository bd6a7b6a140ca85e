package transport

import (
	"bytes"
	"context"
	"net"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

func TestConnKnowsItsAddresses(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		conns := make(chan *Conn, 2)
		_, addr := start(t, o, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			c.SetUser(string(cmd.Body))
			conns <- c
			echo(t, c, cmd)
		}})
		a, b := dial(t, addr), dial(t, addr)
		a.call(1, "a")
		ca := receive(t, conns)
		b.call(1, "b")
		cb := receive(t, conns)
		require.Equal(t, a.LocalAddr().String(), ca.Remote().String())
		require.Equal(t, addr, ca.Local())
		require.NotEqual(t, ca.ID(), cb.ID())
		require.Equal(t, "a", ca.User())
		require.Equal(t, "b", cb.User())
		require.False(t, ca.Closing())
	})
}

// TestHalfClose: what a peer asked before it closed its side is answered before the server
// closes the other.
func TestHalfClose(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		_, addr := start(t, o, &script{})
		p := dial(t, addr)
		const n = 1000
		for i := range n {
			p.write(request(int32(i), make([]byte, 2000)))
		}
		require.NoError(t, p.Conn.(*net.TCPConn).CloseWrite())
		for i := range n {
			require.Equal(t, int32(i), p.mustRead().Opaque)
		}
		p.ended()
	})
}

func TestReset(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		closed := make(chan *Conn, 1)
		_, addr := start(t, o, &script{closed: func(c *Conn) { closed <- c }})
		p := dial(t, addr)
		p.call(1, "x")
		p.write(request(2, make([]byte, 100_000)))
		require.NoError(t, p.Conn.(*net.TCPConn).SetLinger(0))
		p.Close()
		c := receive(t, closed)
		require.True(t, c.Closing())
		c.Send([]byte("to nobody"))
		c.Notify(wire.CodeNotifyConsumerIdsChanged, nil, nil)
		c.Close()
		_, err := c.Call(context.Background(), wire.CodeGetConsumerRunningInfo, nil, nil)
		require.ErrorIs(t, err, ErrClosed)
	})
}

func TestCloseLetsAnswersLeave(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		closed := make(chan *Conn, 1)
		_, addr := start(t, o, &script{
			serve: func(t *Turn, c *Conn, cmd *wire.Command) {
				echo(t, c, cmd)
				c.Send(wire.AppendResponse(nil, cmd, wire.StatusSuccess, "", nil, make([]byte, 1<<20)))
				c.Close()
			},
			closed: func(c *Conn) { closed <- c },
		})
		p := dial(t, addr)
		p.write(append(request(1, []byte("x")), request(2, []byte("not served"))...))
		sizes := []int{len(p.mustRead().Body), len(p.mustRead().Body)}
		require.ElementsMatch(t, []int{1, 1 << 20}, sizes)
		p.ended()
		receive(t, closed)
	})
}

// TestSendFromManyGoroutines checks that frames stay whole and nothing is lost.
func TestSendFromManyGoroutines(t *testing.T) {
	const senders, each = 16, 500
	onPaths(t, func(t *testing.T, o Options) {
		conns := make(chan *Conn, 1)
		_, addr := start(t, o, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			echo(t, c, cmd)
			select {
			case conns <- c:
			default:
			}
		}})
		p := dial(t, addr)
		p.call(1, "hello")
		c := receive(t, conns)
		var wg sync.WaitGroup
		for s := range senders {
			wg.Go(func() {
				for i := range each {
					body := bytes.Repeat([]byte{byte(s)}, i%300)
					c.Send(wire.AppendResponseTo(nil, wire.RocketMQ, int32(s*each+i), wire.StatusSuccess, "", nil, body))
				}
			})
		}
		next := make([]int, senders)
		for range senders * each {
			cmd := p.mustRead()
			s, i := int(cmd.Opaque)/each, int(cmd.Opaque)%each
			require.Equal(t, next[s], i, "order of one sender")
			next[s]++
			require.Equal(t, bytes.Repeat([]byte{byte(s)}, i%300), append([]byte{}, cmd.Body...))
		}
		wg.Wait()
	})
}

// TestIdleConnectionKeepsNothing looks into a ring connection after it was busy.
func TestIdleConnectionKeepsNothing(t *testing.T) {
	if err := ring.Probe(); err != nil {
		t.Skip(err)
	}
	require.LessOrEqual(t, unsafe.Sizeof(ringConn{})+unsafe.Sizeof(slot{}), uintptr(600))
	p, c := connOf(t, Options{RingIO: "on", Loops: 1}, &script{})
	p.write(request(1, make([]byte, 200_000)))
	p.mustRead()
	idle := make(chan struct{})
	c.loop.do(func(l *loop) {
		rc := l.slots[0].conn
		require.Nil(t, rc.out)
		require.Nil(t, rc.mail)
		require.Nil(t, rc.flight)
		require.Nil(t, rc.calls)
		require.Nil(t, rc.in.kept)
		close(idle)
	})
	receive(t, idle)
}
