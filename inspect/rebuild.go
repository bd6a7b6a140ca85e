package inspect

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"ringmq/engine"
	"ringmq/index"
	"ringmq/internal/message"
)

// RebuildOptions say how the new files are made. Sizes that are 0 are those of the files there are,
// or RocketMQ's defaults.
type RebuildOptions struct {
	// QueueFileSize is mappedFileSizeConsumeQueue.
	QueueFileSize int64
	// Index is maxHashSlotNum and maxIndexNum.
	Index index.Shape
	// NoIndex leaves the index as it is (messageIndexEnable=false).
	NoIndex bool
	// DelayLevels are the broker's (messageDelayLevel); nil are RocketMQ's own.
	DelayLevels []time.Duration
	// Keep leaves the old files in ringmq/rebuild.
	Keep bool
	// Fill puts fillers over damaged parts of the log, for a Java broker.
	Fill bool
	// Progress gets how many bytes of the log are done, of how many. It may be nil.
	Progress func(done, total int64)
	// Log gets what was repaired on the way.
	Log *slog.Logger
}

// Rebuild makes the consume queues and the index of a store again from its commit log, as
// [engine.Rebuild] does. The store must not be open, by a broker or here. It reads the log
// twice: first to learn which records are from before their topic was deleted and made anew.
func Rebuild(ctx context.Context, o Options, r RebuildOptions) (engine.Rebuilt, error) {
	if r.Progress == nil {
		r.Progress = func(int64, int64) {}
	}
	e, survey, err := r.survey(ctx, o)
	if err != nil {
		return engine.Rebuilt{}, err
	}
	last := survey.min
	return engine.Rebuild(ctx, e, engine.RebuildOptions{
		Keep: r.Keep, Fill: r.Fill, Stale: survey.stale,
		Progress: func(at message.LogOffset) {
			if at-last >= chunkSize {
				last = at
				r.Progress(survey.size+int64(at-survey.min), 2*survey.size)
			}
		},
	})
}

// survey is what the first reading has found.
type survey struct {
	min  message.LogOffset
	size int64
	// began is where the records begin that are in a queue, of those with earlier ones that are not.
	began map[queueName]message.LogOffset
}

func (s *survey) stale(topic []byte, queue int32, off message.LogOffset) bool {
	return len(s.began) > 0 && off < s.began[queueName{string(topic), queue}]
}

// survey looks at the files there are, and reads the log.
func (r RebuildOptions) survey(ctx context.Context, o Options) (e engine.Options, v *survey, err error) {
	o.ForceRead = false
	s, err := Open(o)
	if err != nil {
		return e, nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	v = &survey{min: s.log.min(), began: map[queueName]message.LogOffset{}}
	if n := len(s.log.files); n > 0 {
		v.size = int64(s.log.files[n-1].end() - v.min)
	}
	c, err := newChecker(s, CheckOptions{
		DelayLevels: r.DelayLevels, Progress: func(done, _ int64) { r.Progress(done, 2*v.size) },
	})
	if err != nil {
		return e, nil, err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	c.index.names = nil // its entries tell nothing of the queues
	if err := cmp.Or(c.findEnds(ctx), c.readLog(ctx)); err != nil {
		return e, nil, err
	}
	for topic, queues := range c.dir.topics {
		for id, q := range queues {
			if q.odd != 0 {
				return e, nil, fmt.Errorf("messages of delay level %d wait %d s in this store, which is not RocketMQ's own: tell the broker's messageDelayLevel with --delay-levels; nothing was changed", q.id+1, q.odd/1000)
			}
			if q.stale > 0 && q.met {
				v.began[queueName{topic, id}] = q.began
			}
		}
	}
	shape := cmp.Or(r.Index, c.index.shape)
	return engine.Options{
		Dir: s.Dir(), CommitLogDir: o.CommitLogDir, CommitLogFileSize: s.log.fileSize,
		ConsumeQueueFileSize: cmp.Or(r.QueueFileSize, c.queues.fileSize),
		IndexSlots:           shape.Slots, IndexEntries: shape.Entries, NoIndex: r.NoIndex,
		DelayLevels: r.DelayLevels, Log: r.Log,
		LightQueues: true, // messages that name them say so
	}, v, nil
}
