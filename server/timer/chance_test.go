package timer

import (
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
)

// seeds of each flush type that a test run tries.
const seeds = 60

// chance lets sends, passing time, restarts, kills and power cuts follow each other as it likes; a power cut comes before
// any operation of the disk, those of a Save among them.
type chance struct {
	*stage
	rng   *rand.Rand
	due   map[string]int64 // ms, by name
	times map[string]int   // deliveries
	lives int              // that have ended other than by a restart
}

func (c *chance) step() {
	switch c.rng.IntN(10) {
	case 0, 1, 2, 3:
		for range 1 + c.rng.IntN(5) {
			name := fmt.Sprint("m", len(c.due))
			c.due[name] = time.Now().UnixMilli() + []int64{-1000, 0, 300, 3000, 30000, 300000}[c.rng.IntN(6)] + c.rng.Int64N(2000)
			c.send(name, c.due[name])
		}
	case 4, 5, 6:
		c.wait(time.Duration(c.rng.IntN(1000<<c.rng.IntN(6))) * time.Millisecond)
	case 7:
		c.restart()
	case 8:
		c.kill()
		c.lives++
	default:
		// What ASYNC_FLUSH has acknowledged without a flush, a power cut may take.
		require.NoError(c.t, c.store.Flush())
		c.cutWithin()
		c.lives++
	}
	c.count()
}

// cutWithin cuts the power within the service's work, of which some time of rest has left it a little.
func (c *chance) cutWithin() {
	<-clock.Real{}.NewTimer(time.Duration(c.rng.IntN(4000))*time.Millisecond + 123*time.Microsecond).C()
	var image atomic.Pointer[mapfile.Mem]
	at := c.mem.Ops() + 1 + c.rng.Int64N(12)
	c.fault = func(op mapfile.Op) {
		if op.N >= at && image.Load() == nil {
			image.Store(c.mem.Crash(c.rng))
		}
	}
	c.cutting.Store(true)
	c.service.Step(time.Now())
	require.NoError(c.t, c.service.save(c.rng.IntN(2) == 0))
	c.count() // who has seen a message before the cut has seen it
	synctest.Wait()
	c.cutting.Store(false)
	if image.Load() == nil {
		image.Store(c.mem.Crash(c.rng))
	}
	c.replace(image.Load())
	// A consumer's offset may lie behind the end of a queue that has lost its last moments; so does ours.
	c.seen = min(c.seen, c.store.Queue([]byte("T"), 0).Max())
}

// count notes what has arrived: nothing before its time.
func (c *chance) count() {
	for _, name := range c.arrived() {
		c.times[name]++
		require.LessOrEqual(c.t, c.due[name], time.Now().UnixMilli(), "%s comes early", name)
	}
}

// All that is acknowledged comes, at its time, and once in every life that does not end well, at most.
func TestNothingIsLostOrEarly(t *testing.T) {
	for kind, flush := range map[string]engine.FlushType{"async": engine.AsyncFlush, "sync": engine.SyncFlush} {
		for seed := range uint64(seeds) {
			t.Run(fmt.Sprint(kind, "/", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					c := &chance{
						stage: newStage(t, flush), rng: rand.New(rand.NewPCG(seed, 2)), due: map[string]int64{}, times: map[string]int{},
					}
					for range 40 {
						c.step()
					}
					c.wait(303 * time.Second)
					c.count()
					for name := range c.due {
						require.GreaterOrEqual(t, c.times[name], 1, "%s is lost\n%s", name, c.log.String())
						require.LessOrEqual(t, c.times[name], 1+c.lives, "%s comes again and again", name)
					}
				})
			})
		}
	}
}
