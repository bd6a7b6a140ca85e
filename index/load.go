package index

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// asideSuffix makes the directory for files that cannot be used.
const asideSuffix = ".aside"

// Open opens the files of an index. A file whose size or header cannot be right is moved to
// "index.aside" and logged: an index is a help for finding, no reason not to start.
func Open(o Options) (*Index, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	x := &Index{opt: o, shape: shape{o.Slots, o.Entries}, end: -1}
	if err := x.load(); err != nil {
		release(x.files)
		return nil, fmt.Errorf("index: %w", err)
	}
	return x, nil
}

func (x *Index) load() error {
	if err := x.opt.FS.MkdirAll(x.opt.Dir); err != nil {
		return err
	}
	entries, err := x.opt.FS.ReadDir(x.opt.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Dir || len(e.Name) != nameLength || strings.Trim(e.Name, "0123456789") != "" {
			x.opt.Log.Warn("index folder holds something else", "path", path.Join(x.opt.FS.Path(), x.path(e.Name)))
			continue
		}
		if err := x.loadFile(e); err != nil {
			return err
		}
	}
	x.newNames = true // as far as this process knows
	return x.resume()
}

// loadFile opens one file for reading.
func (x *Index) loadFile(e mapfile.Entry) error {
	switch e.Size {
	case 0: // was being created when the power failed
		return x.opt.FS.Remove(x.path(e.Name))
	case x.shape.size():
	default:
		return x.setAside(e.Name, fmt.Sprintf("has %d bytes, maxHashSlotNum and maxIndexNum make %d", e.Size, x.shape.size()))
	}
	f, err := x.openFile(e.Name, mapfile.ReadOnly)
	if err != nil {
		return err
	}
	if why := f.head.check(x.shape); why != "" {
		f.release()
		return x.setAside(e.Name, why)
	}
	x.files = append(x.files, f)
	if !f.head.empty() {
		x.end = max(x.end, f.head.endOffset)
	}
	return nil
}

// check tells what is wrong with a header, "" for nothing.
func (h header) check(s shape) string {
	switch {
	case h.nextEntry > s.entries:
		return fmt.Sprintf("counts %d entries of %d", h.nextEntry, s.entries)
	case h.usedSlots < 0 || h.usedSlots >= h.nextEntry && !h.empty():
		return fmt.Sprintf("counts %d used slots for %d entries", h.usedSlots, h.nextEntry-1)
	case h.beginOffset < 0 || h.endOffset < h.beginOffset:
		return fmt.Sprintf("is of the log from %d to %d", h.beginOffset, h.endOffset)
	case h.beginTimestamp < 0 || h.endTimestamp < 0:
		return "is of a time before 1970"
	}
	return ""
}

// setAside moves a file away, where neither we nor a Java broker takes it for an index.
func (x *Index) setAside(name, why string) error {
	aside := x.opt.Dir + asideSuffix
	x.opt.Log.Warn("index file set aside", "path", path.Join(x.opt.FS.Path(), aside, name), "why", why)
	if err := x.opt.FS.MkdirAll(aside); err != nil {
		return err
	}
	return x.opt.FS.Rename(x.path(name), path.Join(aside, name))
}

// resume makes the newest file the one that is written, unless it is full, and undoes what a
// process that was killed within Put left: in the newest file, and in the one before that when the
// newest had just been made.
func (x *Index) resume() error {
	x.last = nil
	for i := len(x.files) - 1; i >= 0; i-- {
		f := x.files[i]
		if i == len(x.files)-1 && !f.full() || f.interrupted() {
			var err error
			if f, err = x.writable(f); err != nil {
				return err
			}
			x.files[i] = f
		}
		if err := f.undoInterrupted(); err != nil {
			return err
		}
		if i == len(x.files)-1 && !f.full() {
			x.last = f
		}
		if !f.head.empty() {
			return nil
		}
	}
	return nil
}

// writable opens a file anew for writing if it is not yet. What blocks it has is not known: a
// Java broker's is sparse.
func (x *Index) writable(old *file) (*file, error) {
	if old.access == mapfile.Scattered {
		return old, nil
	}
	f, err := x.openFile(old.name, mapfile.Scattered)
	if err != nil {
		return nil, err
	}
	f.markDirty()
	old.release()
	return f, nil
}

