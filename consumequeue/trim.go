package consumequeue

import (
	"cmp"
	"errors"
	"fmt"
	"sort"

	"ringmq/internal/message"
)

// TruncateTo drops the entries whose record starts at or behind off and sets each queue's
// Next to its Max. It belongs to recovery: nothing else may use the table meanwhile.
func (t *Table) TruncateTo(off message.LogOffset) error {
	var errs []error
	for _, q := range t.All() {
		if q.EndLogOffset() > off {
			errs = append(errs, q.truncateTo(off))
		}
		q.Next = q.Max()
	}
	return errors.Join(errs...)
}

func (q *Queue) truncateTo(off message.LogOffset) error {
	q.io.Lock()
	defer q.io.Unlock()
	if err := q.drain(); err != nil {
		return err
	}
	if q.ext == nil {
		return q.findEnd(off)
	}
	end, err := q.ext.firstUnit(off)
	if err != nil {
		return err
	}
	if err := q.findEnd(off); err != nil {
		return err
	}
	return q.ext.findEnd(true, end)
}

// Restart drops all entries of the queue: its topic was deleted, and what comes now begins at 0
// again. It belongs to recovery: nothing else may use the queue meanwhile.
func (q *Queue) Restart() error {
	q.io.Lock()
	defer q.io.Unlock()
	for !q.files.empty() {
		if err := q.removeFile(q.files.hi - 1); err != nil { // the first says how far the queue had come
			return err
		}
	}
	q.setMax(0, 0)
	q.min.Store(0)
	q.Next = 0
	return nil
}

// CorrectMin takes note that the commit log now begins at off, and removes the files that lie before.
func (t *Table) CorrectMin(off message.LogOffset) error {
	old, err := t.Expire(off)
	for _, q := range old {
		err = errors.Join(err, q.RemoveExpired())
	}
	return err
}

// Expire takes note that the commit log now begins at off: each queue's Min becomes its
// first entry at or behind off. It returns the queues that have files before that one.
func (t *Table) Expire(off message.LogOffset) ([]*Queue, error) {
	var old []*Queue
	for _, q := range t.All() {
		expired, err := q.expire(off)
		if err != nil {
			return nil, err
		}
		if expired {
			old = append(old, q)
		}
	}
	if len(old) == 0 {
		return nil, nil
	}
	// The files that stay must be on the device before those that go are removed: after a power
	// cut they are all that is known of how far the queues had come.
	if err := t.Sync(); err != nil {
		return nil, err
	}
	return old, nil
}

// expire moves Min to the first entry at or behind off and tells whether there are files before it.
func (q *Queue) expire(off message.LogOffset) (files bool, err error) {
	lo := q.Min()
	at := func(i int) message.LogOffset {
		var e [1]Entry
		n, failed := q.Read(lo+message.QueueOffset(i), e[:])
		err = cmp.Or(err, failed)
		if n == 1 && !e[0].IsValid() {
			return off // damaged: who reads it finds out what it was
		}
		return e[0].LogOffset
	}
	expired, span := 0, int(q.Max()-lo)
	if span > 0 && at(0) >= off {
		span = 0 // as nearly always
	}
	for {
		expired = sort.Search(span, func(i int) bool { return at(i) >= off })
		if expired < 2 || at(expired-2) < off || err != nil {
			break
		}
		span = expired - 1 // the entry that says that those before it have expired is damaged
	}
	if err != nil {
		return false, err
	}
	if expired > 0 {
		q.min.Store(int64(lo) + int64(expired))
	}
	q.io.Lock()
	defer q.io.Unlock()
	return q.files.lo < q.firstNeeded(), nil
}

// Headless tells whether files before the queue's first one may have been lost: entries begin where a file does, which is
// rarely so after those before have expired. first is the record of the first entry.
func (q *Queue) Headless() (first message.LogOffset, ok bool, err error) {
	q.io.Lock()
	lo := q.files.lo
	q.io.Unlock()
	begin := message.QueueOffset(lo * q.table.perFile())
	if lo == 0 || q.Min() != begin || q.Max() == begin {
		return 0, false, nil
	}
	var e [1]Entry
	n, err := q.Read(begin, e[:])
	return e[0].LogOffset, n == 1, err
}

// firstNeeded is the file of the entry at Min, or the last one.
func (q *Queue) firstNeeded() int64 {
	n, _ := q.table.place(q.Min())
	return min(n, q.files.hi-1)
}

// RemoveExpired removes the queue's files before the one with Min, but never the last, which remembers
// how far the queue has come (ConsumeQueue.deleteExpiredFile). It may run beside everything else, after
// [Table.Expire].
func (q *Queue) RemoveExpired() error {
	q.io.Lock()
	defer q.io.Unlock()
	for q.files.lo < q.firstNeeded() {
		if err := q.removeFile(q.files.lo); err != nil {
			return err
		}
		// One by one: were a later removal to outlast an earlier one, a power cut would leave a
		// gap, and what is behind a gap is not trusted.
		if err := q.table.opt.FS.SyncDir(q.dir()); err != nil {
			return fmt.Errorf("consumequeue: %w", err)
		}
	}
	if q.ext != nil {
		return q.ext.expire()
	}
	return nil
}

// Close writes and syncs everything and closes the files. The table must not be used afterwards.
func (t *Table) Close() error {
	err := t.Sync()
	t.files.close()
	t.extFiles.close()
	return err
}
