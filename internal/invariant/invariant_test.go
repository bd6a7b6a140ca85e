package invariant

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFailedPanicsAsBug(t *testing.T) {
	require.PanicsWithValue(t, "BUG: queue 3 is empty", func() { Failed("queue %d is empty", 3) })
}

func TestCheckFollowsTheTag(t *testing.T) {
	require.NotPanics(t, func() { Check(true, "fine") })
	broken := func() { Check(false, "offset %d", 7) }
	if Enabled {
		require.PanicsWithValue(t, "BUG: offset 7", broken)
	} else {
		require.NotPanics(t, broken)
	}
}
