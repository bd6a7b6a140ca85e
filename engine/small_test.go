package engine

import (
	"log/slog"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
)

// frozen is a clock that moves when it is told to.
type frozen struct{ now time.Time }

func (f *frozen) Now() time.Time                     { return f.now }
func (f *frozen) NewTimer(time.Duration) clock.Timer { panic("a stepped store has no timers") }

// small are the options of a store whose files are small, over a memory twin, without goroutines.
func small(mem *mapfile.Mem) Options {
	return Options{
		FS: mem, stepped: true, Clock: &frozen{time.UnixMilli(1_700_000_000_000)},
		CommitLogFileSize: 8 << 10, ConsumeQueueFileSize: 20 * 16, IndexSlots: 32, IndexEntries: 64,
		StagingBytes: 32 << 10, Log: slog.New(slog.DiscardHandler),
	}
}
