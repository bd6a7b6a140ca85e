package consumequeue

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"ringmq/internal/message"
)

// ErrGap is returned for an entry above the queue's end: one before it is missing. The
// queue is unchanged.
var ErrGap = errors.New("consumequeue: entry leaves a gap")

// ErrDeleted is returned for an entry of a queue whose topic was deleted.
var ErrDeleted = errors.New("consumequeue: queue was deleted")

// ErrEntry is returned for a negative offset, and for an entry that could not be told from an
// unwritten place: without a size, or before the start of the log.
var ErrEntry = errors.New("consumequeue: not an entry")

// Sizes of a tail buffer in bytes: it starts small, because there may be hundreds of
// thousands of queues that get a message now and then. One that holds tailFull is to be written; until it is, it grows, and
// keeps tailMost for the next time.
const (
	tailFirst = 8 * EntrySize
	tailNext  = 32 * EntrySize
	tailFull  = 204 * EntrySize
	tailMost  = 8 * tailFull
)

// tailsKept bounds the memory of all tails: above it, those that are written are given back at the next flush, and readers
// read from the files.
const tailsKept = 96 << 20

// Queue is one consume queue. It is found by [Table.Queue] and stays usable until its topic
// is deleted.
//
// It takes three lines of the processor's cache, of which a message touches the first two: among half a million queues each line
// is a cache miss.
type Queue struct {
	topic string // set before use
	id    int32  // set before use

	// Retired says that the queue was deleted: it gives out no offsets and takes no entries any more, and the table has, or
	// makes, another in its place. [Table.Retire] sets it under both the engine's append lock and mu; either is enough to read it.
	Retired bool

	// Under mu, as tail, base and end are:
	listed bool // the queue is in table.dirty
	waits  bool // the queue is in table.waiting, or was and could not be written

	// Next is the offset the next message will get. It belongs to the engine, under its append
	// lock: it runs ahead of Max by what is appended and not yet dispatched. Open sets it to Max.
	Next message.QueueOffset

	mu         sync.Mutex // covers memory only and is held for no I/O; io is taken before it
	max        atomic.Int64
	table      *Table // set before use
	attachment atomic.Pointer[any]

	tail []byte              // the entries from base to max
	base message.QueueOffset // first entry of tail; those before are in the files
	end  message.LogOffset   // where the last entry's record ends
	min  atomic.Int64
	ext  *ext // set before use; nil without ext files
	// serial is the queue's in the cache of entries; another one when its files' entries were changed.
	serial atomic.Uint64

	// io orders what is done to the files. Put does not wait for it.
	io sync.Mutex
	// Under io:
	files    fileRange           // the files that exist
	written  message.QueueOffset // entries below are in the files; base ≤ written ≤ max
	seen     message.QueueOffset // max at the last flush, to tell an idle queue
	unsynced fileRange           // files with bytes that are not on the device
	failed   bool                // the last write failed; counted in table.failing
	newNames bool                // files were created or removed since the last sync
}

func newQueue(t *Table, topic string, id int32) *Queue {
	q := &Queue{table: t, topic: topic, id: id}
	if t.opt.Ext {
		q.ext = &ext{q: q}
	}
	q.changed()
	return q
}

// Topic is the queue's topic.
func (q *Queue) Topic() string { return q.topic }

// ID is the queue's number in its topic.
func (q *Queue) ID() int32 { return q.id }

// Max is the offset behind the last entry.
func (q *Queue) Max() message.QueueOffset { return message.QueueOffset(q.max.Load()) }

// Min is the offset of the first entry whose record the commit log still has; Max when there is none.
func (q *Queue) Min() message.QueueOffset { return message.QueueOffset(q.min.Load()) }

// EndLogOffset is where the last entry's record ends in the commit log, 0 for an empty queue.
func (q *Queue) EndLogOffset() message.LogOffset {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.end
}

// Attachment is what was set last, nil before. It is a place for the one who waits for the
// queue's next message to be found without a search.
func (q *Queue) Attachment() any {
	if p := q.attachment.Load(); p != nil {
		return *p
	}
	return nil
}

// Deleted is Retired for those who do not hold the append lock.
func (q *Queue) Deleted() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.Retired
}

// SetAttachment replaces the attachment.
func (q *Queue) SetAttachment(v any) { q.attachment.Store(&v) }

// Put adds the entry of the message at off. Below Max it changes nothing, so a record may be
// dispatched again. Above Max it is ErrGap, except that a queue whose Min is Max, as it is new or
// everything in it has expired, goes on wherever its next entry is.
//
// The entry is in memory when Put returns and can be read. It reaches the file by [Table.Flush], or, when the tail is
// full, by [Table.FlushDue]: never by Put, which must not wait, and a write waits while the kernel has the page on its way to the
// device. A failed write is not an error of Put: see [Table.Failure].
// One goroutine at a time may put into a queue.
func (q *Queue) Put(off message.QueueOffset, e Entry) error {
	if off < 0 || !e.IsValid() {
		return fmt.Errorf("%w: %s/%d offset %d", ErrEntry, q.topic, q.id, off)
	}
	q.mu.Lock()
	if q.Retired {
		q.mu.Unlock()
		return fmt.Errorf("%w: %s/%d", ErrDeleted, q.topic, q.id)
	}
	if next := message.QueueOffset(q.max.Load()); off != next {
		if off < next {
			q.mu.Unlock()
			return nil
		}
		if q.Min() != next {
			q.mu.Unlock()
			return fmt.Errorf("%w: %s/%d has %d, got %d", ErrGap, q.topic, q.id, next, off)
		}
		q.setTail(nil)
		q.base = off
		q.min.Store(int64(off))
	}
	if len(q.tail) == cap(q.tail) {
		q.growTail()
	}
	q.tail = appendEntry(q.tail, e)
	q.end = e.end()
	q.max.Store(int64(off) + 1)
	full, list := len(q.tail) >= tailFull && !q.waits, !q.listed
	q.listed, q.waits = true, q.waits || full
	q.mu.Unlock()
	if list {
		q.table.listDirty(q)
	}
	if full {
		q.table.await(q)
	}
	return nil
}

// growTail makes room for an entry. Beyond a full tail, while it waits to be written, it doubles. The caller holds q.mu.
func (q *Queue) growTail() {
	size := max(2*cap(q.tail), tailFull)
	switch {
	case cap(q.tail) < tailFirst:
		size = tailFirst
	case cap(q.tail) < tailNext:
		size = tailNext
	case cap(q.tail) < tailFull:
		size = tailFull
	}
	tail := make([]byte, len(q.tail), size)
	copy(tail, q.tail)
	q.setTail(tail)
}

// setTail replaces the tail's memory. The caller holds q.mu.
func (q *Queue) setTail(tail []byte) {
	q.table.tailBytes.Add(int64(cap(tail) - cap(q.tail)))
	q.tail = tail
}
