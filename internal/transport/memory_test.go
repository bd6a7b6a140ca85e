package transport

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// TestMemory: frames of several connections are one turn; answers, gathers and mail come out in order.
func TestMemory(t *testing.T) {
	ended := 0
	m := NewMemory(&script{
		serve: func(t *Turn, c *Conn, cmd *wire.Command) {
			switch cmd.Code {
			case 1:
				buf := t.Buf(c)
				*buf = append(*buf, cmd.Body...)
			case 2:
				t.Gather(c, []byte("<"), pieces{[]byte("in"), cmd.Body[:1:1]})
			default:
				c.Send(cmd.Body)
			}
		},
		endTurn: func(*Turn) { ended++ },
	})
	frame := func(code wire.Code, body string) []byte {
		return wire.AppendRequest(nil, wire.RocketMQ, code, 1, 0, nil, []byte(body))
	}
	a, b, idle := m.Dial(), m.Dial(), m.Dial()
	a.Frames = append(append(frame(3, "!"), frame(2, ">")...), frame(1, "text")...)
	b.Frames = frame(1, "b")
	got := map[*MemoryConn]string{}
	require.NoError(t, m.Turn([]*MemoryConn{a, b, idle}, func(c *MemoryConn, p []byte) { got[c] = string(p) }))
	require.Equal(t, map[*MemoryConn]string{a: "<in>text!", b: "b"}, got)
	require.Equal(t, 1, ended)
	require.Zero(t, m.tr.queued.Load())

	a.Frames = []byte{0, 0, 0, 0}
	require.Error(t, m.Turn([]*MemoryConn{a}, nil))
}

// pieces is a Gather of memory that nobody has to give back.
type pieces [][]byte

func (p pieces) Buffers() [][]byte { return p }
func (pieces) Release()            {}
