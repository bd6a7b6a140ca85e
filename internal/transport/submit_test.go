package transport

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

// write is an operation that answers a request when its bytes are in a file, as often as it was asked to.
type write struct {
	on   ring.Submitter
	fd   int
	left int
	done func(res int32)
}

func (w *write) Prepare(s *ring.SQE) { s.PrepareWrite(w.fd, []byte("bytes"), 0, 0) }

func (w *write) Completed(res int32) {
	if w.left--; w.left > 0 && res == 5 {
		w.on.Submit(w)
		return
	}
	w.done(res)
}

// TestOperations: a loop's ring carries out operations for a handler, which may submit another from the end of one; the
// answers leave without another wake-up. On the net path there is no ring.
func TestOperations(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "file"))
	require.NoError(t, err)
	defer f.Close()
	onPaths(t, func(t *testing.T, o Options) {
		var failed atomic.Int32
		_, addr := start(t, o, &script{serve: func(turn *Turn, c *Conn, cmd *wire.Command) {
			on := turn.Ring()
			if (on == nil) != (o.RingIO == "off") {
				panic("the ring path has rings, the net path has none")
			}
			if on == nil {
				echo(turn, c, cmd)
				return
			}
			cmd = cmd.Clone()
			w := &write{on: on, fd: int(f.Fd()), left: 3}
			w.done = func(res int32) {
				if res != 5 {
					failed.Add(1)
				}
				c.Send(wire.AppendResponse(nil, cmd, wire.StatusSuccess, "", nil, cmd.Body))
			}
			on.Submit(w)
		}})
		p := dial(t, addr)
		for i := range 200 {
			p.call(int32(i), "written")
		}
		require.Zero(t, failed.Load())
	})
}

// wait is an operation that ends when a pipe has something to read.
type wait struct {
	fd    int
	buf   []byte
	ended atomic.Int32
}

func (w *wait) Prepare(s *ring.SQE) { s.PrepareRead(w.fd, w.buf, ^uint64(0)) }
func (w *wait) Completed(res int32) { w.ended.Store(res) }

// TestCloseWaitsForOperations: a loop ends when what it carries out for others has ended.
func TestCloseWaitsForOperations(t *testing.T) {
	if err := ring.Probe(); err != nil {
		t.Skip(err)
	}
	var pipe [2]int
	require.NoError(t, unix.Pipe2(pipe[:], unix.O_CLOEXEC))
	w := &wait{fd: pipe[0], buf: make([]byte, 1)}
	tr, addr := start(t, Options{RingIO: "on"}, &script{serve: func(turn *Turn, c *Conn, cmd *wire.Command) {
		turn.Ring().Submit(w)
		echo(turn, c, cmd)
	}})
	dial(t, addr).call(1, "submitted")
	closed := make(chan error, 1)
	go func() { closed <- tr.Close(context.Background()) }()
	_, err := unix.Write(pipe[1], []byte("x"))
	require.NoError(t, err)
	require.NoError(t, <-closed)
	require.EqualValues(t, 1, w.ended.Load())
	require.NoError(t, errors.Join(unix.Close(pipe[0]), unix.Close(pipe[1])))
}
