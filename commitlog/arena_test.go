package commitlog

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestArenas: blocks take memory as they need it, and give it back when they are old; what is pinned stays readable, also when the
// log is closed.
func TestArenas(t *testing.T) {
	l := coldLog(t, mapfile.NewMem(), 20, Options{ColdBytes: 1 << 30})
	read := func(off message.LogOffset) Span {
		require.Empty(t, fetched(l, Range{off, 100}, Range{off + 100, 100}, Range{off + 200, 100}))
		s := l.Cached(off, 300)
		require.False(t, s.Empty())
		return s
	}
	old := func() {
		for range keptAges {
			l.Forget()
		}
	}
	for i := range arenaBlocks + 1 {
		s := read(message.LogOffset(i * readBlock))
		s.Unpin()
	}
	require.Len(t, l.blocks.arenas, 2)
	old()
	require.Empty(t, l.blocks.arenas)

	first, second := read(0), read(8<<20)
	require.Len(t, l.blocks.arenas, 1)
	old()
	require.Len(t, l.blocks.arenas, 1)
	second.Unpin()
	old()
	require.EqualValues(t, 1, l.blocks.count.Load())
	require.NoError(t, l.Close())
	require.Equal(t, pattern(0, 300), first.Bytes(0, 300))
	require.Len(t, l.blocks.arenas, 1)
	first.Unpin()
	require.Empty(t, l.blocks.arenas)
	require.Empty(t, fetched(l, Range{0, 100}, Range{100, 100}, Range{200, 100}), "nothing is read any more")
	require.Empty(t, l.blocks.arenas)
}
