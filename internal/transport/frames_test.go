package transport

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// splitAll feeds the stream to a splitter in pieces, the lengths of which cut tells, and
// returns copies of the frames.
func splitAll(stream []byte, limit int, cut func(rest int) int) (frames [][]byte, err error) {
	var s splitter
	defer s.drop()
	for len(stream) > 0 {
		n := cut(len(stream))
		// A copy that is spoiled afterwards, as receive buffers are.
		piece := bytes.Clone(stream[:n])
		stream = stream[n:]
		for data := piece; ; {
			frame, rest, err := s.next(data, limit)
			if err != nil {
				return frames, err
			}
			if frame == nil {
				break
			}
			frames = append(frames, bytes.Clone(frame))
			data = rest
		}
		clear(piece)
	}
	return frames, nil
}

func whole(rest int) int { return rest }

func framesOf(bodies ...int) (stream []byte, frames [][]byte) {
	for i, n := range bodies {
		body := bytes.Repeat([]byte{byte(i + 1)}, n)
		stream = binary.BigEndian.AppendUint32(stream, uint32(n))
		stream = append(stream, body...)
		frames = append(frames, body)
	}
	return stream, frames
}

func TestSplitter(t *testing.T) {
	stream, want := framesOf(4, 5, 1000, 4, 70_000, 16, 300_000, 4)
	cuts := map[string]func(int) int{
		"whole":         whole,
		"bytes":         func(int) int { return 1 },
		"three bytes":   func(rest int) int { return min(3, rest) },
		"receive sizes": func(rest int) int { return min(4096, rest) },
	}
	for name, cut := range cuts {
		got, err := splitAll(stream, 1<<20, cut)
		require.NoError(t, err, name)
		require.Equal(t, want, got, name)
	}
}

func TestSplitterRefusesLies(t *testing.T) {
	for _, announced := range []uint32{0, 3, 1001, 1 << 31, 1<<32 - 1} {
		for _, cut := range []func(int) int{whole, func(int) int { return 1 }} {
			good, _ := framesOf(1000)
			frames, err := splitAll(binary.BigEndian.AppendUint32(good, announced), 1000, cut)
			var fe *FrameError
			require.ErrorAs(t, err, &fe)
			require.Equal(t, FrameError{Announced: announced, Limit: 1000}, *fe)
			require.ErrorContains(t, err, "allowed are 4 to 1000")
			require.Len(t, frames, 1)
		}
	}
}

// TestSplitterGrowsWithBytesReceived announces 16 MiB and sends little of it.
func TestSplitterGrowsWithBytesReceived(t *testing.T) {
	var s splitter
	head := binary.BigEndian.AppendUint32(nil, 16<<20)
	received := 0
	for _, piece := range [][]byte{head, {1}, make([]byte, 5000), make([]byte, 100_000), make([]byte, 32<<10)} {
		frame, _, err := s.next(piece, 16<<20)
		require.NoError(t, err)
		require.Nil(t, frame)
		received += len(piece)
		require.LessOrEqual(t, cap(s.kept.b), max(2*received, 1<<minChunkShift))
	}
	s.drop()
	require.Nil(t, s.kept)
}

// TestSplitterKeepsStalledFrames keeps bytes behind a frame and serves them later.
func TestSplitterKeepsStalledFrames(t *testing.T) {
	stream, want := framesOf(10, 20, 30, 40)
	var s splitter
	frame, rest, err := s.next(stream, 100)
	require.NoError(t, err)
	require.Equal(t, want[0], frame)
	s.keep(rest[:40])
	s.keep(rest[40:])
	for _, w := range want[1:] {
		frame, _, err = s.next(nil, 100)
		require.NoError(t, err)
		require.Equal(t, w, frame)
	}
	frame, _, err = s.next(nil, 100)
	require.NoError(t, err)
	require.Nil(t, frame)
	require.Nil(t, s.kept, "an idle connection keeps no memory")
}

// FuzzSplitter: however a stream is cut, the frames and the error are the same.
func FuzzSplitter(f *testing.F) {
	stream, _ := framesOf(4, 9, 100, 5000, 4)
	f.Add(stream, uint64(1))
	f.Add(append(stream, 0, 0, 0, 1, 9, 9), uint64(2))
	f.Add(append(stream, 0xff, 0xff, 0xff, 0xff), uint64(3))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"), uint64(4))
	f.Fuzz(func(t *testing.T, stream []byte, seed uint64) {
		const limit = 1 << 16
		want, wantErr := splitAll(stream, limit, whole)
		rnd := rand.New(rand.NewPCG(seed, seed))
		got, err := splitAll(stream, limit, func(rest int) int { return 1 + rnd.IntN(min(rest, 1+rnd.IntN(64))) })
		require.Equal(t, want, got)
		require.Equal(t, wantErr, err)
		total := 0
		for _, frame := range got {
			require.GreaterOrEqual(t, len(frame), minFrameBytes)
			total += lengthBytes + len(frame)
		}
		require.LessOrEqual(t, total, len(stream))
	})
}
