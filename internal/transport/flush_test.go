package transport

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

// onOneLoop connects n peers to one loop.
func onOneLoop(t *testing.T, n int) (peers []*peer, conns []*ringConn) {
	if err := ring.Probe(); err != nil {
		t.Skip(err)
	}
	accepted := make(chan *Conn, 1)
	_, addr := start(t, Options{RingIO: "on", Loops: 1}, &script{serve: func(t *Turn, c *Conn, cmd *wire.Command) {
		accepted <- c
	}})
	for range n {
		p := dial(t, addr)
		p.write(request(0, nil))
		peers = append(peers, p)
		conns = append(conns, receive(t, accepted).link.(*ringConn))
	}
	return peers, conns
}

// TestFlushIsBounded: a turn sends what is small, and then of what is large so much; the rest follows in order.
func TestFlushIsBounded(t *testing.T) {
	const large = 5
	peers, conns := onOneLoop(t, large+1)
	var answers []*pages
	for range large {
		answers = append(answers, newPages(4, turnBytes/4))
	}
	want := answers[0].bytes() // they are spoiled when they have left
	var left []uint32          // by slot, in order
	sending := make(chan []bool, 1)
	require.True(t, conns[0].OnLoop(func(turn *Turn) {
		for i, g := range answers {
			turn.Gather(&conns[i].Conn, head(&wire.Command{}, g), g)
		}
		buf := turn.Buf(&conns[large].Conn)
		*buf = wire.AppendResponseTo(*buf, wire.JSON, 9, wire.StatusSuccess, "", nil, nil)
		l := conns[0].loop
		l.flush()
		var now []bool
		for _, c := range conns {
			now = append(now, c.sending)
		}
		l.submit()
		l.ring.ForEachCQE(func(cqe *ring.CQE) { // they stay for the loop
			if kind := opKind(cqe.UserData >> 56); kind == opSend {
				left = append(left, uint32(cqe.UserData))
			}
		})
		sending <- now
	}))
	require.Equal(t, []bool{true, false, false, false, false, true}, receive(t, sending), "one large one, and the small one behind them all")
	require.NotEmpty(t, left)
	require.Equal(t, conns[large].slot, left[0], "the small one has not waited for it")
	for i, g := range answers {
		require.True(t, bytes.Equal(want, peers[i].mustRead().Body))
		g.releasedOnce(t)
	}
	require.EqualValues(t, 9, peers[large].mustRead().Opaque)
}

// TestOnLoop: what other goroutines have a loop do answers in its turn, also at the loop's end; without a loop it is not done.
func TestOnLoop(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		p, c := connOf(t, o, &script{})
		answer := func(t *Turn) {
			buf := t.Buf(c)
			*buf = wire.AppendResponseTo(*buf, wire.JSON, 7, wire.StatusSuccess, "", nil, nil)
		}
		require.Equal(t, o.RingIO == "on", c.OnLoop(answer))
		if o.RingIO == "on" {
			require.EqualValues(t, 7, p.mustRead().Opaque)
		}
		closeSoon(t, c.tr)
		require.False(t, c.OnLoop(answer), "nobody does it any more")
	})
}

// TestLoopEndsItsTasks: what a loop has promised to do it does, though it ends.
func TestLoopEndsItsTasks(t *testing.T) {
	if err := ring.Probe(); err != nil {
		t.Skip(err)
	}
	tr, _ := start(t, Options{RingIO: "on"}, &script{})
	l, err := startLoop(tr)
	require.NoError(t, err)
	promised, done := false, false
	require.True(t, l.do(func(l *loop) {
		l.stopping = true
		promised = l.do(func(*loop) { done = true })
	}))
	receive(t, l.stopped)
	require.True(t, promised)
	require.True(t, done)
	require.False(t, l.do(func(*loop) {}))
}
