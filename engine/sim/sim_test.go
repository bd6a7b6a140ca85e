package sim

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/invariant"
	"ringmq/internal/mapfile"
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
	seeds := *seedsFlag
	if invariant.Race {
		seeds /= 8
	}
	var mu sync.Mutex
	reached := Coverage{}
	t.Run("all", func(t *testing.T) {
		for seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				res := Run(uint64(seed), false)
				require.Nil(t, res.Failure, "again: go test ./engine/sim -run TestSeeds -sim.seed=%d", seed)
				mu.Lock()
				reached.Add(res.Coverage)
				mu.Unlock()
			})
		}
	})
	if seeds < 100 {
		return
	}
	for _, want := range mustReach {
		require.NotZero(t, reached[want], "not reached: %s", want)
	}
}

// TestReplay: a seed does the same again, operation by operation.
func TestReplay(t *testing.T) {
	for seed := range uint64(3) {
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
	}{{"sequence", 24}, {"fault", 600}, {"bits", 2}} {
		w, _, err := Find(s.walk + "/0")
		require.NoError(t, err)
		sample := s.sample
		if invariant.Race {
			sample /= 6 // none of the bits
		}
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

// mustReach is what the seeds of make test come through. A row that is missing is a part of the store that is
// no longer tried.
var mustReach = []Point{
	{"end", "power cut", "start"}, {"end", "power cut", "work"}, {"end", "power cut", "close"}, {"end", "killed", "start"},
	{"end", "killed", "work"}, {"end", "closed", ""},
	{"cut before", "write", "commitlog, work"}, {"cut before", "sync", "commitlog, work"}, {"cut before", "create", "commitlog, work"},
	{"cut before", "truncate", "commitlog, work"}, {"cut before", "allocate", "commitlog, work"}, {"cut before", "remove", "commitlog, work"},
	{"cut before", "write", "consumequeue, work"}, {"cut before", "sync", "index, work"}, {"cut before", "write", "checkpoint, work"},
	{"cut before", "write", "deleted, work"}, {"cut before", "write", "abort, start"}, {"cut before", "remove", "abort, close"},
	{"log", "the commit log ends with a torn write, which is cut off", ""}, {"log", "messages are lost", ""},
	{"log", "consume queues are missing: they are made again from the commit log", ""},
	{"log", "index files are missing: the index is made again from the commit log", ""},
	{"log", "messages are not indexed from here on", ""}, {"log", "queue entries stay in memory", ""},
	{"log", "the store is read-only from now on", ""}, {"log", "commit log file was never begun", ""},
	{"work", "append", "no room"}, {"work", "append", "failed"}, {"work", "commit", "failed"}, {"work", "commit", "cut short"},
	{"entry", "of a message of another topic", "killed"}, {"entry", "of a message of another topic", "power cut"},
	{"unit", "whole", "killed"}, {"unit", "whole", "power cut"}, {"work", "delete topic", "no room"},
	{"rebuild", "done", "closed"}, {"rebuild", "done", "killed"}, {"rebuild", "done", "power cut"}, {"rebuild", "cut short", ""}, {"rebuild", "failed", ""},
	{"end", "killed", "rebuild"}, {"end", "power cut", "rebuild"}, {"cut before", "rename", "consumequeue, rebuild"},
	{"cut before", "rename", "index, rebuild"}, {"cut before", "write", "checkpoint, rebuild"}, {"cut before", "remove", "new consumequeue, rebuild"},
	{"work", "ring", "done"}, {"work", "delete topic", "done"}, {"work", "expire", "done"}, {"work", "delete stale queues", "done"},
}

// TestBrokenDisksAreFound: the simulation finds each kind of promise that is not kept. A disk that lies does what a store
// with a defect would do.
func TestBrokenDisksAreFound(t *testing.T) {
	for _, c := range []struct {
		name string
		lie  mapfile.Lie
	}{
		{"syncs that do nothing", mapfile.Lie{Kind: mapfile.OpSync, Name: "commitlog"}},
		{"names that do not last", mapfile.Lie{Kind: mapfile.OpSyncDir, Name: "commitlog"}},
		{"writes that do not happen", mapfile.Lie{Kind: mapfile.OpWrite, Name: "commitlog"}},
		{"queue entries that are not written", mapfile.Lie{Kind: mapfile.OpWrite, Name: "consumequeue"}},
		{"queue files that are not synced", mapfile.Lie{Kind: mapfile.OpSync, Name: "consumequeue"}},
		{"index files that are not synced", mapfile.Lie{Kind: mapfile.OpSync, Name: "index"}},
		{"deletions that are forgotten", mapfile.Lie{Kind: mapfile.OpSync, Name: "ringmq/deleted"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(300) {
				if res := runOn(seed, false, c.lie); res.Failure != nil {
					t.Logf("seed %d: %v", seed, res.Failure)
					return
				}
			}
			t.Fatal("300 seeds found nothing")
		})
	}
}

// TestBitsOfEachFile flips the bits of a few bytes of each file, in the closed and the killed store in turn.
func TestBitsOfEachFile(t *testing.T) {
	if invariant.Race {
		t.Skip("one goroutine, and a megabyte for each bit: the race detector has nothing to find, slowly")
	}
	const entry = 20 // bytes of a queue's entry
	for store, s := range bitsStores() {
		for i, name := range s.files {
			if s.sizes[i] == 0 || i%2 != store {
				continue
			}
			from, count := s.sizes[i]/3/entry*entry, int64(8)
			if kindOf(name) == engine.ConsumeQueueName {
				count = entry
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				w := newWorld(false)
				res := w.guard(func() { s.flipBytes(w, name, from, min(from+count, s.sizes[i])) })
				require.Nil(t, res.Failure)
				require.NotZero(t, res.Coverage[Point{"bit flipped", kindOf(name), s.m.ending.String()}])
			})
		}
	}
}
