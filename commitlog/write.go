package commitlog

import (
	"fmt"
	"io"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Write copies a batch to the files. With sync it returns when the device has the bytes, too.
// The first failure is final. One goroutine calls Write at a time.
func (l *Log) Write(b *Batch, sync bool) error {
	if err := l.Failure(); err != nil {
		return err
	}
	for _, e := range b.extents {
		if err := l.writeExtent(b.buf[e.from:e.to], e.off, sync); err != nil {
			return l.fail(err)
		}
	}
	end := int64(b.End())
	l.written.Store(end)
	if sync {
		l.durable.Store(end)
	}
	return nil
}

func (l *Log) writeExtent(p []byte, off message.LogOffset, sync bool) error {
	f := l.fileAt(off)
	if f == nil {
		return fmt.Errorf("%s: no such file any more", l.PathOf(off))
	}
	how := mapfile.How(0)
	if sync {
		how = mapfile.Dsync
	}
	n, err := f.f.WriteWith(p, int64(off-f.base), how)
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

// Sync makes what is written last. It may run beside Write; the first failure is final.
func (l *Log) Sync() error {
	if err := l.Failure(); err != nil {
		return err
	}
	from, to := l.Durable(), l.Written()
	for from < to {
		f := l.fileAt(from)
		if f == nil {
			return l.fail(fmt.Errorf("%s: no such file any more", l.PathOf(from)))
		}
		if err := f.f.Sync(); err != nil {
			return l.fail(err)
		}
		from = min(f.end(), to)
		l.durable.Store(int64(from))
	}
	return nil
}

// StartWriteback asks the kernel to begin writing the bytes [from, to) to the device.
func (l *Log) StartWriteback(from, to message.LogOffset) error {
	return l.eachPart(from, to, func(f *File, off, n int64) error { return f.f.StartWriteback(off, n) })
}

// DropCache drops the bytes [from, to), which must be durable, from the page cache. Readers
// that come back for them wait for the device.
func (l *Log) DropCache(from, to message.LogOffset) error {
	return l.eachPart(from, to, func(f *File, off, n int64) error {
		if err := l.views.letGo(f, off, off+n); err != nil { // a page that is mapped would stay
			return err
		}
		return f.f.DropCache(off, n)
	})
}

// eachPart cuts [from, to) at the files' ends; parts of files that are gone are left out.
func (l *Log) eachPart(from, to message.LogOffset, fn func(f *File, off, n int64) error) error {
	for from < to {
		end := min(l.baseOf(from)+message.LogOffset(l.o.FileSize), to)
		if f := l.fileAt(from); f != nil && f.pin() {
			err := fn(f, int64(from-f.base), int64(end-from))
			f.unpin()
			if err != nil {
				return err
			}
		}
		from = end
	}
	return nil
}
