package engine

import (
	"cmp"
	"time"

	"ringmq/internal/mapfile"
)

// Pace is when what is written goes to the device, and what becomes of the page cache meanwhile; see [Store.SetPace]. The zero
// value of a field means its default.
type Pace struct {
	// The log is synced every FlushInterval (flushIntervalCommitLog, 500 ms) if FlushLeastPages are not on the device
	// (flushCommitLogLeastPages, 4; negative: anything), and every FlushThoroughInterval (flushCommitLogThoroughInterval,
	// 10 s) if anything is not. With SyncFlush there is hardly ever something left to do.
	FlushInterval, FlushThoroughInterval time.Duration
	FlushLeastPages                      int
	// FlushEarly syncs before its time, too, when there are FlushLeastPages (flushCommitLogTimed=false).
	FlushEarly bool
	// CheckpointInterval paces the flush of the derived files and the checkpoint
	// (flushIntervalConsumeQueue, 1 s).
	CheckpointInterval time.Duration
	// PrewriteRate is how many bytes a second of zeros are written behind the log's end with SyncFlush, up to
	// 16 MiB ahead, which halves the time of a commit; 0 none.
	PrewriteRate int64
	// CacheWindow is how much of the log's end stays in the page cache while more than 32 MiB a second are written; what lies
	// further back is dropped as the log goes on. Default a sixteenth of the RAM; negative: never dropped.
	CacheWindow int64
}

func (p Pace) withDefaults() Pace {
	p.FlushInterval = cmp.Or(p.FlushInterval, 500*time.Millisecond)
	p.FlushLeastPages = cmp.Or(p.FlushLeastPages, 4)
	p.FlushThoroughInterval = cmp.Or(p.FlushThoroughInterval, 10*time.Second)
	p.CheckpointInterval = cmp.Or(p.CheckpointInterval, time.Second)
	p.CacheWindow = cmp.Or(p.CacheWindow, mapfile.PhysicalMemory()/16)
	return p
}

// SetPace replaces the pace: it counts when what a loop waits for now is over.
func (s *Store) SetPace(p Pace) {
	p = p.withDefaults()
	s.pace.Store(&p)
	s.wake(s.wakePrepare) // zeros may be wanted now
}

// enough tells whether the device lacks so much that a sync is due without waiting for FlushThoroughInterval.
func (p *Pace) enough(dirty int) bool { return dirty >= p.FlushLeastPages*pageBytes }
