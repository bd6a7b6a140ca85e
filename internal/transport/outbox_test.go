package transport

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// collect is what a send of at most n bytes would take.
func (o *outbox) collect(n int) (b []byte) {
	m := o.msg()
	for _, v := range unsafe.Slice(m.Iov, m.Iovlen) {
		b = append(b, unsafe.Slice(v.Base, v.Len)...)
	}
	return b[:min(n, len(b))]
}

// TestOutboxSendsInOrder fills outboxes at random and sends them in random short sends.
func TestOutboxSendsInOrder(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	fill := func() (o *outbox, want []byte, gathers []*pages) {
		o = newOutbox()
		for range rnd.IntN(20) {
			text := bytes.Repeat([]byte{byte(rnd.IntN(256))}, rnd.IntN(50))
			if rnd.IntN(2) == 0 {
				o.buf = append(o.buf, text...)
				want = append(want, text...)
				continue
			}
			g := newPages(rnd.IntN(600), rnd.IntN(20))
			gathers = append(gathers, g)
			require.Equal(t, len(text)+len(g.bytes()), o.gather(text, g))
			want = append(append(want, text...), g.bytes()...)
		}
		require.Equal(t, len(want), o.size())
		return o, want, gathers
	}
	for range 200 {
		o, want, gathers := fill()
		more, alsoWant, alsoGathers := fill()
		o.take(more)
		want, gathers = append(want, alsoWant...), append(gathers, alsoGathers...)
		require.Equal(t, len(want), o.size())

		o.launch()
		var got []byte
		for o.left > 0 {
			require.LessOrEqual(t, int(o.msg().Iovlen), iovMax)
			sent := o.collect(rnd.IntN(4000))
			got = append(got, sent...)
			require.Equal(t, len(got) == len(want), o.sent(len(sent)))
		}
		require.True(t, bytes.Equal(want, got))
		for _, g := range gathers {
			require.Zero(t, g.released.Load())
		}
		o.recycle()
		for _, g := range gathers {
			g.releasedOnce(t)
		}
	}
}

// TestOutboxSendsInSteps looks at the size of each send of a long answer.
func TestOutboxSendsInSteps(t *testing.T) {
	o := newOutbox()
	o.buf = make([]byte, 10<<20)
	g := newPages(3000, 5000)
	o.gather(nil, g)
	o.launch()
	for !o.sent(o.step(t)) {
	}
	o.recycle()
	g.releasedOnce(t)
}

// step is the size of the next send.
func (o *outbox) step(t *testing.T) (n int) {
	if b := o.next(); b != nil {
		n = len(b)
	} else {
		m := o.msg()
		require.LessOrEqual(t, int(m.Iovlen), iovMax)
		for _, v := range unsafe.Slice(m.Iov, m.Iovlen) {
			n += int(v.Len)
		}
	}
	require.Positive(t, n)
	require.LessOrEqual(t, n, sendMax+5000)
	return n
}
