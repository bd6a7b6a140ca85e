package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOutJoinsNeighbours(t *testing.T) {
	arena := []byte("abcdefghij")
	other := []byte("xyz")
	var o Out
	o.Add(arena[0:3])
	o.Add(arena[3:5])
	o.Add(nil)
	o.Add(arena[6:8]) // a gap
	o.Add(other)
	o.Add(arena[8:10])
	o.Add(arena[0:2:2])
	require.Equal(t, []string{"abcde", "gh", "xyz", "ij", "ab"}, texts(o.pieces))
	require.Equal(t, 14, o.bytes)
	o.reset()
	require.Zero(t, o.bytes)
	require.Empty(t, o.pieces)
}

func texts(b [][]byte) (s []string) {
	for _, p := range b {
		s = append(s, string(p))
	}
	return s
}

// Connections leave the heap in the order of their times, whatever was set, changed and taken out before.
func TestDueIsOrdered(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var d due
	const conns = 200
	d.grow(conns - 1)
	model := map[uint32]time.Duration{}
	for range 20_000 {
		i := r.Uint32N(conns)
		switch r.IntN(4) {
		case 0:
			d.set(i, Never)
			delete(model, i)
		case 1:
			if len(model) > 0 {
				at := d.next()
				got := d.pop()
				require.Equal(t, model[got], at)
				for _, other := range model {
					require.LessOrEqual(t, at, other)
				}
				delete(model, got)
			}
		default:
			at := time.Duration(r.IntN(1000))
			d.set(i, at)
			model[i] = at
		}
		require.Len(t, d.at, len(model))
	}
	for range len(model) {
		d.pop()
	}
	require.Equal(t, Never, d.next())
}

// However a stream is cut into receives, the same frames come out of it.
func FuzzCutter(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 1, 2, 3, 4, 0, 0, 0, 5, 1, 2, 3, 4, 5}, uint64(1))
	f.Add([]byte{0, 0, 0, 3, 1}, uint64(2))
	f.Add(append([]byte{0, 0, 1, 0}, make([]byte, 300)...), uint64(3))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		const limit = 200
		var want [][]byte
		broken := false
		for rest := stream; len(rest) >= 4; {
			n := int(binary.BigEndian.Uint32(rest))
			if broken = n < minFrame || n > limit; broken || len(rest)-4 < n {
				break
			}
			want = append(want, rest[4:4+n])
			rest = rest[4+n:]
		}
		var got [][]byte
		var c cutter
		var err error
		r := rand.New(rand.NewPCG(seed, 0))
		for rest := stream; len(rest) > 0 && err == nil; {
			n := 1 + r.IntN(len(rest))
			err = c.cut(rest[:n], limit, func(frame []byte) error {
				got = append(got, bytes.Clone(frame))
				return nil
			})
			rest = rest[n:]
			require.LessOrEqual(t, len(c.kept), 4+limit, "what is kept is bounded")
		}
		require.Equal(t, broken, err != nil)
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.True(t, bytes.Equal(want[i], got[i]))
		}
		stop := errors.New("stop")
		if len(want) > 0 {
			require.ErrorIs(t, new(cutter).cut(stream, limit, func([]byte) error { return stop }), stop)
		}
	})
}
