package consumequeue

import (
	"cmp"
	"errors"
	"fmt"
	"hash/maphash"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"sort"
	"strconv"
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Open loads the table: for each queue, which files there are and where its entries end.
// Folders whose name is not a number are not queues and are left alone, as
// DefaultMessageStore.loadConsumeQueue does.
//
// Only the last file of a queue is read. Its entries end at the first that cannot be one;
// see the package comment for what is cleared behind them and for [Table.Redo].
func Open(o Options) (*Table, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	t := &Table{opt: o, seed: maphash.MakeSeed(), due: make(chan struct{}, 1), inherited: o.Crashed}
	t.lookup = newLookup(t.seed)
	t.files = newHandles(o.OpenFiles, t.openFile)
	t.extFiles = newHandles(o.OpenFiles, t.openExt)
	topics, err := o.FS.ReadDir(o.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("consumequeue: %w", err)
	}
	topics = slices.DeleteFunc(topics, func(e mapfile.Entry) bool { return !e.Dir })
	loaded := make([][]*Queue, len(topics))
	errs := make([]error, len(topics))
	parallel(len(topics), 2*runtime.GOMAXPROCS(0), func(i int) {
		loaded[i], errs[i] = t.loadTopic(topics[i].Name)
	})
	if err := errors.Join(errs...); err != nil {
		t.files.close()
		t.extFiles.close()
		return nil, err
	}
	t.fill(loaded)
	return t, nil
}

// parallel calls fn for 0 to n-1 on several goroutines, at most limit. A few calls are made one
// after the other, in order: a simulation has no more, and can be repeated.
func parallel(n, limit int, fn func(i int)) {
	const each = 16
	if n <= each {
		for i := range n {
			fn(i)
		}
		return
	}
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(limit, (n+each-1)/each) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				fn(i)
			}
		})
	}
	wg.Wait()
}

// fill makes the maps of the loaded queues at once.
func (t *Table) fill(loaded [][]*Queue) {
	maps := make([]map[string]*topicQueues, shardCount)
	var all []*Queue
	for _, queues := range loaded {
		if len(queues) == 0 {
			continue
		}
		all = append(all, queues...)
		name := queues[0].topic
		tq := &topicQueues{name: name}
		tq.queues.Store(&queues)
		i := maphash.String(t.seed, name) % shardCount
		if maps[i] == nil {
			maps[i] = map[string]*topicQueues{}
		}
		maps[i][name] = tq
	}
	for _, q := range all {
		t.lookup.add(q)
	}
	for i := range maps {
		if maps[i] != nil {
			t.shards[i].topics.Store(&maps[i])
		}
	}
}

func (t *Table) loadTopic(topic string) ([]*Queue, error) {
	dirs, err := t.opt.FS.ReadDir(t.topicDir(topic))
	if err != nil {
		return nil, fmt.Errorf("consumequeue: %w", err)
	}
	var queues []*Queue
	for _, d := range dirs {
		id, err := strconv.ParseUint(d.Name, 10, 31)
		if err != nil || !d.Dir || strconv.FormatUint(id, 10) != d.Name {
			continue
		}
		q := newQueue(t, topic, int32(id))
		if err := q.load(); err != nil {
			return nil, err
		}
		queues = append(queues, q)
	}
	slices.SortFunc(queues, byID)
	return queues, nil
}

// load finds the queue's files and entries.
func (q *Queue) load() error {
	entries, err := q.table.opt.FS.ReadDir(q.dir())
	if err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	names := make([]int64, 0, 1)
	for _, e := range entries {
		n, err := q.checkFile(e)
		if err != nil {
			return err
		}
		names = append(names, n)
	}
	slices.Sort(names)
	if err := q.adopt(names, entries); err != nil {
		return err
	}
	if err := q.findEnd(nothing); err != nil {
		return err
	}
	if err := q.findStart(); err != nil {
		return err
	}
	q.Next = q.Max()
	if q.ext != nil {
		return q.ext.load()
	}
	return nil
}

// adopt takes the files up to the first that is missing or empty. That one was being created
// when the power failed, so nothing behind it had been synced, and all behind it is removed.
func (q *Queue) adopt(names []int64, entries []mapfile.Entry) error {
	keep := 0
	for keep < len(names) && entries[keep].Size != 0 && (keep == 0 || names[keep] == names[keep-1]+1) {
		keep++
	}
	c := cut{q: q, resumes: nothing}
	// From the last on: a power cut now leaves the first of them, and not one whose past is missing.
	for i := len(names) - 1; i >= keep; i-- {
		if entries[i].Size != 0 {
			e, ok, err := q.entryAt(names[i], 0)
			if err != nil {
				return err
			}
			if ok {
				c.resumes = min(c.resumes, e.LogOffset)
			}
		}
		q.touchNames()
		if err := q.unlink(names[i]); err != nil {
			return err
		}
	}
	if keep > 0 {
		q.files = fileRange{names[0], names[keep-1] + 1}
	}
	if keep == len(names) {
		return nil
	}
	if keep > 0 {
		last, _, err := q.entryAt(names[keep-1], q.table.opt.FileSize-EntrySize)
		if err != nil {
			return err
		}
		c.end = last.end()
	}
	q.table.addCut(c)
	return nil
}

// findStart sets Min to the first entry that is not a blank.
func (q *Queue) findStart() error {
	if q.files.empty() {
		return nil
	}
	perFile := q.table.perFile()
	first := message.QueueOffset(q.files.lo * perFile)
	span := int(min(q.Max()-first, message.QueueOffset(perFile)))
	var failed error
	blanks := sort.Search(span, func(i int) bool {
		e, _, err := q.entryAt(q.files.lo, int64(i)*EntrySize)
		failed = cmp.Or(failed, err)
		return e != blank
	})
	q.min.Store(int64(first) + int64(blanks))
	return failed
}

// checkFile tells the number of a file, or why it cannot be one of the queue's.
func (q *Queue) checkFile(e mapfile.Entry) (int64, error) {
	t := q.table
	name := path.Join(t.opt.FS.Path(), q.dir(), e.Name)
	start, err := strconv.ParseUint(e.Name, 10, 63)
	switch {
	case e.Dir || err != nil || len(e.Name) != 20:
		return 0, fmt.Errorf("consumequeue: %s is not a consume queue file; move it out of the store", name)
	case e.Size != t.opt.FileSize && e.Size != 0:
		return 0, fmt.Errorf("consumequeue: %s has %d bytes, but mappedFileSizeConsumeQueue is %d; "+
			"set the size the store was made with, or, if this file alone is damaged, move it away: it is made again", name, e.Size, t.opt.FileSize)
	case int64(start)%t.opt.FileSize != 0:
		return 0, fmt.Errorf("consumequeue: %s does not start at a multiple of mappedFileSizeConsumeQueue, %d; "+
			"set the size the store was made with", name, t.opt.FileSize)
	}
	return int64(start) / t.opt.FileSize, nil
}
