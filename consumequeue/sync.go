package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"

	"ringmq/internal/mapfile"
)

// syncers is how many files are synced at once: the file system joins their journal commits.
const syncers = 8

func (t *Table) listUnsynced(q *Queue) {
	t.mu.Lock()
	t.unsynced = append(t.unsynced, q)
	t.mu.Unlock()
}

// Sync puts everything on the device: when it returns nil, a power cut takes no entry that
// was put before the call, so the records before it need not be dispatched again.
//
// After a failed sync nobody knows what the device holds, and every later Sync returns the
// same error: the engine must not move its checkpoint any more. The next start makes the
// entries again from the commit log.
func (t *Table) Sync() error {
	if err := t.Flush(); err != nil {
		return err
	}
	t.mu.Lock()
	queues, inherited, lost := t.unsynced, t.inherited, t.lost
	t.unsynced, t.inherited = nil, false
	t.mu.Unlock()
	if lost != nil {
		return lost
	}
	switch {
	case inherited || len(queues) > manyQueues:
		// What a process that was killed has written, created and removed may be in any queue.
		lost = t.syncAll(queues)
	case len(queues) > 0:
		if lost = t.syncQueues(queues); mapfile.NoHandles(lost) {
			lost = t.syncAll(queues) // opens none
		}
	}
	if lost != nil {
		lost = fmt.Errorf("consumequeue: %w", lost)
		t.mu.Lock()
		t.lost = lost
		t.mu.Unlock()
	}
	return lost
}

// manyQueues is the number of queues above which the whole file system is synced at once: thousands of files one by
// one would each have their journal commit.
const manyQueues = 64

// syncAll puts queues on the device with everything else. They are noted as synced before: what changes meanwhile is
// listed again, and a failure is final.
func (t *Table) syncAll(queues []*Queue) error {
	for _, q := range queues {
		q.io.Lock()
		q.unsynced, q.newNames = fileRange{}, false
		if q.ext != nil {
			q.ext.unsynced, q.ext.newNames = fileRange{}, false
		}
		q.io.Unlock()
	}
	return t.opt.FS.SyncAll()
}

func (t *Table) syncQueues(queues []*Queue) error {
	errs := make([]error, len(queues))
	named := make([]bool, len(queues))
	parallel(len(queues), syncers, func(i int) { named[i], errs[i] = queues[i].sync() })
	if err := errors.Join(errs...); err != nil {
		return err
	}
	var dirs []string
	for i, q := range queues {
		if named[i] {
			dirs = append(dirs, t.topicDir(q.topic))
			if q.ext != nil {
				dirs = append(dirs, path.Join(t.opt.ExtDir, q.topic), t.opt.ExtDir)
			}
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	slices.Sort(dirs)
	for _, dir := range append(slices.Compact(dirs), t.opt.Dir, ".") {
		if err := t.syncDir(dir); err != nil {
			return err
		}
	}
	return nil
}

// syncDir puts the names in dir on the device; a topic may have been deleted meanwhile.
func (t *Table) syncDir(dir string) error {
	err := t.opt.FS.SyncDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// sync puts one queue's files and their names on the device. It tells whether there were
// new names, so that those of the directories above are due too.
func (q *Queue) sync() (newNames bool, err error) {
	q.io.Lock()
	defer q.io.Unlock()
	for n := q.unsynced.lo; n < q.unsynced.hi; n++ {
		h, err := q.table.files.acquire(fileKey{q, n})
		if err != nil {
			return false, err
		}
		err = h.file.Sync()
		q.table.files.release(h)
		if err != nil {
			return false, err
		}
	}
	q.unsynced = fileRange{}
	newNames, q.newNames = q.newNames, false
	if newNames {
		err = q.table.syncDir(q.dir())
	}
	if err == nil && q.ext != nil {
		var extNames bool
		extNames, err = q.ext.sync()
		newNames = newNames || extNames
	}
	return newNames, err
}
