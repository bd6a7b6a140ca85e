package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/ring"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// paths runs a test on both I/O paths.
func paths(t *testing.T, test func(t *testing.T, o Options)) {
	for _, io := range []string{"ring", "net"} {
		for _, threads := range []int{1, 3} {
			t.Run(io, func(t *testing.T) {
				if err := ring.Probe(); err != nil && io == "ring" {
					t.Skip(err)
				}
				test(t, Options{IO: io, Threads: threads, ReceiveBytes: 4096, MaxFrame: 1 << 20})
			})
		}
	}
}

// serve accepts connections and runs fn on each; the address is returned.
func serve(t *testing.T, fn func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan struct{})
	t.Cleanup(func() { ln.Close(); <-ended })
	go func() {
		defer close(ended)
		var open []net.Conn
		var left []chan struct{}
		for {
			c, err := ln.Accept()
			if err != nil {
				break
			}
			open, left = append(open, c), append(left, make(chan struct{}))
			go func(gone chan struct{}) { defer close(gone); fn(c) }(left[len(left)-1])
		}
		for i, c := range open {
			c.Close()
			<-left[i]
		}
	}()
	return ln.Addr().String()
}

func echo(c net.Conn) { _, _ = io.Copy(c, c) }

// talk sends its frames in order, some at a time, and wants them back in order.
type talk struct {
	t      *testing.T
	frames [][]byte
	sent   int
	back   int
	window int
	end    func()
}

func (k *talk) Pump(_ time.Duration, out *Out) time.Duration {
	for k.sent < len(k.frames) && k.sent-k.back < k.window {
		out.Add(k.frames[k.sent])
		k.sent++
	}
	return Never
}

func (k *talk) Frame(_ time.Duration, frame []byte) error {
	if !bytes.Equal(k.frames[k.back][4:], frame) {
		return errors.New("an answer is not what was sent")
	}
	if k.back++; k.back == len(k.frames) {
		k.end()
	}
	return nil
}

// Frames of all sizes, small ones in one piece of memory and ones larger than a receive buffer, come back whole.
func TestFramesGoAndComeWhole(t *testing.T) {
	paths(t, func(t *testing.T, o Options) {
		g, err := Open(serve(t, echo), o)
		require.NoError(t, err)
		const conns = 7
		over := make(chan struct{}, conns)
		for i := range conns {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			k := &talk{t: t, window: 1 + i*9, end: func() { over <- struct{}{} }}
			var arena []byte
			for range 300 {
				n := 4 + int(r.ExpFloat64()*700)
				if r.IntN(50) == 0 {
					n = 100_000
				}
				arena = binary.BigEndian.AppendUint32(arena, uint32(n))
				arena = append(arena, make([]byte, n)...)
				for j := range n {
					arena[len(arena)-n+j] = byte(r.Uint32())
				}
			}
			for at := 0; at < len(arena); {
				end := at + 4 + int(binary.BigEndian.Uint32(arena[at:]))
				k.frames = append(k.frames, arena[at:end])
				at = end
			}
			require.NoError(t, g.Add(t.Context(), k))
		}
		g.Start()
		for range conns {
			select {
			case <-over:
			case <-g.Done():
				require.NoError(t, g.Stop())
				t.Fatal("the run ended by itself")
			}
		}
		require.NoError(t, g.Stop())
	})
}

// clocked wants to be called every period and notes when it was.
type clocked struct {
	period    time.Duration
	due       time.Duration
	late      []time.Duration
	calls     int
	callsTo50 int
	full      chan struct{}
}

func (c *clocked) Pump(now time.Duration, _ *Out) time.Duration {
	c.calls++
	for c.due <= now {
		c.late = append(c.late, now-c.due)
		c.due += c.period
		if len(c.late) == 50 {
			c.callsTo50 = c.calls
			close(c.full)
		}
	}
	return c.due
}

func (c *clocked) Frame(time.Duration, []byte) error { return nil }

// Work that is due at a time is done though nothing comes in, and nobody is called in between.
func TestFlowsAreCalledWhenTheirTimeComes(t *testing.T) {
	paths(t, func(t *testing.T, o Options) {
		g, err := Open(serve(t, echo), o)
		require.NoError(t, err)
		var flows []*clocked
		for i := range 4 {
			c := &clocked{period: time.Duration(i+1) * time.Millisecond, due: g.Now(), full: make(chan struct{})}
			flows = append(flows, c)
			require.NoError(t, g.Add(t.Context(), c))
		}
		g.Start()
		for _, c := range flows {
			<-c.full
		}
		require.NoError(t, g.Stop())
		for _, c := range flows {
			require.LessOrEqual(t, c.calls, len(c.late)+2)
		}
	})
}

