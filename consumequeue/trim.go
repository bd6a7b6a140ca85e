package consumequeue

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"sort"

	"ringmq/internal/mapfile"
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
	if err := q.drain(true); err != nil {
		return err
	}
	if q.ext == nil {
		return q.findEnd(off)
	}
	q.ext.flush()
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
		_, failed := q.Read(lo+message.QueueOffset(i), e[:])
		err = cmp.Or(err, failed)
		return e[0].LogOffset
	}
	expired, span := 0, int(q.Max()-lo)
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

// DeleteTopic removes the topic's queues and their files, for good when it returns nil: also
// what an earlier call that was interrupted has left of them. From its start on the queues take
// no entries ([ErrDeleted]); afterwards [Table.Queue] makes new ones, which begin at 0.
func (t *Table) DeleteTopic(topic string) error {
	var queues []*Queue
	if m := t.shardOf([]byte(topic)).topics.Load(); m != nil && (*m)[topic] != nil {
		queues = *(*m)[topic].queues.Load()
	}
	return t.delete(topic, queues)
}

// DeleteExpired removes the queues that have entries, but none whose record ends behind off:
// where the commit log begins (DefaultMessageStore.cleanExpiredConsumerQueue). Topics that
// keep tells of stay.
func (t *Table) DeleteExpired(off message.LogOffset, keep func(topic string) bool) error {
	byTopic := map[string][]*Queue{}
	for _, q := range t.All() {
		if end := q.EndLogOffset(); end > 0 && end < off && !keep(q.topic) {
			byTopic[q.topic] = append(byTopic[q.topic], q)
		}
	}
	var errs []error
	for topic, queues := range byTopic {
		errs = append(errs, t.delete(topic, queues))
	}
	return errors.Join(errs...)
}

// delete removes queues of one topic, and the topic with its last queue.
func (t *Table) delete(topic string, queues []*Queue) error {
	var errs []error
	for _, q := range queues {
		errs = append(errs, q.delete())
		t.lookup.remove(q)
	}
	s := t.shardOf([]byte(topic))
	s.mu.Lock()
	left := s.without(topic, queues)
	s.mu.Unlock()
	dir := t.opt.Dir
	if left > 0 {
		dir = t.topicDir(topic)
	} else {
		errs = append(errs, mapfile.RemoveAll(t.opt.FS, t.topicDir(topic)))
		if t.opt.Ext {
			errs = append(errs, mapfile.RemoveAll(t.opt.FS, path.Join(t.opt.ExtDir, topic)))
		}
	}
	if err := errors.Join(append(errs, t.syncDir(dir))...); err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	return nil
}

// without takes queues out of a topic and returns how many are left. The caller holds s.mu.
func (s *shard) without(topic string, queues []*Queue) (left int) {
	m := s.topics.Load()
	if m == nil || (*m)[topic] == nil {
		return 0
	}
	old, tq := *m, (*m)[topic]
	rest := slices.DeleteFunc(slices.Clone(*tq.queues.Load()), func(q *Queue) bool { return slices.Contains(queues, q) })
	if len(rest) > 0 {
		tq.queues.Store(&rest)
		return len(rest)
	}
	topics := make(map[string]*topicQueues, len(old))
	for name, other := range old {
		if name != topic {
			topics[name] = other
		}
	}
	s.topics.Store(&topics)
	return 0
}

// delete closes the queue for entries and removes its files.
func (q *Queue) delete() error {
	q.io.Lock()
	defer q.io.Unlock()
	q.setFailed(nil)
	q.mu.Lock()
	q.gone = true
	q.tail, q.base = nil, q.Max()
	q.min.Store(int64(q.base))
	q.mu.Unlock()
	for n := q.files.lo; n < q.files.hi; n++ {
		q.table.files.drop(fileKey{q, n})
	}
	q.files, q.unsynced, q.newNames = fileRange{}, fileRange{}, false
	q.changed()
	if q.ext != nil {
		if err := q.ext.remove(); err != nil {
			return err
		}
	}
	return mapfile.RemoveAll(q.table.opt.FS, q.dir())
}

// Close writes and syncs everything and closes the files. The table must not be used afterwards.
func (t *Table) Close() error {
	err := t.Sync()
	t.files.close()
	t.extFiles.close()
	return err
}
