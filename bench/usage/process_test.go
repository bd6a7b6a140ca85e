package usage

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReadOfThisProcess(t *testing.T) {
	before, err := Read(os.Getpid())
	require.NoError(t, err)
	for end := time.Now().Add(60 * time.Millisecond); time.Now().Before(end); {
	}
	after, err := Read(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, after.CPU, before.CPU)
	require.Greater(t, after.RSSBytes, after.AnonBytes)
	require.Positive(t, after.AnonBytes)
	require.Positive(t, after.Threads)
	bytes, err := Anonymous(os.Getpid())
	require.NoError(t, err)
	require.InEpsilon(t, after.AnonBytes, bytes, 0.5)

	_, err = Read(math.MaxInt32)
	require.ErrorContains(t, err, "process 2147483647")
}

func TestCostOf(t *testing.T) {
	before := Usage{CPU: time.Second, CtxSwitches: 10}
	after := Usage{CPU: 3 * time.Second, CtxSwitches: 30, RSSBytes: 3 << 20, AnonBytes: 1 << 20, Threads: 5}
	require.Equal(t, Cost{CPUMicros: 2, CPUShare: 0.5, SwitchesPerThousand: 0.02, RSSMiB: 3, AnonMiB: 1, Threads: 5},
		CostOf(before, after, 1_000_000, 4*time.Second))
	require.Zero(t, CostOf(before, after, 0, time.Second).CPUMicros)
}
