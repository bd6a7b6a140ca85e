package commitlog

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// File is one file of the log as a reader sees it: a mapping of the whole file.
//
// Its life: open, with one reference held by the Log and one by each reader; when the Log
// has dropped its reference (retention, Close) no new reader gets in, and the last one out
// unmaps and closes.
type File struct {
	base message.LogOffset
	size int64
	f    mapfile.File

	refs atomic.Int64 // 0: closed for good

	mapMu   sync.Mutex // one goroutine maps
	mapping atomic.Pointer[mapfile.Mapping]
}

func newFile(f mapfile.File, base message.LogOffset, size int64) *File {
	file := &File{base: base, size: size, f: f}
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

// Unpin gives back what Log.Pin took; slices of the mapping must not be used afterwards.
func (f *File) Unpin() {
	// The file is gone from the log by the time the last reader closes it, so an error to
	// close it is nobody's any more.
	_ = f.release()
}

// release drops a reference; the last one unmaps and closes.
func (f *File) release() error {
	if f.refs.Add(-1) != 0 {
		return nil
	}
	var err error
	if m := f.mapping.Load(); m != nil {
		err = m.Close()
	}
	return errors.Join(err, f.f.Close())
}

// mapped makes the mapping exist.
func (f *File) mapped() error {
	if f.mapping.Load() != nil {
		return nil
	}
	f.mapMu.Lock()
	defer f.mapMu.Unlock()
	if f.mapping.Load() != nil {
		return nil
	}
	m, err := f.f.Map(0, f.size, mapfile.ReadOnly)
	if err != nil {
		return err
	}
	f.mapping.Store(m)
	return nil
}

// Holds tells whether n bytes at off lie within the file.
func (f *File) Holds(off message.LogOffset, n int) bool {
	return off >= f.base && n >= 0 && int64(off-f.base) <= f.size-int64(n)
}

// Bytes is n bytes of the mapping at off, which the file must hold. Touching them may wait
// for the device; see Resident.
func (f *File) Bytes(off message.LogOffset, n int) []byte {
	p := int(off - f.base)
	return f.mapping.Load().Data[p : p+n : p+n]
}

// Resident tells whether n bytes at off can be touched without waiting for the device.
func (f *File) Resident(off message.LogOffset, n int) (bool, error) {
	return f.mapping.Load().Resident(int(off-f.base), n)
}

// Populate reads n bytes at off into memory; a device error is an error here, and a fatal
// signal to whoever touches the bytes without asking.
func (f *File) Populate(off message.LogOffset, n int) error {
	return f.mapping.Load().Populate(int(off-f.base), n)
}

// ModTime is when the file was last written.
func (f *File) ModTime() (time.Time, error) { return f.f.ModTime() }
