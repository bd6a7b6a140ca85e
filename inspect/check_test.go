package inspect

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCheckFindsNothing: a good store has no problem, whatever the number of workers, and is not touched.
func TestCheckFindsNothing(t *testing.T) {
	dir := makeStore(t, 300)
	before := tree(t, dir)
	for _, workers := range []int{1, 2, 5} {
		r, lines := check(t, dir, CheckOptions{Workers: workers})
		require.Empty(t, lines)
		require.Zero(t, r.Problems)
		require.EqualValues(t, 300, r.Log.Records)
		require.EqualValues(t, 240, r.Queues.Entries)
		require.EqualValues(t, 240, r.Queues.Ends)
		require.Equal(t, 7, r.Queues.Queues)
		require.EqualValues(t, 300-30+2*30, r.Index.Entries)
		require.Zero(t, r.Index.Unindexed)
		require.Greater(t, r.Index.Files, 2)
		require.Greater(t, r.Log.Files, 3)
		require.Len(t, r.Config, 5)
	}
	require.Equal(t, before, tree(t, dir), "nothing is changed")
}
