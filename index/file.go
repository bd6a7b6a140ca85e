package index

import (
	"errors"
	"fmt"
	"path"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// allocateStep is how many bytes of entries get blocks at once.
const allocateStep = 4 << 20

// file is one mapped index file. It lives until its last holder releases it.
type file struct {
	table
	name   string // in the index's directory
	f      mapfile.File
	m      *mapfile.Mapping
	access mapfile.Access

	holders atomic.Int32

	// What readers see of the header; written by the writer.
	isFull         atomic.Bool
	beginTimestamp atomic.Int64
	endTimestamp   atomic.Int64
	lastOffset     atomic.Int64
	dirty          atomic.Bool  // differs from what the device holds
	counted        atomic.Int32 // NextEntry

	written int64 // bytes up to which sync has written entries; under Index.syncing

	// Owned by the writer:
	head      header
	allocated int64 // bytes from the start that have blocks
}

func (x *Index) path(name string) string { return path.Join(x.opt.Dir, name) }

// openFile maps an existing file and reads its header.
func (x *Index) openFile(name string, access mapfile.Access) (*file, error) {
	mf, err := x.opt.FS.Open(x.path(name))
	if err != nil {
		return nil, err
	}
	f, err := newFile(name, mf, x.shape, access)
	if err != nil {
		return nil, errors.Join(err, mf.Close())
	}
	// A process that was killed may have left bytes that are not on the device.
	f.markDirty()
	return f, nil
}

// createFile makes a full-size file with blocks for its header, its slots and more entries
// than one record can have, so that a record that begins in it cannot run out of space. A power cut before
// its length lasts leaves an empty file, which Open removes.
func (x *Index) createFile(name string) (*file, error) {
	mf, err := x.opt.FS.Create(x.path(name))
	if err != nil {
		return nil, err
	}
	blocks := min(x.shape.entriesAt()+allocateStep, x.shape.size())
	var f *file
	if err = mf.Truncate(x.shape.size()); err == nil {
		if err = mf.Allocate(0, blocks); err == nil {
			f, err = newFile(name, mf, x.shape, mapfile.Scattered)
		}
	}
	if err != nil {
		return nil, errors.Join(err, mf.Close(), x.opt.FS.Remove(x.path(name)))
	}
	f.allocated = blocks
	return f, nil
}

func newFile(name string, mf mapfile.File, s shape, access mapfile.Access) (*file, error) {
	m, err := mf.Map(0, s.size(), access)
	if err != nil {
		return nil, err
	}
	f := &file{table: table{s, m.Data}, name: name, f: mf, m: m, access: access, head: decodeHeader(m.Data)}
	f.holders.Store(1)
	f.publish()
	return f, nil
}

// publish shows the header to readers.
func (f *file) publish() {
	f.beginTimestamp.Store(f.head.beginTimestamp)
	f.isFull.Store(f.full())
	f.counted.Store(f.head.nextEntry)
	f.endTimestamp.Store(f.head.endTimestamp)
	f.lastOffset.Store(int64(f.head.endOffset))
}

func (f *file) endOffset() message.LogOffset { return message.LogOffset(f.lastOffset.Load()) }

// markDirty makes the next sync include the file. It comes after the bytes are written.
func (f *file) markDirty() {
	if !f.dirty.Load() {
		f.dirty.Store(true)
	}
}

func (f *file) full() bool { return f.head.nextEntry >= f.entries }

// hold keeps the mapping; the caller knows that it is held by another meanwhile.
func (f *file) hold() { f.holders.Add(1) }

// release gives the mapping up. What must last was synced, so errors of closing tell nothing.
func (f *file) release() {
	if f.holders.Add(-1) == 0 {
		_ = f.m.Close()
		_ = f.f.Close()
	}
}

// reserve makes sure that entry n has blocks: without, a full disk would be a SIGBUS.
func (f *file) reserve(n int32) error {
	end := f.entriesAt() + (int64(n)+1)*entrySize
	if end <= f.allocated {
		return nil
	}
	to := min((end+allocateStep-1)/allocateStep*allocateStep, f.size())
	if err := f.f.Allocate(f.allocated, to-f.allocated); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	f.allocated = to
	return nil
}

// setHeader makes h the header, on the file and for readers.
func (f *file) setHeader(h header) {
	f.head = h
	f.showHeader()
}

// showHeader writes head to the file and shows it to readers.
func (f *file) showHeader() {
	f.head.encode(f.data)
	f.publish()
}

// overlaps tells whether records of the file were stored between begin and end, both included.
func (f *file) overlaps(begin, end int64) bool {
	return begin <= f.endTimestamp.Load() && end >= f.beginTimestamp.Load()
}

// search appends the records whose key has the hash and that were stored between begin and
// end, until dst has limit elements. A chain leads to ever lower numbers; a link that does not
// is damage and ends it, so that no circle is walked. The newest entries may not be counted in
// the header yet: a slot leads to an entry only once that is complete.
func (f *file) search(dst []message.LogOffset, hash int32, limit int, begin, end int64) []message.LogOffset {
	base := f.beginTimestamp.Load()
	for n, above := f.slot(f.slotOf(hash)), f.entries; n > 0 && n < above && len(dst) < limit; {
		e := f.entry(n)
		if e.seconds < 0 {
			break
		}
		at := base + int64(e.seconds)*1000
		if e.hash == hash && at >= begin && at <= end {
			dst = append(dst, e.offset)
		}
		if at < begin {
			break
		}
		n, above = e.previous, n
	}
	return dst
}
