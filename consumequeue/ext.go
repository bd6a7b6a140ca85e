package consumequeue

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"sort"
	"strconv"
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Defaults of the ext files.
const (
	// DefaultExtFileSize is RocketMQ's mappedFileSizeConsumeQueueExt.
	DefaultExtFileSize = 48 << 20
	// DefaultExtDir is the ext files' directory in a store.
	DefaultExtDir = "consumequeue_ext"

	minExtFile = 4096
)

// ext is the units of one queue: a row of sparse files, and in front of them a tail in memory,
// which goes to the files before the entries that point at it.
//
//	0 …    lo      base      end
//	| gone | files | tail … |
//
// An entry whose unit is lost is as one whose message every filter may want. An entry that leads to another's unit would
// be worse: its message might be dropped. So no place is given twice while an entry may lead there, and units are
// not scanned at start: the queue's last entry says where they end.
type ext struct {
	q *Queue

	mu   sync.Mutex
	tail []byte // under mu: the bytes from base on, ends of files included
	base int64  // under mu

	// Under q.io:
	files    fileRange // that exist
	unsynced fileRange
	newNames bool
}

// extDir is where the queue's ext files lie.
func (q *Queue) extDir() string {
	return path.Join(q.table.opt.ExtDir, q.topic, strconv.Itoa(int(q.id)))
}

func (t *Table) extName(n int64) string { return fmt.Sprintf("%020d", n*t.opt.ExtFileSize) }

func (t *Table) openExt(key fileKey) (mapfile.File, error) {
	return t.opt.FS.Open(path.Join(key.q.extDir(), t.extName(key.n)))
}

// PutUnit is Put where the table has ext files: u, which it does not keep, is put beside the entry. Where it has
// none, or u is too long, it is Put.
func (q *Queue) PutUnit(off message.QueueOffset, e Entry, u *Unit) error {
	if q.ext == nil || int64(u.size()) > min(maxUnit, q.table.opt.ExtFileSize-unitSpare) || off < q.Max() {
		return q.Put(off, e)
	}
	x := q.ext
	if at := x.put(u); at >= 0 {
		e.TagsCode = firstAddress + at
	}
	return q.Put(off, e)
}

// put puts a unit into the tail and returns its place, -1 where no address is left.
func (x *ext) put(u *Unit) (at int64) {
	size := x.q.table.opt.ExtFileSize
	x.mu.Lock()
	defer x.mu.Unlock()
	before := len(x.tail)
	at = x.base + int64(before)
	if rest := size - at%size; rest-unitSpare < int64(u.size()) {
		x.tail = binary.BigEndian.AppendUint16(x.tail, endMark)
		x.tail = append(x.tail, make([]byte, rest-2)...)
		at += rest
	}
	if at+int64(u.size()) > lastAddress-firstAddress {
		x.tail = x.tail[:before]
		return -1
	}
	x.tail = appendUnit(x.tail, u)
	return at
}

// synced tells whether the device has all that is in the files. The caller holds q.io.
func (x *ext) synced() bool { return x.unsynced.empty() && !x.newNames }

