package txn

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

// seeds of each flush type that a test run tries.
const seeds = 8

// chance lets producers, the checker, kills and power cuts follow each other as it likes, with answers lost, late and twice.
type chance struct {
	*stage
	rng     *rand.Rand
	commits map[string]bool // what the producer of a message has decided
	saved   offsets         // consumerOffset.json
}

func (c *chance) decide(of map[string]Decision) Decision {
	name := slices.Sorted(maps.Keys(of))[c.rng.IntN(len(of))]
	d := of[name]
	d.Commit = c.commits[name]
	return d
}

func (c *chance) step() {
	switch c.rng.IntN(12) {
	case 0, 1, 2:
		name := fmt.Sprint("m", len(c.commits))
		c.commits[name] = c.rng.IntN(3) > 0
		c.prepare(name, nil)
	case 3, 4:
		require.NoError(c.t, c.end(c.decide(c.halves)))
	case 5, 6:
		if len(c.questions) > 0 {
			require.NoError(c.t, c.end(c.decide(c.questions)))
		}
	case 7: // on its way when something happens
		_, err := c.service.End(c.decide(c.halves))
		require.NoError(c.t, err)
	case 8, 9:
		c.wait(time.Duration(c.rng.IntN(8)) * time.Second)
		c.check()
	case 10:
		c.saved = maps.Clone(c.progress)
	default:
		c.progress = maps.Clone(c.saved)
		if c.rng.IntN(2) == 0 {
			c.kill()
		} else {
			c.safe()
			c.cut(c.rng)
			c.keepsHalves()
		}
	}
}

// safe flushes what ASYNC_FLUSH has acknowledged without: a power cut may take that from anywhere in the log.
func (c *chance) safe() {
	if c.flush == engine.AsyncFlush {
		require.NoError(c.t, c.store.Flush())
	}
}

// keepsHalves: what was acknowledged, or asked for, has survived.
func (c *chance) keepsHalves() {
	for _, of := range []map[string]Decision{c.halves, c.questions} {
		for name, d := range of {
			r, err := c.service.read(d.LogOffset)
			require.NoError(c.t, err)
			require.Equal(c.t, name, string(r.Body))
			require.Equal(c.t, d.QueueOffset, r.QueueOffset)
		}
	}
}

// settleAll lets everybody answer until nothing is open.
func (c *chance) settleAll() {
	for range 3 {
		c.wait(7 * time.Second)
		c.asked = nil
		c.check()
		for _, name := range c.asked {
			d := c.questions[name]
			d.Commit = c.commits[name]
			require.NoError(c.t, c.end(d))
		}
	}
	c.wait(7 * time.Second)
	c.asked = nil
	c.check()
	require.Empty(c.t, c.asked)
}

// What is prepared comes exactly as often as its producer decided: once or never.
func TestNothingIsLostOrComesTwice(t *testing.T) {
	for kind, flush := range map[string]engine.FlushType{"async": engine.AsyncFlush, "sync": engine.SyncFlush} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(kind, "/", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &chance{stage: newStage(t, flush), rng: rand.New(rand.NewPCG(seed, 1)), commits: map[string]bool{"first": true}, saved: offsets{}}
					c.settings.CheckMax = 1000
					c.prepare("first", nil)
					for range 120 {
						c.step()
					}
					c.settleAll()
					c.compare()
				})
			})
		}
	}
}

func (c *chance) compare() {
	c.seen = map[string]message.QueueOffset{}
	times := map[string]int{}
	for _, r := range c.arrived("T", 2) {
		times[string(r.Body)]++
	}
	for name, commit := range c.commits {
		want := 0
		if commit {
			want = 1
		}
		require.Equal(c.t, want, times[name], name)
	}
}
