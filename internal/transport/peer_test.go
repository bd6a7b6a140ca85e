package transport

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/clock"
	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must happen.
const patience = 20 * time.Second

// onPaths runs a test over every path. Both must pass the same tests.
func onPaths(t *testing.T, test func(t *testing.T, o Options)) {
	t.Run("ring", func(t *testing.T) {
		if err := ring.Probe(); err != nil {
			t.Skip(err)
		}
		test(t, Options{RingIO: "on"})
	})
	t.Run("ring with two loops", func(t *testing.T) {
		if err := ring.Probe(); err != nil {
			t.Skip(err)
		}
		test(t, Options{RingIO: "on", Loops: 2})
	})
	t.Run("net", func(t *testing.T) { test(t, Options{RingIO: "off"}) })
}

// start serves h until the test ends and returns the address.
func start(t *testing.T, o Options, h Handler) (*Transport, netip.AddrPort) {
	tr, err := New(o)
	require.NoError(t, err)
	t.Cleanup(func() { closeSoon(t, tr) })
	ln, err := tr.Listen("127.0.0.1:0", h)
	require.NoError(t, err)
	return tr, ln.Addr()
}

func closeSoon(t *testing.T, tr *Transport) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_ = tr.Close(ctx) // tests leave connections behind that do not read
	require.Zero(t, tr.queued.Load(), "bytes that are counted as queued")
}

// script is a handler made of functions; a nil serve echoes the body.
type script struct {
	serve   func(t *Turn, c *Conn, cmd *wire.Command)
	endTurn func(t *Turn)
	closed  func(c *Conn)
}

func (s *script) Serve(t *Turn, c *Conn, cmd *wire.Command) {
	if s.serve == nil {
		echo(t, c, cmd)
		return
	}
	s.serve(t, c, cmd)
}

func (s *script) EndTurn(t *Turn) {
	if s.endTurn != nil {
		s.endTurn(t)
	}
}

func (s *script) Closed(c *Conn) {
	if s.closed != nil {
		s.closed(c)
	}
}

func echo(t *Turn, c *Conn, cmd *wire.Command) {
	b := t.Buf(c)
	*b = wire.AppendResponse(*b, cmd, wire.StatusSuccess, "", nil, cmd.Body)
}

// peer is the client's end of a connection.
type peer struct {
	t *testing.T
	net.Conn
	buf []byte
	dec wire.Decoder
}

func dial(t *testing.T, addr netip.AddrPort) *peer {
	nc, err := net.Dial("tcp", addr.String())
	require.NoError(t, err)
	t.Cleanup(func() { nc.Close() })
	require.NoError(t, nc.SetDeadline(time.Now().Add(patience)))
	return &peer{t: t, Conn: nc}
}

// request is a frame with an arbitrary code.
func request(opaque int32, body []byte) []byte {
	return wire.AppendRequest(nil, wire.JSON, wire.CodeSendMessage, opaque, 0, nil, body)
}

func (p *peer) write(b []byte) {
	_, err := p.Write(b)
	require.NoError(p.t, err)
}

// read reads a frame; the command is valid until the next read.
func (p *peer) read() (*wire.Command, error) {
	var head [4]byte
	if _, err := io.ReadFull(p.Conn, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(head[:]))
	if cap(p.buf) < n {
		p.buf = make([]byte, n)
	}
	p.buf = p.buf[:n]
	if _, err := io.ReadFull(p.Conn, p.buf); err != nil {
		return nil, err
	}
	cmd := new(wire.Command)
	return cmd, p.dec.Decode(p.buf, cmd)
}

func (p *peer) mustRead() *wire.Command {
	p.t.Helper()
	cmd, err := p.read()
	require.NoError(p.t, err)
	return cmd
}

// call sends a request and checks that its echo comes back.
func (p *peer) call(opaque int32, body string) {
	p.t.Helper()
	p.write(request(opaque, []byte(body)))
	cmd := p.mustRead()
	require.True(p.t, cmd.IsResponse())
	require.Equal(p.t, opaque, cmd.Opaque)
	require.Equal(p.t, body, string(cmd.Body))
}

// ended reads until the server closes the connection.
func (p *peer) ended() {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.Conn)
	if ne, ok := err.(net.Error); ok {
		require.False(p.t, ne.Timeout(), "the server did not close the connection")
	}
}

// receive waits for a value with patience.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		panic("unreachable")
	}
}

// handClock is a clock that a test moves.
type handClock struct {
	mu     sync.Mutex
	now    time.Time
	timers map[*handTimer]struct{}
	armed  sync.Cond // of mu: a timer was armed
}

type handTimer struct {
	clock *handClock
	at    time.Time
	ch    chan time.Time
}

func newHandClock() *handClock {
	h := &handClock{now: time.UnixMilli(1_700_000_000_000), timers: map[*handTimer]struct{}{}}
	h.armed.L = &h.mu
	return h
}

func (h *handClock) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *handClock) NewTimer(d time.Duration) clock.Timer {
	t := &handTimer{clock: h, ch: make(chan time.Time, 1)}
	t.Reset(d)
	return t
}

func (t *handTimer) C() <-chan time.Time { return t.ch }

func (t *handTimer) Reset(d time.Duration) {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	t.at = t.clock.now.Add(d)
	t.clock.timers[t] = struct{}{}
	t.clock.armed.Broadcast()
}

func (t *handTimer) Stop() {
	t.clock.mu.Lock()
	defer t.clock.mu.Unlock()
	delete(t.clock.timers, t)
}

// advance waits until somebody waits for the clock, moves it in one leap and fires what is due.
func (h *handClock) advance(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.timers) == 0 {
		h.armed.Wait()
	}
	h.now = h.now.Add(d)
	for t := range h.timers {
		if !t.at.After(h.now) {
			delete(h.timers, t)
			t.ch <- h.now
		}
	}
}

func readFull(p *peer, b []byte) (int, error) { return io.ReadFull(p.Conn, b) }

func be32(b []byte) uint32 { return binary.BigEndian.Uint32(b) }
