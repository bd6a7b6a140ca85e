package transport

import (
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

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

// TestListenWaitsForAPort: the address becomes free while Listen is on it.
func TestListenWaitsForAPort(t *testing.T) {
	held, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, err = net.Listen("tcp", held.Addr().String())
	require.Error(t, err)
	tr, err := New(Options{RingIO: "off"})
	require.NoError(t, err)
	t.Cleanup(func() { closeSoon(t, tr) })
	freed := make(chan error, 1)
	time.AfterFunc(bindPatience/20, func() { freed <- held.Close() })
	l, err := tr.Listen(held.Addr().String(), &script{})
	require.NoError(t, err)
	require.NoError(t, <-freed)
	require.Equal(t, held.Addr().String(), l.Addr().String())
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
