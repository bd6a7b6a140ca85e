package consumequeue

import (
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestRepair replaces entries in the file, in the tail, and in both.
func TestRepair(t *testing.T) {
	mem := mapfile.NewMem()
	table, err := Open(Options{FS: mem, FileSize: 20 * 8})
	require.NoError(t, err)
	q := table.Queue([]byte("T"), 0)
	put := func(from, to int) {
		for i := from; i < to; i++ {
			require.NoError(t, q.Put(message.QueueOffset(i), Entry{LogOffset: message.LogOffset(1000 * i), Size: 100}))
		}
	}
	put(0, 12)
	require.NoError(t, table.Flush())
	put(12, 14)
	repaired := Entry{LogOffset: 7, Size: 200, TagsCode: 9}
	for off := range message.QueueOffset(14) {
		require.NoError(t, q.Repair(off, repaired))
	}
	require.ErrorIs(t, q.Repair(14, repaired), ErrEntry)
	require.ErrorIs(t, q.Repair(-1, repaired), ErrEntry)
	require.ErrorIs(t, q.Repair(1, Entry{}), ErrEntry)
	check := func(q *Queue) {
		t.Helper()
		var got [14]Entry
		n, err := q.Read(0, got[:])
		require.NoError(t, err)
		require.Equal(t, 14, n)
		for _, e := range got {
			require.Equal(t, repaired, e)
		}
	}
	check(q)
	require.NoError(t, table.Flush())
	require.NoError(t, table.Flush()) // the tail is given back: everything comes from the files
	check(q)
	require.NoError(t, table.Close())
}
