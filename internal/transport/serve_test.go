package transport

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

func TestRequestsAreAnswered(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		_, addr := start(t, o, &script{})
		a, b := dial(t, addr), dial(t, addr)
		a.call(7, "first")
		b.call(7, "on another connection")
		a.call(8, "")
		a.call(9, "last")
	})
}

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

// TestPipelining sends thousands of requests before it reads, in one connection.
func TestPipelining(t *testing.T) {
	const n = 20_000
	onPaths(t, func(t *testing.T, o Options) {
		var served, turns, inTurn atomic.Int32
		_, addr := start(t, o, &script{
			serve: func(t *Turn, c *Conn, cmd *wire.Command) {
				served.Add(1)
				inTurn.Add(1)
				echo(t, c, cmd)
			},
			endTurn: func(*Turn) {
				if inTurn.Swap(0) == 0 {
					panic("a turn without requests")
				}
				turns.Add(1)
			},
		})
		p := dial(t, addr)
		var all []byte
		for i := range n {
			all = append(all, request(int32(i), []byte("body"))...)
		}
		go p.Write(all)
		for i := range n {
			require.Equal(t, int32(i), p.mustRead().Opaque)
		}
		require.Equal(t, int32(n), served.Load())
		require.Less(t, turns.Load(), int32(n/10), "frames that arrive together make one turn")
	})
}

// TestEndTurnAnswers checks that what EndTurn appends leaves in the same turn, also for other
// connections of the same owner.
func TestEndTurnAnswers(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		type waiting struct {
			conn *Conn
			cmd  *wire.Command
		}
		_, addr := start(t, o, &script{
			serve: func(t *Turn, c *Conn, cmd *wire.Command) {
				list, _ := t.State.([]waiting)
				t.State = append(list, waiting{c, cmd.Clone()})
			},
			endTurn: func(t *Turn) {
				for _, w := range t.State.([]waiting) {
					if !t.Owns(w.conn) || t.NowMillis == 0 {
						panic("the turn's connection is not the turn's")
					}
					echo(t, w.conn, w.cmd)
				}
				t.State = nil
			},
		})
		p := dial(t, addr)
		for i := range 100 {
			p.call(int32(i), "held until the end of the turn")
		}
	})
}

func TestFragmentedBytes(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		_, addr := start(t, o, &script{})
		p := dial(t, addr)
		rnd := rand.New(rand.NewPCG(1, 2))
		var all []byte
		const n = 200
		for i := range n {
			all = append(all, request(int32(i), make([]byte, rnd.IntN(3000)))...)
		}
		go func() {
			for rest := all; len(rest) > 0; {
				k := min(len(rest), 1+rnd.IntN(700))
				if rnd.IntN(4) == 0 {
					k = 1
				}
				if _, err := p.Write(rest[:k]); err != nil {
					return // the reader reports
				}
				rest = rest[k:]
			}
		}()
		for i := range n {
			require.Equal(t, int32(i), p.mustRead().Opaque)
		}
	})
}

func TestBigFrames(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		_, addr := start(t, o, &script{})
		p := dial(t, addr)
		empty := len(request(1, nil))
		for _, size := range []int{recvBytes, 64 << 10, 1 << 20, 4 << 20, wire.MaxFrame} {
			body := make([]byte, size-empty+lengthBytes)
			for i := range body {
				body[i] = byte(i * 31 >> 4)
			}
			frame := request(1, body)
			require.Len(t, frame, size+lengthBytes)
			go p.Write(frame)
			if size == wire.MaxFrame {
				// Its answer is as long again; only the requests are bounded.
				p.buf = make([]byte, 0, 2*size)
			}
			var head [4]byte
			_, err := readFull(p, head[:])
			require.NoError(t, err)
			answer := make([]byte, be32(head[:]))
			_, err = readFull(p, answer)
			require.NoError(t, err)
			require.True(t, bytes.HasSuffix(answer, body), "size %d", size)
		}
		p.call(2, "small again")
	})
}

