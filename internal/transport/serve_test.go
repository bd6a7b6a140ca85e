package transport

import (
	"bytes"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

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
