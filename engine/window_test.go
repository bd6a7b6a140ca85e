package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestCacheWindow: what a fast log leaves behind is dropped, each byte once; what a slow one does stays the kernel's.
func TestCacheWindow(t *testing.T) {
	start := time.UnixMilli(1_700_000_000_000)
	const mib = 1 << 20
	c := cacheWindow{passed: 100 * mib, at: start}
	for _, step := range []struct {
		afterMillis int
		behind      message.LogOffset // MiB
		from        message.LogOffset
		drop        bool
	}{
		{10, 50, 100, false},    // the window is larger than what was written
		{20, 107, 100, false},   // too little to begin with
		{30, 108, 100, true},    // 8 MiB in 30 ms
		{40, 200, 108, true},    // 92 in 10
		{1040, 231, 200, false}, // 31 in a second
		{1050, 260, 231, true},  // only what came fast
		{9050, 268, 260, false},
	} {
		from, drop := c.pass(step.behind*mib, start.Add(time.Duration(step.afterMillis)*time.Millisecond))
		require.Equal(t, step.drop, drop, "%+v", step)
		require.Equal(t, step.from*mib, from, "%+v", step)
	}
}
