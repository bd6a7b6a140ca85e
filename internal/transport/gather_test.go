package transport

import (
	"bytes"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// pages is a gather that counts its releases and spoils its bytes when it is released.
type pages struct {
	pieces   [][]byte
	released atomic.Int32
	done     chan struct{}
}

func newPages(count, size int) *pages {
	g := &pages{done: make(chan struct{}, 10)}
	for i := range count {
		g.pieces = append(g.pieces, bytes.Repeat([]byte{byte(i)}, size))
	}
	return g
}

func (g *pages) Buffers() [][]byte { return g.pieces }

func (g *pages) Release() {
	g.released.Add(1)
	for _, p := range g.pieces {
		clear(p)
	}
	g.done <- struct{}{}
}

func (g *pages) releasedOnce(t *testing.T) {
	t.Helper()
	receive(t, g.done)
	require.Equal(t, int32(1), g.released.Load())
}

func (g *pages) bytes() []byte { return bytes.Join(g.pieces, nil) }

func head(cmd *wire.Command, g *pages) []byte {
	return wire.AppendResponseHead(nil, cmd.Serialize, cmd.Opaque, wire.StatusSuccess, "", nil, len(g.bytes()))
}

// TestGather queues frames before, between and after gathers of one turn.
func TestGather(t *testing.T) {
	shapes := []struct{ count, size int }{{0, 0}, {1, 0}, {1, 1}, {3, 1000}, {2500, 37}, {5, 1 << 20}}
	onPaths(t, func(t *testing.T, o Options) {
		for _, shape := range shapes {
			a, b := newPages(shape.count, shape.size), newPages(2, 10)
			want := []string{"before", string(a.bytes()), "between", string(b.bytes()), "after"}
			p, _ := connOf(t, o, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
				text := func(s string) {
					buf := t.Buf(c)
					*buf = wire.AppendResponse(*buf, cmd, wire.StatusSuccess, "", nil, []byte(s))
				}
				text("before")
				t.Gather(c, head(cmd, a), a)
				text("between")
				t.Gather(c, head(cmd, b), b)
				text("after")
			}})
			p.write(request(1, nil))
			for i, w := range want {
				require.Equal(t, w, string(p.mustRead().Body), "frame %d of %v", i, shape)
			}
			a.releasedOnce(t)
			b.releasedOnce(t)
		}
	})
}

func TestSendGather(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		p, c := connOf(t, o, &script{})
		g := newPages(100, 10_000)
		want := g.bytes()
		c.SendGather(head(&wire.Command{}, g), g)
		c.Send(wire.AppendResponseTo(nil, wire.JSON, 2, wire.StatusSuccess, "", nil, []byte("behind it")))
		require.Equal(t, want, p.mustRead().Body)
		require.Equal(t, "behind it", string(p.mustRead().Body))
		g.releasedOnce(t)
	})
}

// TestGatherOfALostConnection kills the connection in every stage of a gather.
func TestGatherOfALostConnection(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		closed := make(chan *Conn, 1)
		p, c := connOf(t, o, &script{closed: func(c *Conn) { closed <- c }})
		// More than the socket takes, so it is in flight; the second waits behind it.
		flying, waiting, late := newPages(32, 1<<20), newPages(1, 10), newPages(1, 10)
		c.SendGather(head(&wire.Command{}, flying), flying)
		_, err := readFull(p, make([]byte, 1000))
		require.NoError(t, err)
		c.SendGather(head(&wire.Command{}, waiting), waiting)
		require.Zero(t, flying.released.Load())
		p.Close()
		receive(t, closed)
		flying.releasedOnce(t)
		waiting.releasedOnce(t)
		c.SendGather(head(&wire.Command{}, late), late)
		late.releasedOnce(t)
	})
}

// TestGatherOfAClosedConnInItsTurn answers a connection that the handler closes in the turn.
func TestGatherOfAClosedConnInItsTurn(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		g := newPages(1, 10)
		p, _ := connOf(t, o, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			c.abandon()
			t.Gather(c, head(cmd, g), g)
		}})
		p.write(request(1, nil))
		p.ended()
		g.releasedOnce(t)
	})
}