// flush writes the tail to the files. The caller holds q.io.
func (x *ext) flush() error {
	x.mu.Lock()
	base, data := x.base, x.tail[:len(x.tail):len(x.tail)]
	x.mu.Unlock()
	wrote := 0
	var err error
	for wrote < len(data) && err == nil {
		var n int
		n, err = x.write(base+int64(wrote), data[wrote:])
		wrote += n
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.base += int64(wrote)
	if x.tail = x.tail[wrote:]; len(x.tail) == 0 {
		x.tail = nil // what readers have is theirs
	}
	return err
}

// write writes the front of data, as far as it lies in one file.
func (x *ext) write(at int64, data []byte) (int, error) {
	t := x.q.table
	n := at / t.opt.ExtFileSize
	h, err := x.file(n)
	if err != nil {
		return 0, fmt.Errorf("consumequeue: %w", err)
	}
	defer t.extFiles.release(h)
	data = data[:min(int64(len(data)), t.opt.ExtFileSize-at%t.opt.ExtFileSize)]
	x.q.noteUnsynced()
	x.unsynced = x.unsynced.with(n)
	return h.file.WriteAt(data, at%t.opt.ExtFileSize)
}

// file opens a file of the row, or makes it.
func (x *ext) file(n int64) (*handle, error) {
	t, key := x.q.table, fileKey{x.q, n}
	if n >= x.files.lo && n < x.files.hi {
		return t.extFiles.acquire(key)
	}
	if x.files.empty() && t.isLeaving(x.q.topic) {
		return nil, errNoFile
	}
	if err := t.opt.FS.MkdirAll(x.q.extDir()); err != nil {
		return nil, err
	}
	name := path.Join(x.q.extDir(), t.extName(n))
	f, err := t.opt.FS.Create(name)
	if errors.Is(err, fs.ErrExist) {
		f, err = t.opt.FS.Open(name)
	}
	if err != nil {
		return nil, err
	}
	if err := f.Truncate(t.opt.ExtFileSize); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	x.q.noteUnsynced()
	x.files, x.newNames = x.files.with(n), true
	return t.extFiles.insert(key, f), nil
}

// sync puts the files and their names on the device and tells whether names are new. The caller holds q.io.
func (x *ext) sync() (newNames bool, err error) {
	t := x.q.table
	for n := x.unsynced.lo; n < x.unsynced.hi; n++ {
		h, err := t.extFiles.acquire(fileKey{x.q, n})
		if err != nil {
			return false, err
		}
		err = h.file.Sync()
		t.extFiles.release(h)
		if err != nil {
			return false, err
		}
	}
	x.unsynced = fileRange{}
	newNames, x.newNames = x.newNames, false
	if newNames {
		err = t.syncDir(x.q.extDir())
	}
	return newNames, err
}

// load finds the files and where the units end. The queue is not in use yet.
func (x *ext) load() error {
	t := x.q.table
	entries, err := t.opt.FS.ReadDir(x.q.extDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("consumequeue: %w", err)
	}
	var numbers []int64
	for _, e := range entries {
		start, err := strconv.ParseUint(e.Name, 10, 63)
		if err == nil && !e.Dir && e.Size == t.opt.ExtFileSize && int64(start)%t.opt.ExtFileSize == 0 {
			numbers = append(numbers, int64(start)/t.opt.ExtFileSize)
			continue
		}
		if name := path.Join(x.q.extDir(), e.Name); !e.Dir && e.Size == 0 && t.opt.FS.Remove(name) == nil {
			continue // of a crash between making a file and giving it its length: no Java broker starts with it
		}
		t.opt.Log.Warn("not an ext file of the queue, left alone", "path", path.Join(t.opt.FS.Path(), x.q.extDir(), e.Name))
	}
	slices.Sort(numbers)
	if n := len(numbers); n > 0 {
		x.files = fileRange{numbers[0], numbers[n-1] + 1}
	}
	return x.findEnd(t.opt.Crashed, x.files.hi*t.opt.ExtFileSize)
}

// findEnd makes the units end behind the last entry's, or at end where that is not known. dirty says
// that units without entries may stand behind it. The caller holds q.io or is alone.
func (x *ext) findEnd(dirty bool, end int64) error {
	q, size := x.q, x.q.table.opt.ExtFileSize
	var last [1]Entry
	if at := q.Max() - 1; at >= q.Min() {
		if _, err := q.Read(at, last[:]); err != nil {
			return err
		}
	}
	if code := last[0].TagsCode; last[0].IsValid() && IsAddress(code) {
		var u Units
		defer u.Close()
		at := code - firstAddress
		end = max(end, at-at%size+size) // where its unit is lost
		if unit, ok := u.Unit(q, code, true); ok {
			end = at + int64(unit.size())
		}
	}
	if dirty {
		if err := x.clear(end); err != nil {
			return err
		}
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.tail, x.base = nil, end
	return nil
}

// firstUnit is the place of the unit of the first entry whose record starts at or behind off; the begin of the next
// file where that is not known.
func (x *ext) firstUnit(off message.LogOffset) (int64, error) {
	q := x.q
	lo := q.Min()
	var e [1]Entry
	var failed error
	n := sort.Search(int(q.Max()-lo), func(i int) bool {
		_, err := q.Read(lo+message.QueueOffset(i), e[:])
		failed = cmp.Or(failed, err)
		return e[0].LogOffset >= off
	})
	if at := lo + message.QueueOffset(n); failed == nil && at < q.Max() {
		if _, failed = q.Read(at, e[:]); failed == nil && IsAddress(e[0].TagsCode) {
			return e[0].TagsCode - firstAddress, nil
		}
	}
	return x.files.hi * q.table.opt.ExtFileSize, failed
}

// clear makes what stands behind end zero, or removes it, so that it is never taken for units (Java walks from one to
// the next when it starts).
func (x *ext) clear(end int64) error {
	t := x.q.table
	size := t.opt.ExtFileSize
	n, at := end/size, end%size
	for keep := (end + size - 1) / size; x.files.hi > max(keep, x.files.lo); x.files.hi-- {
		last := x.files.hi - 1
		t.extFiles.drop(fileKey{x.q, last})
		x.q.noteUnsynced()
		x.newNames = true
		if err := t.opt.FS.Remove(path.Join(x.q.extDir(), t.extName(last))); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("consumequeue: %w", err)
		}
		x.unsynced = x.unsynced.within(fileRange{x.files.lo, last})
	}
	if at == 0 || n < x.files.lo || n >= x.files.hi {
		return nil
	}
	h, err := x.file(n)
	if err != nil {
		return err
	}
	defer x.q.table.extFiles.release(h)
	x.q.noteUnsynced()
	x.unsynced = x.unsynced.with(n)
	return h.file.Clear(at, size-at)
}

// expire removes the files before the one that the queue's first entry needs (ConsumeQueueExt.truncateByMinAddress).
// The caller holds q.io.
func (x *ext) expire() error {
	q, t := x.q, x.q.table
	var first [1]Entry
	if n, err := q.Read(q.Min(), first[:]); n == 0 || err != nil || !IsAddress(first[0].TagsCode) {
		return err
	}
	for need := (first[0].TagsCode - firstAddress) / t.opt.ExtFileSize; x.files.lo < min(need, x.files.hi-1); x.files.lo++ {
		t.extFiles.drop(fileKey{q, x.files.lo})
		err := t.opt.FS.Remove(path.Join(q.extDir(), t.extName(x.files.lo)))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("consumequeue: %w", err)
		}
		x.unsynced = x.unsynced.within(fileRange{x.files.lo + 1, x.files.hi})
	}
	return nil
}

// remove removes all files. The caller holds q.io.
func (x *ext) remove() error {
	for n := x.files.lo; n < x.files.hi; n++ {
		x.q.table.extFiles.drop(fileKey{x.q, n})
	}
	x.files, x.unsynced, x.newNames = fileRange{}, fileRange{}, false
	x.mu.Lock()
	x.tail, x.base = nil, 0
	x.mu.Unlock()
	return mapfile.RemoveAll(x.q.table.opt.FS, x.q.extDir())
}
