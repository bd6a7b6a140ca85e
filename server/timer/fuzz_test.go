package timer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDecode: what is read from files is either refused or what was written.
func FuzzDecode(f *testing.F) {
	c := checkpoint{next: 7, spilled: 5, cursor: entry{1000, 6}, horizon: 60_000, entries: 3}
	f.Add(c.encode(9))
	f.Add(appendEntry(nil, entry{1000, 6}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, number, ok := decodeCheckpoint(b); ok {
			require.Equal(t, b[:checkpointSize], c.encode(number))
			require.GreaterOrEqual(t, c.next, c.spilled)
		}
		if e, ok := decodeEntry(b); ok {
			require.Equal(t, b[:entrySize], appendEntry(nil, e))
		}
	})
}

func TestHeap(t *testing.T) {
	var one, all entryHeap
	entries := make([]entry, 0, 1000)
	for i := range 1000 {
		e := entry{int64(i * 7919 % 311), 0}
		e.at += 3
		one.push(e)
		entries = append(entries, e)
	}
	all.add(entries[:600])
	all.add(entries[600:610]) // few beside many
	all.add(entries[610:])
	last := noEntry
	for range entries {
		e := one.pop()
		require.Equal(t, e, all.pop())
		require.False(t, e.before(last))
		last = e
	}
	require.Empty(t, one)
}
