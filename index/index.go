package index

import (
	"cmp"
	"fmt"
	"log/slog"
	"sync"

	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Defaults of [Options].
const (
	// DefaultSlots is RocketMQ's maxHashSlotNum.
	DefaultSlots = 5_000_000
	// DefaultEntries is RocketMQ's maxIndexNum.
	DefaultEntries = 4 * DefaultSlots
	// DefaultDir is the index's directory in a store.
	DefaultDir = "index"
)

// Options say where an index lives and how large its files are.
type Options struct {
	// FS is the store's directory.
	FS mapfile.FS
	// Dir is the index's directory within FS; "" is [DefaultDir].
	Dir string
	// Slots is the number of hash slots of a file (maxHashSlotNum); 0 is [DefaultSlots].
	Slots int32
	// Entries is the number of places for entries of a file, one of which stays unused
	// (maxIndexNum); 0 is [DefaultEntries].
	Entries int32
	// Clock names new files; nil is the system's.
	Clock clock.Clock
	// Log gets what was set aside or repaired; nil is silent.
	Log *slog.Logger
}

func (o Options) withDefaults() (Options, error) {
	o.Dir = cmp.Or(o.Dir, DefaultDir)
	o.Slots = cmp.Or(o.Slots, DefaultSlots)
	o.Entries = cmp.Or(o.Entries, DefaultEntries)
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Slots < 1 || o.Entries < 2 {
		return o, fmt.Errorf("index: maxHashSlotNum %d must be at least 1 and maxIndexNum %d at least 2", o.Slots, o.Entries)
	}
	return o, nil
}

// Index is all index files of a store.
type Index struct {
	opt   Options
	shape shape

	// mu covers the list and is held for no I/O.
	mu sync.Mutex
	// Under mu:
	files    []*file // oldest first; the writer appends, retention removes the first
	newNames bool    // files were created or removed since the last sync

	// Owned by the writer:
	last   *file             // the newest, which is written; nil before the first Put and when Open finds it full
	end    message.LogOffset // the last indexed record, -1 for none
	placed []placed          // entries in last of the record being put
	before header            // of last, before them
	// uncounted bounds the entries that last's header does not count: mostKeys.
	uncounted int

	syncing sync.Mutex // orders those that sync
	lost    error      // under syncing: the first failed sync
}

// Result is what a query found.
type Result struct {
	// Offsets are the records, newest first. Two keys may share a hash, so a record may be of another key.
	Offsets []message.LogOffset
	// LastTimestamp and LastOffset are the store time and the place of the newest indexed record.
	LastTimestamp int64
	LastOffset    message.LogOffset
}

// EndOffset is the last record that was indexed, -1 for none. It belongs to the writer's goroutine.
func (x *Index) EndOffset() message.LogOffset { return x.end }

// FullBelow is the last record of the full files at the front whose last record was stored at the time full
// (ms) or earlier, 0 for none: what begins before it is in them. It belongs to the writer's goroutine.
func (x *Index) FullBelow(full int64) message.LogOffset {
	var end message.LogOffset
	for _, f := range x.files {
		if !f.full() || f.head.endTimestamp > full {
			break
		}
		end = f.head.endOffset
	}
	return end
}

// snapshot returns the files, each held until it is released.
func (x *Index) snapshot() []*file {
	x.mu.Lock()
	defer x.mu.Unlock()
	held := make([]*file, len(x.files))
	for i, f := range x.files {
		f.hold()
		held[i] = f
	}
	return held
}

func release(files []*file) {
	for _, f := range files {
		f.release()
	}
}
