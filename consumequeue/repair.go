package consumequeue

import (
	"fmt"

	"ringmq/internal/message"
)

// Repair replaces the entry at off, from Min to below Max, that was found damaged. It may run
// beside everything else.
func (q *Queue) Repair(off message.QueueOffset, e Entry) error {
	if !e.IsValid() {
		return fmt.Errorf("%w: %s/%d offset %d", ErrEntry, q.topic, q.id, off)
	}
	q.io.Lock()
	defer q.io.Unlock()
	q.mu.Lock()
	if q.Retired || off < q.Min() || off >= q.Max() {
		q.mu.Unlock()
		return fmt.Errorf("%w: %s/%d has no offset %d", ErrEntry, q.topic, q.id, off)
	}
	if off >= q.base {
		at := int(off-q.base) * EntrySize
		appendEntry(q.tail[:at], e)
	}
	inFile := off < q.written
	q.mu.Unlock()
	if !inFile {
		return nil
	}
	n, at := q.table.place(off)
	h, err := q.table.files.acquire(fileKey{q, n})
	if err != nil {
		return err
	}
	defer q.table.files.release(h)
	q.touchFile(n)
	_, err = h.file.WriteAt(appendEntry(nil, e), at)
	q.changed()
	return err
}
