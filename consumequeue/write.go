package consumequeue

import (
	"errors"

	"ringmq/internal/message"
)

// Due receives when queues have a full tail, which [Table.FlushDue] writes.
func (t *Table) Due() <-chan struct{} { return t.due }

// FlushDue is Flush for the queues that Due tells of: with many queues, much less.
func (t *Table) FlushDue() error {
	t.mu.Lock()
	waiting := t.waiting
	t.waiting = nil
	t.mu.Unlock()
	for _, q := range waiting {
		q.io.Lock()
		q.write()
		q.io.Unlock()
	}
	return t.Failure()
}

// await lists a queue, which did not wait before, for FlushDue.
func (t *Table) await(q *Queue) {
	t.mu.Lock()
	t.waiting = append(t.waiting, q)
	t.mu.Unlock()
	select {
	case t.due <- struct{}{}:
	default: // it is told already
	}
}

// Failure is why entries cannot be written now, nil when they can. The entries stay in
// memory and Flush tries again; so it goes away by itself when a full disk has room again.
// It costs an atomic load while nothing fails.
func (t *Table) Failure() error {
	if t.failing.Load() == 0 {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failure
}

func (t *Table) listDirty(q *Queue) {
	t.mu.Lock()
	t.dirty = append(t.dirty, q)
	t.mu.Unlock()
}

// Flush writes every entry to its file (not to the device: see [Table.Sync]), creating the
// files that are missing, and gives back the memory of queues that rest since the last
// Flush. It returns what [Table.Failure] then returns: with nil, what was put before the call is in the files.
func (t *Table) Flush() error {
	t.flushing.Lock() // the queues that one Flush has taken another would miss
	defer t.flushing.Unlock()
	t.mu.Lock()
	dirty := t.dirty
	t.dirty = nil
	t.mu.Unlock()
	for _, q := range dirty {
		q.flush()
	}
	return t.Failure()
}

// flush writes the tail and tells by listing the queue again whether there is more to do.
func (q *Queue) flush() {
	if q.Deleted() {
		return // its files are being removed
	}
	q.io.Lock()
	defer q.io.Unlock()
	q.mu.Lock()
	q.listed = false
	q.mu.Unlock()
	q.write()

	q.mu.Lock()
	end := q.Max()
	forget := q.written == end && (q.seen == end || q.table.tailBytes.Load() > tailsKept)
	q.seen = end
	if forget {
		q.setTail(nil)
		q.base = end
	}
	list := !forget && !q.listed && !q.Retired
	q.listed = q.listed || list
	q.mu.Unlock()
	if list {
		q.table.listDirty(q)
	}
}

// write brings everything into the files, as far as they can be made; the table keeps the failure. The caller holds q.io.
func (q *Queue) write() {
	if q.Deleted() {
		return
	}
	_ = q.drain()
}

// errNoFile is drain's where no file can be created yet: [Table.Flush] tries again.
var errNoFile = errors.New("consumequeue: file not created yet")

// drain writes the entries that are not in the files, their units first, and forgets those of a full tail. The
// caller holds q.io.
func (q *Queue) drain() error {
	q.mu.Lock()
	if q.Retired {
		q.mu.Unlock()
		return nil
	}
	base := q.base
	data := q.tail[max(0, int(q.written-base))*EntrySize:]
	q.mu.Unlock()

	var err error
	if q.ext != nil {
		err = q.ext.flush()
	}
	if q.written < base && err == nil {
		err = q.skipTo(base)
	}
	for len(data) > 0 && err == nil {
		var n int
		n, err = q.writeRun(data)
		data = data[n:]
	}
	if errors.Is(err, errNoFile) {
		return err
	}
	q.setFailed(err)
	q.dropWritten()
	return err
}

// skipTo makes base the next entry of a queue that has none in its files that counts: they hold
// what has expired, or blanks and nothing. They go, and the new one begins with blanks.
func (q *Queue) skipTo(base message.QueueOffset) error {
	for !q.files.empty() {
		if err := q.removeFile(q.files.lo); err != nil {
			return err
		}
	}
	q.written = base
	q.changed()
	return nil
}

// writeRun writes the front of data, as far as it belongs in one file, and returns how much that was.
func (q *Queue) writeRun(data []byte) (int, error) {
	t := q.table
	n, at := t.place(q.written)
	data = data[:min(int64(len(data)), t.opt.FileSize-at)]
	var h *handle
	var err error
	if n >= q.files.lo && n < q.files.hi {
		h, err = t.files.acquire(fileKey{q, n})
	} else {
		h, err = q.createFile(n, at)
	}
	if err != nil {
		return 0, err
	}
	defer t.files.release(h)
	q.touchFile(n)
	wrote, err := h.file.WriteAt(data, at)
	wrote -= wrote % EntrySize
	q.written += message.QueueOffset(wrote / EntrySize)
	return wrote, err
}

// touchFile notes that a file differs from what the device holds.
func (q *Queue) touchFile(n int64) {
	q.noteUnsynced()
	q.unsynced = q.unsynced.with(n)
}

// touchNames notes that the queue's directory differs from what the device holds.
func (q *Queue) touchNames() {
	q.noteUnsynced()
	q.newNames = true
}

func (q *Queue) noteUnsynced() {
	if q.unsynced.empty() && !q.newNames && (q.ext == nil || q.ext.synced()) {
		q.table.listUnsynced(q)
	}
}

// dropWritten forgets the written entries of a full tail. Those of a tail that is not full
// are kept for readers. The caller holds q.io.
func (q *Queue) dropWritten() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waits = q.failed // then Flush tries again, and nobody else
	if len(q.tail) < tailFull || q.written < q.base {
		return
	}
	rest := q.tail[int(q.written-q.base)*EntrySize:]
	if cap(q.tail) > tailMost && len(rest) < tailMost {
		q.setTail(append(make([]byte, 0, tailMost), rest...))
	} else {
		q.tail = q.tail[:copy(q.tail, rest)]
	}
	q.base = q.written
}

// setFailed keeps table.failing in step with the outcome of a write.
func (q *Queue) setFailed(err error) {
	t := q.table
	if err == nil && !q.failed {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != nil {
		t.failure = err
	}
	switch {
	case err != nil && !q.failed:
		t.failing.Add(1)
	case err == nil && q.failed:
		t.failing.Add(-1)
	}
	q.failed = err != nil
}
