package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	seedFlag  = flag.Int64("sim.seed", -1, "run this seed of TestSeeds only, and print what it does")
	seedsFlag = flag.Int("sim.seeds", 200, "how many seeds TestSeeds runs")
)

// TestMain lets the garbage of many small stores pile up a little: a fifth of the time goes without.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400)
	os.Exit(m.Run())
}

// TestSeeds runs the lives of some seeds: see [Run]. A failing one again, with what it does:
//
//	go test ./engine/sim -run TestSeeds -sim.seed=17
func TestSeeds(t *testing.T) {
	if *seedFlag >= 0 {
		res := Run(uint64(*seedFlag), true)
		require.Nil(t, res.Failure, "%s", strings.Join(res.Trace, "\n"))
		return
	}
	for seed := range *seedsFlag {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			res := Run(uint64(seed), false)
			require.Nil(t, res.Failure, "again: go test ./engine/sim -run TestSeeds -sim.seed=%d", seed)
		})
	}
}

// TestReplay: a seed does the same again, operation by operation.
func TestReplay(t *testing.T) {
	for seed := range uint64(6) {
		first, second := Run(seed, true), Run(seed, true)
		require.Equal(t, first.Trace, second.Trace)
		require.Equal(t, first.Coverage, second.Coverage)
		require.NotEmpty(t, first.Trace)
		untraced := Run(seed, false)
		require.Equal(t, first.Coverage, untraced.Coverage)
	}
}
