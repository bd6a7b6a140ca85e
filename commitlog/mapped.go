package commitlog

import (
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// mapped is a file's mapping for writing, which only the mmap modes have: from the first write
// until all of the file is on the device.
type mapped struct {
	mu sync.Mutex // held by who maps, unmaps or msyncs
	m  atomic.Pointer[mapfile.Mapping]
}

// writable is the mapping to write through. The file has its blocks.
func (f *File) writable() (*mapfile.Mapping, error) {
	if m := f.mapped.m.Load(); m != nil {
		return m, nil
	}
	f.mapped.mu.Lock()
	defer f.mapped.mu.Unlock()
	if m := f.mapped.m.Load(); m != nil {
		return m, nil
	}
	m, err := f.f.Map(0, f.size, mapfile.ReadWrite)
	if err == nil {
		f.mapped.m.Store(m)
	}
	return m, err
}

// msync brings bytes that were stored to the device.
func (f *File) msync(off, n int64) error {
	f.mapped.mu.Lock()
	defer f.mapped.mu.Unlock()
	m := f.mapped.m.Load()
	if m == nil { // written before the start, or by Resume
		return f.f.Sync()
	}
	return m.Sync(int(off), int(n))
}

// unmap ends the mapping for writing.
func (f *File) unmap() error {
	f.mapped.mu.Lock()
	defer f.mapped.mu.Unlock()
	m := f.mapped.m.Swap(nil)
	if m == nil {
		return nil
	}
	return m.Close()
}

// Prefault makes the n bytes behind the log's end ready to be stored to without a page fault, in
// the mmap modes; in the others there is nothing to do.
func (l *Log) Prefault(n int64) error {
	if !l.mode.mapped {
		return nil
	}
	from := l.Written()
	return l.eachPart(from, from+message.LogOffset(n), func(f *File, off, n int64) error {
		if !l.Prepared(f.base) {
			return nil
		}
		m, err := f.writable()
		if err != nil {
			return err
		}
		return m.Prefault(int(off), int(n))
	})
}