// With ticks a flow's work waits for the end of the tick that it is due in, and those due in one tick are called together.
func TestFlowsAreCalledAtTicks(t *testing.T) {
	paths(t, func(t *testing.T, o Options) {
		o.Tick = 2 * time.Millisecond
		g, err := Open(serve(t, echo), o)
		require.NoError(t, err)
		c := &clocked{period: 300 * time.Microsecond, due: g.Now(), full: make(chan struct{})}
		require.NoError(t, g.Add(t.Context(), c))
		g.Start()
		<-c.full
		require.NoError(t, g.Stop())
		require.LessOrEqual(t, c.callsTo50, 50*int(c.period)/int(o.Tick)+4, "50 times within 15 ms, in which 8 ticks end")
	})
}

func TestTicks(t *testing.T) {
	const tick = 250
	for _, c := range []struct{ tick, at, want time.Duration }{
		{0, 7, 7}, {tick, 0, 0}, {tick, 1, tick}, {tick, tick, tick}, {tick, tick + 1, 2 * tick}, {tick, Never, Never},
	} {
		o := Options{Tick: c.tick}
		require.Equal(t, c.want, o.called(c.at), c)
	}
}

func TestEndsAreReported(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(net.Conn)
		want  string
	}{
		{"server closes", func(c net.Conn) { c.Close() }, errClosedByServer.Error()},
		{"frame too long", func(c net.Conn) { _, _ = c.Write([]byte{0x7f, 0, 0, 0}) }, "a frame of 2130706432 bytes"},
		{"frame too short", func(c net.Conn) { _, _ = c.Write([]byte{0, 0, 0, 1}) }, "a frame of 1 bytes"},
		{"flow is not content", func(c net.Conn) { _, _ = c.Write([]byte{0, 0, 0, 4, 1, 2, 3, 4}) }, "not what was sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			paths(t, func(t *testing.T, o Options) {
				addr := serve(t, c.serve)
				g, err := Open(addr, o)
				require.NoError(t, err)
				require.NoError(t, g.Add(t.Context(), &talk{t: t, frames: [][]byte{{0, 0, 0, 4, 9, 9, 9, 9}}}))
				g.Start()
				<-g.Done()
				err = g.Stop()
				require.ErrorContains(t, err, c.want)
				require.ErrorContains(t, err, addr)
			})
		})
	}
}

func TestOpenAndDialErrors(t *testing.T) {
	_, err := Open("", Options{IO: "fast"})
	require.ErrorContains(t, err, `io is "fast"`)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	g, err := Open(addr, Options{})
	require.NoError(t, err)
	require.ErrorContains(t, g.Add(t.Context(), &talk{}), addr)
	g.Start()
	require.NoError(t, g.Stop())
}

// A group that is given up before it starts closes its connections.
func TestCloseWithoutStart(t *testing.T) {
	paths(t, func(t *testing.T, o Options) {
		ended := make(chan error, 1)
		g, err := Open(serve(t, func(c net.Conn) {
			_, err := c.Read(make([]byte, 1))
			ended <- err
		}), o)
		require.NoError(t, err)
		require.NoError(t, g.Add(t.Context(), &talk{}))
		g.Close()
		g.Close()
		require.ErrorIs(t, <-ended, io.EOF)
	})
}

func TestDialLeavesFromSeveralAddresses(t *testing.T) {
	addr := serve(t, echo)
	for n, want := range map[int]string{0: "127.0.0.1", portsPerAddress: "127.0.0.2", 5 * portsPerAddress: "127.0.0.6"} {
		c, err := Dial(t.Context(), addr, n)
		require.NoError(t, err)
		require.Equal(t, want, c.LocalAddr().(*net.TCPAddr).IP.String())
		require.NoError(t, c.Close())
	}
}

// BenchmarkEcho is the cost of a request of 1.2 KiB that is answered with itself, server included.
func BenchmarkEcho(b *testing.B) {
	for _, io := range []string{"ring", "net"} {
		b.Run(io, func(b *testing.B) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			require.NoError(b, err)
			defer ln.Close()
			go func() {
				if c, err := ln.Accept(); err == nil {
					echo(c)
				}
			}()
			g, err := Open(ln.Addr().String(), Options{IO: io})
			require.NoError(b, err)
			over := make(chan struct{})
			frame := append(binary.BigEndian.AppendUint32(nil, 1200), make([]byte, 1200)...)
			k := &talk{frames: slices.Repeat([][]byte{frame}, b.N), window: 32, end: func() { close(over) }}
			require.NoError(b, g.Add(b.Context(), k))
			b.ReportAllocs()
			b.ResetTimer()
			g.Start()
			<-over
			require.NoError(b, g.Stop())
		})
	}
}
