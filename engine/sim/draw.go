package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"ringmq/commitlog"
	"ringmq/engine"
)

// delays are messageDelayLevel in the runs.
var delays = []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, time.Hour}

// draw chooses the options of a store that lasts for its lives.
func draw(rng *rand.Rand) engine.Options {
	return engine.Options{
		Flush:                engine.FlushType(rng.IntN(2)),
		FlushMode:            drawMode(rng),
		CommitLogFileSize:    4096 << rng.IntN(3),
		ConsumeQueueFileSize: []int64{20, 60, 640, 6000}[rng.IntN(4)],
		IndexSlots:           []int32{1, 16, 500}[rng.IntN(3)],
		IndexEntries:         []int32{4, 40, 2000}[rng.IntN(3)],
		StagingBytes:         32 << 10,
		ColdBytes:            1 << 20,
		Retention:            engine.Retention{Reserved: time.Minute, Forcibly: rng.IntN(2) == 0},
		DelayLevels:          delays,
		ConsumeQueueExt:      rng.IntN(3) == 0,
		ExtFileSize:          4096,
		FilterBits:           filterBits,
		Limits:               engine.Limits{MultiDispatch: true, MaxLightQueues: 100},
		LightQueues:          rng.IntN(2) == 0,
		Seal:                 rng.IntN(4) == 0,
	}
}

func drawMode(rng *rand.Rand) commitlog.Mode { return commitlog.Modes[rng.IntN(len(commitlog.Modes))] }

// redraw changes what an operator may change between two lives.
func (m *sim) redraw() {
	if m.rng.IntN(4) == 0 {
		m.o.Flush = engine.FlushType(m.rng.IntN(2))
		m.o.FlushMode = drawMode(m.rng)
	}
	m.o.AckFromStaging = m.o.Flush == engine.AsyncFlush && m.rng.IntN(6) == 0
}

func describe(o *engine.Options) string {
	return fmt.Sprintf("flush %d %s, log files of %d, queue files of %d, index files of %d/%d, ext %t, light %t, sealed %t", o.Flush, o.FlushMode,
		o.CommitLogFileSize, o.ConsumeQueueFileSize, o.IndexSlots, o.IndexEntries, o.ConsumeQueueExt, o.LightQueues, o.Seal)
}
