package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// fileRange is a run of files of a queue, lo to hi-1, by number: file n holds the entries
// from n·perFile on.
type fileRange struct{ lo, hi int64 }

func (r fileRange) empty() bool { return r.lo == r.hi }

// with is r widened to hold n.
func (r fileRange) with(n int64) fileRange {
	if r.empty() {
		return fileRange{n, n + 1}
	}
	return fileRange{min(r.lo, n), max(r.hi, n+1)}
}

// within is what r and s share.
func (r fileRange) within(s fileRange) fileRange {
	lo, hi := max(r.lo, s.lo), min(r.hi, s.hi)
	return fileRange{lo, max(lo, hi)}
}

// perFile is how many entries a file holds.
func (t *Table) perFile() int64 { return t.opt.FileSize / EntrySize }

// place is the file that holds an entry, and the byte where it stands in it.
func (t *Table) place(off message.QueueOffset) (n, at int64) {
	return int64(off) / t.perFile(), int64(off) % t.perFile() * EntrySize
}

func (t *Table) topicDir(topic string) string { return path.Join(t.opt.Dir, topic) }

func (q *Queue) dir() string {
	return path.Join(q.table.topicDir(q.topic), strconv.Itoa(int(q.id)))
}

// fileName is the name of a file in its queue's directory: the byte its first entry has in the queue.
func (t *Table) fileName(n int64) string { return fmt.Sprintf("%020d", n*t.opt.FileSize) }

func (q *Queue) filePath(n int64) string { return path.Join(q.dir(), q.table.fileName(n)) }

// openFile opens an existing file of a queue.
func (t *Table) openFile(key fileKey) (mapfile.File, error) {
	f, err := t.opt.FS.Open(key.q.filePath(key.n))
	if err != nil {
		return nil, fmt.Errorf("consumequeue: %w", err)
	}
	return f, nil
}

// createFile makes the next file of the queue, full-size and without blocks; skip bytes at
// its start are filled with blanks. The caller holds q.io.
func (q *Queue) createFile(n, skip int64) (*handle, error) {
	t := q.table
	if q.files.empty() {
		if t.isLeaving(q.topic) {
			return nil, errNoFile // Flush tries again
		}
		if err := t.opt.FS.MkdirAll(q.dir()); err != nil {
			return nil, fmt.Errorf("consumequeue: %w", err)
		}
	}
	name := q.filePath(n)
	f, err := t.opt.FS.Create(name)
	if errors.Is(err, fs.ErrExist) {
		f, err = t.openLeft(name)
	}
	if err != nil {
		return nil, fmt.Errorf("consumequeue: %w", err)
	}
	if err := t.shape(f, skip); err != nil {
		return nil, errors.Join(fmt.Errorf("consumequeue: %w", err), f.Close(), t.opt.FS.Remove(name))
	}
	q.files = q.files.with(n)
	q.touchNames()
	return t.files.insert(fileKey{q, n}, f), nil
}

// openLeft opens and empties a file that was left by an attempt that ran out of space and could not remove it either. A new
// one is not truncated: ext4 would write it to the device when it is closed.
func (t *Table) openLeft(name string) (mapfile.File, error) {
	f, err := t.opt.FS.Open(name)
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(0); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// shape gives an empty file its length and its blanks. A power cut before the length lasts
// leaves an empty file, which Open knows for what it is.
func (t *Table) shape(f mapfile.File, skip int64) error {
	if err := f.Truncate(t.opt.FileSize); err != nil {
		return err
	}
	if skip == 0 {
		return nil
	}
	var blanks []byte
	for int64(len(blanks)) < min(skip, blockSize) {
		blanks = appendEntry(blanks, blank)
	}
	for at := int64(0); at < skip; {
		n, err := f.WriteAt(blanks[:min(int64(len(blanks)), skip-at)], at)
		if err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// removeFile removes a file at either end of the queue's range. The caller holds q.io.
func (q *Queue) removeFile(n int64) error {
	if err := q.unlink(n); err != nil {
		return err
	}
	if n == q.files.lo {
		q.files.lo++
	} else {
		q.files.hi--
	}
	q.touchNames()
	q.unsynced = q.unsynced.within(q.files)
	return nil
}

// unlink removes a file's name; one that is gone already is fine.
func (q *Queue) unlink(n int64) error {
	q.table.files.drop(fileKey{q, n})
	if err := q.table.opt.FS.Remove(q.filePath(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("consumequeue: %w", err)
	}
	return nil
}

// entryAt reads the entry at byte at of a file that exists; ok is whether it can be one.
func (q *Queue) entryAt(n, at int64) (e Entry, ok bool, err error) {
	h, err := q.table.files.acquire(fileKey{q, n})
	if err != nil {
		return Entry{}, false, err
	}
	defer q.table.files.release(h)
	var b [EntrySize]byte
	if _, err := h.file.ReadAt(b[:], at); err != nil {
		return Entry{}, false, fmt.Errorf("consumequeue: %w", err)
	}
	e = DecodeEntry(b[:])
	return e, e.IsValid(), nil
}
