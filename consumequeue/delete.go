package consumequeue

import (
	"errors"
	"fmt"
	"path"
	"slices"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// A queue is deleted in two steps, so that those who commit never wait for files to be removed:
//
//	live ──Retire──► retired ──Remove──► no files
//	                 in no map, takes no entries;
//	                 its successor may be made and takes entries, but has no files until Remove is done

// Stale returns, by topic, the queues that have entries, but none whose record ends behind off: where the commit log
// begins (DefaultMessageStore.cleanExpiredConsumerQueue).
func (t *Table) Stale(off message.LogOffset) map[string][]*Queue {
	byTopic := map[string][]*Queue{}
	for _, q := range t.All() {
		if q.Stale(off) {
			byTopic[q.topic] = append(byTopic[q.topic], q)
		}
	}
	return byTopic
}

// Stale tells whether the queue has entries, but none whose record ends behind off.
func (q *Queue) Stale(off message.LogOffset) bool {
	end := q.EndLogOffset()
	return end > 0 && end < off
}

// Retire takes queues of one topic out of the table: they take no entries any more ([ErrDeleted]), and [Table.Queue]
// makes new ones, which begin at 0. It touches memory only; the caller holds the append lock. Remove follows, with no Sync or Close before.
func (t *Table) Retire(topic string, queues []*Queue) {
	for _, q := range queues {
		q.mu.Lock()
		q.Retired = true
		q.setTail(nil)
		q.base = q.Max()
		q.min.Store(int64(q.base))
		q.mu.Unlock()
		t.lookup.remove(q)
	}
	s := t.shardOf([]byte(topic))
	s.mu.Lock()
	left := s.withoutRetired(topic)
	s.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.leaving == nil {
		t.leaving = map[string]bool{}
	}
	t.leaving[topic] = left == 0
}

// isLeaving tells whether files of a topic's former queues are still to be removed.
func (t *Table) isLeaving(topic string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.leaving[topic]
	return ok
}

// Remove removes the files of queues that Retire was given, for good when it returns nil, and all that lies in the
// topic's folder if it had no others: also what an earlier call that was interrupted has left. It waits for the device.
func (t *Table) Remove(topic string, queues []*Queue) error {
	var errs []error
	for _, q := range queues {
		errs = append(errs, q.removeFiles())
	}
	t.mu.Lock()
	whole := t.leaving[topic]
	t.mu.Unlock()
	dir := t.topicDir(topic)
	if whole {
		dir = t.opt.Dir
		errs = append(errs, mapfile.RemoveAll(t.opt.FS, t.topicDir(topic)))
		if t.opt.Ext {
			errs = append(errs, mapfile.RemoveAll(t.opt.FS, path.Join(t.opt.ExtDir, topic)))
		}
	}
	t.mu.Lock()
	delete(t.leaving, topic)
	t.mu.Unlock()
	if err := errors.Join(append(errs, t.syncDir(dir))...); err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	return nil
}

// DeleteTopic is Retire and Remove for all queues of a topic, where nobody else uses the table.
func (t *Table) DeleteTopic(topic string) error {
	queues := t.QueuesOf(topic)
	t.Retire(topic, queues)
	return t.Remove(topic, queues)
}

// withoutRetired takes retired queues out of a topic and returns how many are left. The caller holds s.mu.
func (s *shard) withoutRetired(topic string) (left int) {
	m := s.topics.Load()
	if m == nil || (*m)[topic] == nil {
		return 0
	}
	old, tq := *m, (*m)[topic]
	rest := slices.DeleteFunc(slices.Clone(*tq.queues.Load()), func(q *Queue) bool { return q.Retired })
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

// removeFiles removes the files of a retired queue.
func (q *Queue) removeFiles() error {
	q.io.Lock()
	defer q.io.Unlock()
	q.setFailed(nil)
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
