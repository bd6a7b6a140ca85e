package consumequeue

import (
	"fmt"
	"math/rand/v2"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
)

// TestFlushDue creates the files of queues whose tails are full, and touches no others.
func TestFlushDue(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs, FileSize: 1000 * EntrySize})
	full, other := table.Queue([]byte("T"), 0), table.Queue([]byte("T"), 1)
	fill(t, full, 0, 203)
	fill(t, other, 0, 203)
	require.NoError(t, table.FlushDue())
	requireMissing(t, fs, DefaultDir)
	fill(t, full, 203, 300)
	<-table.Due()
	require.NoError(t, table.FlushDue())
	require.EqualValues(t, 300, full.written)
	require.Zero(t, other.written)
	requireMissing(t, fs, path.Join(DefaultDir, "T/1"))
	require.Empty(t, table.Due())
	requireEntries(t, full, 0, 300)
	require.NoError(t, table.Close())
}

// TestSyncOfMany: above manyQueues the whole file system is synced, and a power cut takes nothing.
func TestSyncOfMany(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs}
	table := openTable(t, o)
	for i := range 2 * manyQueues {
		fill(t, table.Queue(fmt.Appendf(nil, "T%d", i), 0), 0, 15)
	}
	require.NoError(t, table.Sync())
	require.Empty(t, table.unsynced)
	fill(t, table.Queue([]byte("T0"), 0), 15, 20)
	require.NoError(t, table.Flush())
	require.Len(t, table.unsynced, 1, "listed again")
	o.FS, o.Crashed = fs.Crash(rand.New(rand.NewPCG(1, 0))), true
	table = openTable(t, o)
	require.Len(t, table.All(), 2*manyQueues)
	require.NoError(t, table.TruncateTo(nth(15).LogOffset))
	for _, q := range table.All() {
		requireEntries(t, q, 0, 15)
	}
	require.NoError(t, table.Close())
}
