package commitlog

import (
	"errors"
	"sync/atomic"
	"time"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// File is one file of the log.
//
// Its life: open, with one reference held by the Log and one by each that uses the
// descriptor; when the Log has dropped its reference (retention, Close) nobody new gets in, and the
// last one out closes it. Views stay mapped without it.
type File struct {
	base message.LogOffset
	size int64
	f    mapfile.File

	refs    atomic.Int32 // 0: closed for good
	maps    atomic.Int32 // views that are mapped: they keep the bytes of a removed file
	dropped bool         // the log has it no more: its views are not listed; under views.mu

	mapped mapped // for writing

	views []atomic.Pointer[view] // those that are listed, by position
}

func newFile(f mapfile.File, base message.LogOffset, size int64) *File {
	file := &File{base: base, size: size, f: f, views: make([]atomic.Pointer[view], (size+viewBytes-1)/viewBytes)}
	file.refs.Store(1)
	return file
}

func (f *File) end() message.LogOffset { return f.base + message.LogOffset(f.size) }

// pin takes a reference, unless the file is closed.
func (f *File) pin() bool {
	for {
		n := f.refs.Load()
		if n == 0 {
			return false
		}
		if f.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// inUse tells whether anybody has the file open or mapped.
func (f *File) inUse() bool { return f.refs.Load() > 0 || f.maps.Load() > 0 }

// unpin gives back what pin took.
func (f *File) unpin() {
	// The file is gone from the log by the time the last user closes it, so an error to
	// close it is nobody's any more.
	_ = f.release()
}

// release drops a reference; the last one closes.
func (f *File) release() error {
	if f.refs.Add(-1) != 0 {
		return nil
	}
	return errors.Join(f.unmap(), f.f.Close())
}

// mapView maps the bytes [from, to) and pins them.
func (f *File) mapView(from, to int64, index int) (*view, error) {
	m, err := f.f.Map(from, to-from, mapfile.ReadOnly)
	if err != nil {
		return nil, err
	}
	f.maps.Add(1)
	w := &view{base: f.base + message.LogOffset(from), mapping: m, file: f, index: index}
	w.refs.Store(1)
	return w, nil
}

// holds tells whether n bytes at off lie within the file.
func (f *File) holds(off message.LogOffset, n int) bool {
	return off >= f.base && n >= 0 && int64(off-f.base) <= f.size-int64(n)
}

// ModTime is when the file was last written.
func (f *File) ModTime() (time.Time, error) { return f.f.ModTime() }