func TestBytesThatAreNoFrames(t *testing.T) {
	good := request(1, []byte("good"))
	cases := map[string][]byte{
		"length over the limit":     {1, 0, 0, 1, 0, 0, 0, 0},
		"length of 2 GiB":           {0x7f, 0xff, 0xff, 0xff},
		"negative length":           {0xff, 0xff, 0xff, 0xff},
		"length 0":                  {0, 0, 0, 0},
		"length 3":                  {0, 0, 0, 3, 0, 0, 0},
		"header longer than frame":  {0, 0, 0, 8, 0, 0, 0, 5, '{', '}', ' ', ' '},
		"unknown serialization":     {0, 0, 0, 6, 9, 0, 0, 2, '{', '}'},
		"JSON that does not parse":  append([]byte{0, 0, 0, 9, 0, 0, 0, 5}, "{code"...),
		"an HTTP request":           []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
		"a TLS client hello":        {0x16, 3, 1, 2, 0, 1, 0, 1},
		"good frame, then a lie":    append(bytes.Clone(good), 0xff, 0, 0, 0),
		"frame cut short, then end": good[:len(good)-1],
	}
	onPaths(t, func(t *testing.T, o Options) {
		closed := make(chan struct{}, len(cases))
		_, addr := start(t, o, &script{closed: func(*Conn) { closed <- struct{}{} }})
		other := dial(t, addr)
		for name, sent := range cases {
			p := dial(t, addr)
			p.write(sent)
			if name == "good frame, then a lie" {
				require.Equal(t, "good", string(p.mustRead().Body), name)
			}
			if name == "frame cut short, then end" {
				require.NoError(t, p.Conn.(*net.TCPConn).CloseWrite())
			}
			_, err := p.read()
			require.Error(t, err, "an answer to: "+name)
			receive(t, closed)
			other.call(1, "others are not disturbed")
		}
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

// TestManyConnections has far more connections with bytes to receive than receive buffers,
// frames that are torn everywhere, and answers longer than what a socket takes.
func TestManyConnections(t *testing.T) {
	const conns, rounds, each = 4 * recvBuffers, 3, 30
	onPaths(t, func(t *testing.T, o Options) {
		_, addr := start(t, o, &script{})
		var wg sync.WaitGroup
		for i := range conns {
			p := dial(t, addr)
			wg.Go(func() {
				body := bytes.Repeat([]byte{byte(i)}, 1000+37*i)
				for range rounds {
					var all []byte
					for k := range each {
						all = append(all, request(int32(k), body)...)
					}
					go p.Write(all)
					for k := range each {
						cmd, err := p.read()
						if err != nil || cmd.Opaque != int32(k) || !bytes.Equal(cmd.Body, body) {
							t.Errorf("connection %d, answer %d: %v", i, k, err)
							return
						}
					}
				}
			})
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

// TestListenersShareTheLoops serves one handler on two ports and another on a third.
func TestListenersShareTheLoops(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		one, two := &script{}, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			b := t.Buf(c)
			*b = wire.AppendResponse(*b, cmd, wire.StatusSystemError, "two", nil, nil)
		}}
		tr, addr := start(t, o, one)
		again, err := tr.Listen("127.0.0.1:0", one)
		require.NoError(t, err)
		other, err := tr.Listen("127.0.0.1:0", two)
		require.NoError(t, err)

		dial(t, addr).call(1, "x")
		dial(t, again.Addr()).call(1, "x")
		p := dial(t, other.Addr())
		p.write(request(1, nil))
		require.Equal(t, "two", string(p.mustRead().Remark))

		require.NoError(t, other.Close())
		_, err = net.Dial("tcp", other.Addr().String())
		require.Error(t, err)
		p.write(request(2, nil))
		require.Equal(t, "two", string(p.mustRead().Remark), "connections outlive their listener")
		dial(t, addr).call(2, "y")
	})
}

func TestListenOnABusyAddress(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		tr, addr := start(t, o, &script{})
		_, err := tr.Listen(addr.String(), &script{})
		require.ErrorContains(t, err, addr.String())
		_, err = tr.Listen("127.0.0.1:notaport", &script{})
		require.ErrorContains(t, err, "notaport")
	})
}

func TestOptionsThatMakeNoSense(t *testing.T) {
	_, err := New(Options{RingIO: "sometimes"})
	require.ErrorContains(t, err, "sometimes")
}

func TestPathSaysWhy(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		tr, _ := start(t, o, &script{})
		path, why := tr.Path()
		require.Contains(t, why, "ringIO="+o.RingIO)
		require.Equal(t, map[string]string{"on": "io_uring", "off": "net"}[o.RingIO], path)
	})
}
