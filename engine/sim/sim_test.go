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

// walkFlags choose the runs of TestWalks.
var (
	runFlag  = flag.String("sim.run", "", "run this run only, such as fault/17, and print what it does")
	walkFlag = flag.Int("sim.walk", 0, "runs of each walk, all for -1; 0 is the sample of make test")
)

// TestWalks runs a sample of each walk, spread over all of it: [Fuzz] runs them whole.
func TestWalks(t *testing.T) {
	if *runFlag != "" {
		w, n, err := Find(*runFlag)
		require.NoError(t, err)
		res := w.Run(n, true)
		require.Nil(t, res.Failure, "%s", strings.Join(res.Trace, "\n"))
		return
	}
	for _, s := range []struct {
		walk   string
		sample uint64
	}{{"sequence", 60}, {"fault", 600}, {"bits", 12}} {
		w, _, err := Find(s.walk + "/0")
		require.NoError(t, err)
		sample := s.sample
		if *walkFlag != 0 {
			sample = min(uint64(*walkFlag), w.Len())
		}
		// A part of them by a stride that has no factor in common with the ways and letters, and begins elsewhere each time.
		for i := range sample {
			n := (i*w.Len()/sample + i) % w.Len()
			t.Run(fmt.Sprint(s.walk, "/", n), func(t *testing.T) {
				t.Parallel()
				res := w.Run(n, false)
				require.Nil(t, res.Failure, "again: go test ./engine/sim -run TestWalks -sim.run=%s/%d", s.walk, n)
			})
		}
	}
}
