package commitlog

import (
	"errors"
	"log/slog"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// bigLog makes a log of several windows and files, with damage here and there.
func bigLog(t testing.TB, seed uint64) *Log {
	rng := rand.New(rand.NewPCG(seed, 0))
	mem := mapfile.NewMem()
	l, err := Open(Options{FS: mem, Dir: "commitlog", FileSize: 3 << 20, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	var places []message.LogOffset
	write := func(b []byte, off message.LogOffset) {
		f := l.fileAt(off)
		_, err := f.f.WriteAt(b, int64(off-f.base))
		require.NoError(t, err)
	}
	at := message.LogOffset(0)
	for n := 0; at < 20<<20; n++ {
		require.NoError(t, l.Prepare(at-at%(3<<20)))
		r := message.Record{Topic: []byte("T"), QueueOffset: message.QueueOffset(n), LogOffset: at, Body: make([]byte, 1+rng.IntN(1<<(5+rng.IntN(14)))), Properties: message.Properties("TAGS\x01x")}
		b := r.Append(nil)
		if end := at - at%(3<<20) + 3<<20; at+message.LogOffset(len(b))+message.BlankSize > end {
			b = []byte{0, 0, 0, 0, 0xCB, 0xD4, 0x31, 0x94}
			left := uint32(end - at)
			b[0], b[1], b[2], b[3] = byte(left>>24), byte(left>>16), byte(left>>8), byte(left)
			write(b, at)
			at = end
			continue
		}
		places = append(places, at)
		write(b, at)
		at += message.LogOffset(len(b))
	}
	for range rng.IntN(20) {
		off := places[rng.IntN(len(places))] + message.LogOffset(rng.IntN(100))
		write([]byte{byte(rng.Uint32())}, off)
	}
	return l
}

// TestPipedScan: a long scan tells its visitor what a short one would.
func TestPipedScan(t *testing.T) {
	for seed := range uint64(5) {
		l := bigLog(t, seed)
		plain := &visitor{}
		s := scanner{log: l, visitor: plain, to: math.MaxInt64}
		require.NoError(t, s.run())
		piped := &visitor{}
		r, err := l.scanPiped(0, math.MaxInt64, piped)
		require.NoError(t, err)
		require.Equal(t, s.result, r)
		require.Equal(t, plain, piped)
		require.Greater(t, len(plain.records), 100)
	}
}

// failing wants no more after n calls.
type failing struct {
	visitor
	n int
}

var errEnough = errors.New("enough")

func (f *failing) Record(raw []byte, r *message.Record) error {
	if f.n--; f.n < 0 {
		return errEnough
	}
	return f.visitor.Record(raw, r)
}

// TestPipedScanStops: the visitor's error ends both halves, wherever it comes.
func TestPipedScanStops(t *testing.T) {
	l := bigLog(t, 7)
	for _, n := range []int{0, 1, 50, 1000} {
		v := &failing{n: n}
		_, err := l.scanPiped(0, math.MaxInt64, v)
		require.ErrorIs(t, err, errEnough)
		require.LessOrEqual(t, len(v.records), n)
	}
}

// BenchmarkScan reads and checks a log in the page cache.
func BenchmarkScan(b *testing.B) {
	l := bigLog(b, 1)
	b.SetBytes(20 << 20)
	for b.Loop() {
		_, err := l.scanPiped(0, math.MaxInt64, &visitor{})
		require.NoError(b, err)
	}
}
