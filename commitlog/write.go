package commitlog

import (
	"fmt"
	"io"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Write copies a batch to the files. With sync it returns when the device has the bytes, too.
// The first failure is final. One goroutine calls Write or Start at a time, and not before what was
// started is done.
func (l *Log) Write(b *Batch, sync bool) error {
	if err := l.Failure(); err != nil {
		return err
	}
	l.prewriting.reach(b)
	r := &l.writing
	for i := range b.extents {
		if err := l.writeExtent(r, b, &b.extents[i], sync); err != nil {
			return l.fail(err)
		}
	}
	return l.wrote(b, sync)
}

func (l *Log) writeExtent(r *mapfile.Request, b *Batch, e *extent, sync bool) error {
	f, p, off, err := l.part(b, e)
	if err != nil {
		return err
	}
	wanted, err := l.mode.write(r, f, p, off, sync)
	if wanted && err == nil {
		err = carryOut(f, r)
	}
	if err != nil || !sync {
		return err
	}
	if wanted, err = l.mode.sync(r, f, off, int64(len(p))); wanted && err == nil {
		err = carryOut(f, r)
	}
	return err
}

// carryOut does a request with plain calls.
func carryOut(f *File, r *mapfile.Request) error {
	if r.Kind == mapfile.SyncRequest {
		return f.f.Sync()
	}
	n, err := f.f.WriteWith(r.P, r.Off, r.How)
	if err == nil && n < len(r.P) {
		err = io.ErrShortWrite
	}
	return err
}

// part is what to write of an extent, and where: in whole blocks, if the mode wants that.
func (l *Log) part(b *Batch, e *extent) (f *File, p []byte, off int64, err error) {
	if f = l.fileAt(e.off); f == nil {
		return nil, nil, 0, fmt.Errorf("%s: no such file any more", l.PathOf(e.off))
	}
	from, to := e.from, e.to
	off = int64(e.off - f.base)
	if l.mode.blocks {
		head := from & blockMask
		from, off, to = from-head, off-int64(head), wholeBlocks(to)
		clear(b.buf[e.to:to])
	}
	return f, b.buf[from:to], off, nil
}

// wrote notes that a batch is in the files, and with sync on the device.
func (l *Log) wrote(b *Batch, sync bool) error {
	begin, end := b.Begin(), b.End()
	if b.chunk != nil {
		l.staging.keep(b)
	}
	if sync && l.Durable() >= begin {
		// Before written is set: a Sync that runs beside finds nothing to do. It could
		// otherwise be the one that the kernel tells of the failure of a later write.
		l.nowDurable(end)
	}
	l.written.Store(int64(end))
	if sync && l.Durable() < end {
		return l.Sync() // what was written before may be in the page cache only
	}
	return nil
}

// Sync makes what is written last. It may run beside Write; the first failure is final.
func (l *Log) Sync() error {
	// One at a time: the kernel tells of a failure only once.
	l.syncing.Lock()
	defer l.syncing.Unlock()
	if err := l.Failure(); err != nil {
		return err
	}
	var r mapfile.Request
	from, to := l.Durable(), l.Written()
	for from < to {
		f := l.fileAt(from)
		if f == nil {
			return l.fail(fmt.Errorf("%s: no such file any more", l.PathOf(from)))
		}
		end := min(f.end(), to)
		if err := l.syncPart(&r, f, int64(from-f.base), int64(end-from)); err != nil {
			return l.fail(err)
		}
		l.nowDurable(end)
		from = end
	}
	return nil
}

// syncPart brings bytes of a file to the device that were written without sync.
func (l *Log) syncPart(r *mapfile.Request, f *File, off, n int64) error {
	if !l.mode.mapped {
		return f.f.Sync()
	}
	wanted, err := l.mode.sync(r, f, off, n)
	if wanted && err == nil {
		err = f.f.Sync()
	}
	return err
}

// nowDurable notes that the device has everything below end. Files that lie below are not written any more.
func (l *Log) nowDurable(end message.LogOffset) {
	before := l.durable.Load()
	for before < int64(end) && !l.durable.CompareAndSwap(before, int64(end)) {
		before = l.durable.Load()
	}
	if from := message.LogOffset(before); l.mode.mapped && from < end && l.baseOf(from) != l.baseOf(end) {
		if f := l.fileAt(from); f != nil {
			if err := f.unmap(); err != nil {
				l.o.Log.Warn("commit log file stays mapped", "path", l.PathOf(from), "err", err)
			}
		}
	}
}

// writebackGap is how far behind the log's end writeback stays. The kernel locks pages until it has found their blocks and
// made its requests; an append into one of them waits as long, some hundred microseconds.
const writebackGap = 1 << 20

// StartWriteback asks the kernel to begin writing the log from what an earlier call has left at from to a bit before to, where it is
// being written.
func (l *Log) StartWriteback(from, to message.LogOffset) error {
	from, to = max(from-writebackGap, 0), to-writebackGap
	return l.eachPart(from, to, func(f *File, off, n int64) error { return f.f.StartWriteback(off, n) })
}

// largestFolio bounds what the kernel keeps as one piece of the page cache. One that is only in part within what is dropped stays.
const largestFolio = 2 << 20

// DropCache drops the bytes [from, to), which must be durable, from the page cache, with what calls before left at from. Readers
// that come back for them wait for the device.
func (l *Log) DropCache(from, to message.LogOffset) error {
	return l.eachPart(from, to, func(f *File, off, n int64) error {
		if err := l.views.letGo(f, off, off+n); err != nil { // a page that is mapped would stay
			return err
		}
		left := min(off, largestFolio)
		return f.f.DropCache(off-left, n+left)
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

// Fail makes an error of the log's owner its failure: nothing can be written any more, and [Log.Failure] says why.
func (l *Log) Fail(err error) { _ = l.fail(err) }
