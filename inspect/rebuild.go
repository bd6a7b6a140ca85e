package inspect

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"strings"
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
	// Progress gets how many bytes of the log are done, of how many. It may be nil.
	Progress func(done, total int64)
	// Log gets what was repaired on the way.
	Log *slog.Logger
}

// Rebuild makes the consume queues and the index of a store again from its commit log, as
// [engine.Rebuild] does. The store must not be open, by a broker or here.
func Rebuild(ctx context.Context, o Options, r RebuildOptions) (engine.Rebuilt, error) {
	e, total, err := r.engineOptions(o)
	if err != nil {
		return engine.Rebuilt{}, err
	}
	var progress func(message.LogOffset)
	if r.Progress != nil {
		var first, last message.LogOffset = -1, 0
		progress = func(at message.LogOffset) {
			if first < 0 {
				first = at
			}
			if at-last >= chunkSize {
				last = at
				r.Progress(int64(at-first), total)
			}
		}
	}
	return engine.Rebuild(ctx, e, r.Keep, progress)
}

// engineOptions looks at the files there are.
func (r RebuildOptions) engineOptions(o Options) (e engine.Options, total int64, err error) {
	o.ForceRead = false
	s, err := Open(o)
	if err != nil {
		return e, 0, err
	}
	defer func() {
		if closed := s.Close(); err == nil {
			err = closed
		}
	}()
	queues := queueFiles{fs: s.root}
	if err := queues.list(); err != nil {
		return e, 0, err
	}
	for _, q := range queues.queues {
		if strings.HasPrefix(q.topic, lightPrefix) {
			return e, 0, fmt.Errorf("%s: %s has light queues, which rebuild does not make; nothing was changed", s.Dir(), engine.ConsumeQueueName)
		}
	}
	indexes := indexFiles{fs: s.root}
	if err := indexes.list(); err != nil {
		return e, 0, err
	}
	for _, f := range s.log.files {
		total += f.size
	}
	shape := cmp.Or(r.Index, indexes.shape)
	return engine.Options{
		Dir: s.Dir(), CommitLogDir: o.CommitLogDir, CommitLogFileSize: s.log.fileSize,
		ConsumeQueueFileSize: cmp.Or(r.QueueFileSize, queues.fileSize),
		IndexSlots:           shape.Slots, IndexEntries: shape.Entries, NoIndex: r.NoIndex,
		DelayLevels: r.DelayLevels, Log: r.Log,
	}, total, nil
}