// mostKeys is how many entries one record can have: its properties are at most 32,767 bytes
// and each key takes two.
const mostKeys = message.MaxProperties/2 + 1

// uncounted calls fn for the entries that slots lead to, but that the header does not count, the
// newest first: mostKeys at most.
func (f *file) uncounted(fn func(n int32, e entry) error) error {
	first := f.head.nextEntry
	for n := min(first+mostKeys, f.entries) - 1; n >= first; n-- {
		if e := f.entry(n); e.hash >= 0 && f.slot(f.slotOf(e.hash)) == n {
			if err := fn(n, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// interrupted tells whether there are uncounted entries.
func (f *file) interrupted() bool {
	return f.uncounted(func(int32, entry) error { return errUncounted }) != nil
}

var errUncounted = errors.New("uncounted")

// undoInterrupted takes uncounted entries out of their chains.
func (f *file) undoInterrupted() error {
	return f.uncounted(func(n int32, e entry) error {
		if err := f.reserve(n); err != nil {
			return err
		}
		f.setSlot(f.slotOf(e.hash), e.previous)
		f.markDirty()
		return nil
	})
}

// TruncateTo makes the index what it is when only records before off were put: it belongs to
// recovery after a power cut, with off such that all entries of records before it had been
// synced. Of what was written later anything may be missing or torn, so the chains of the
// files that may hold some of it are built anew from their entries. Nothing else may use the
// index meanwhile.
func (x *Index) TruncateTo(off message.LogOffset) error {
	x.end = -1
	files := x.files
	x.files = nil
	for _, f := range files {
		f, err := x.truncate(f, off)
		if err != nil {
			return fmt.Errorf("index: %w", err)
		}
		if f != nil {
			x.files = append(x.files, f)
			x.end = max(x.end, f.head.endOffset)
		}
	}
	if err := x.resume(); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	return nil
}

// truncate is TruncateTo for one file; it returns nil when nothing was left and it is removed. A
// full file that only knows records before off was synced as a whole.
func (x *Index) truncate(f *file, off message.LogOffset) (*file, error) {
	if f.full() && f.head.endOffset < off {
		return f, nil
	}
	good := f.before(off)
	if good == 0 {
		x.newNames = true
		return nil, x.remove(f)
	}
	f, err := x.writable(f)
	if err != nil {
		return nil, err
	}
	return f, f.rebuild(good)
}

// before counts the entries from the first on that are in order and of records before off.
func (f *file) before(off message.LogOffset) int32 {
	last := f.head.beginOffset
	for n := int32(1); n < f.head.nextEntry; n++ {
		e := f.entry(n)
		if e.hash < 0 || e.seconds < 0 || e.offset < last || e.offset >= off {
			return n - 1
		}
		last = e.offset
	}
	return f.head.nextEntry - 1
}

// rebuild keeps the first good entries, chains them anew and clears the places behind: an
// old entry there would be believed once those before it are written anew.
func (f *file) rebuild(good int32) error {
	if err := f.reserve(good); err != nil {
		return err
	}
	clear(f.data[headerSize:f.entriesAt()])
	h := f.head
	h.usedSlots = 0
	for n := int32(1); n <= good; n++ {
		e := f.entry(n)
		slot, previous := f.chain(e.hash, n)
		if previous == 0 {
			h.usedSlots++
		}
		e.previous = previous
		f.setEntry(n, e)
		f.setSlot(slot, n)
	}
	last := f.entry(good)
	if good < h.nextEntry-1 {
		h.endTimestamp = h.beginTimestamp + int64(last.seconds)*1000
	}
	h.nextEntry, h.endOffset = good+1, last.offset
	f.setHeader(h)
	f.markDirty()
	rest := f.entriesAt() + (int64(good)+1)*entrySize
	f.allocated = rest
	return f.clearFrom(rest)
}

func (f *file) clearFrom(at int64) error {
	if at == f.size() {
		return nil
	}
	return f.f.Clear(at, f.size()-at)
}
