package flush

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"ringmq/bench/latency"
	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/mapfile"
)

// bareBatch is the size of a batch that no store exceeds, either.
const bareBatch = 16 << 20

// bare is what the system calls of a cell's mode reach by themselves: batches of as many messages as a group of its waiters has, one after
// the other, for a time. With ASYNC_FLUSH a second goroutine syncs them every half a second, as the store's flusher does. It
// returns the messages in a second, and the median time of a batch.
func bare(ctx context.Context, o *Options, r *room, c Cell) (perSecond float64, p50 time.Duration, err error) {
	tmp, err := os.MkdirTemp(o.Dir, "ringmq-bare-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	fs, err := mapfile.OpenDir(tmp)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	rec := record(c.Bytes)
	messages := min(max(c.Waiters/2, 1), bareBatch/rec.Size())
	n := messages * rec.Size()
	if c.Mode == commitlog.Direct {
		n = (n + mapfile.DirectAlign - 1) &^ (mapfile.DirectAlign - 1)
	}
	w := &bareWriter{fs: fs, room: r, mode: c.Mode, sync: c.Type == engine.SyncFlush, p: mapfile.Memory(n), off: r.file,
		full: make(chan *bareFile, 1), kept: make(chan error, 1)}
	go func() { w.kept <- w.keep() }()
	hist, spent, err := w.run(ctx, o.Each)
	close(w.full)
	if err = errors.Join(err, <-w.kept); err != nil {
		return 0, 0, err
	}
	return float64(messages) * float64(hist.Count()) / spent.Seconds(), hist.Quantile(0.5), nil
}

// bareWriter is the state of a bare loop.
//
//	run    file being written ──full──► keep: sync (ASYNC_FLUSH), remove
type bareWriter struct {
	fs   mapfile.FS
	room *room
	mode commitlog.Mode
	sync bool
	p    []byte

	file  atomic.Pointer[bareFile] // being written; keep syncs it, too
	off   int64                    // owned by run, as is count
	count int
	full  chan *bareFile // to keep, which alone closes files
	kept  chan error
}

// bareFile is one file, of the size of a log's.
type bareFile struct {
	f mapfile.File
	m *mapfile.Mapping // in the mmap modes
}

// run writes for a time, in which the making of files does not count: a store makes them ahead.
func (w *bareWriter) run(ctx context.Context, d time.Duration) (hist latency.Histogram, spent time.Duration, err error) {
	for spent < d && ctx.Err() == nil {
		begin := time.Now()
		if w.off+int64(len(w.p)) > w.room.file {
			if err := w.retire(ctx); err != nil {
				return hist, spent, err
			}
			spent += time.Since(begin)
			if err := w.next(); err != nil {
				return hist, spent, err
			}
			begin = time.Now()
		}
		if err := w.write(); err != nil {
			return hist, spent, err
		}
		took := time.Since(begin)
		spent += took
		hist.Add(took)
	}
	return hist, spent, ctx.Err()
}

// retire hands the full file over, and waits for room for another.
func (w *bareWriter) retire(ctx context.Context) error {
	if b := w.file.Load(); b != nil {
		w.file.Store(nil)
		w.full <- b
	}
	held := func() int64 { return 2 * w.room.file } // keep has no more
	return errors.Join(ctx.Err(), w.room.want(ctx, w.room.file, held))
}

// next begins a new file with all its blocks.
func (w *bareWriter) next() error {
	f, err := w.fs.Create(fmt.Sprint("bare", w.count))
	if err != nil {
		return err
	}
	b := &bareFile{f: f}
	w.count, w.off = w.count+1, 0
	w.file.Store(b)
	if err := f.Allocate(0, w.room.file); err != nil {
		return err
	}
	if w.mode == commitlog.MmapFsync || w.mode == commitlog.MmapMsync {
		if b.m, err = f.Map(0, w.room.file, mapfile.ReadWrite); err != nil {
			return err
		}
	}
	return f.Sync()
}

// keep removes files that are full, and with ASYNC_FLUSH syncs them before, and now and then the one that is written. It
// ends, with the first error, when full is closed and the last file is gone.
func (w *bareWriter) keep() (err error) {
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	for {
		select {
		case b, more := <-w.full:
			if !more {
				if b = w.file.Load(); b != nil {
					keep(w.remove(b))
				}
				return err
			}
			if !w.sync {
				keep(b.f.Sync())
			}
			keep(w.remove(b))
		case <-tick.C:
			if b := w.file.Load(); b != nil && !w.sync {
				keep(b.f.Sync())
			}
		}
	}
}

func (w *bareWriter) remove(b *bareFile) error {
	var err error
	if b.m != nil {
		err = b.m.Close()
	}
	return errors.Join(err, b.f.Close(), w.fs.Remove(b.f.Name()))
}

// write writes one batch.
func (w *bareWriter) write() error {
	b := w.file.Load()
	var how mapfile.How
	switch w.mode {
	case commitlog.MmapFsync, commitlog.MmapMsync:
		copy(b.m.Data[w.off:], w.p)
		w.off += int64(len(w.p))
		return w.flushMapping(b)
	case commitlog.Direct:
		how = mapfile.Direct
		if w.sync {
			how |= mapfile.Dsync
		}
	case commitlog.WriteDsync:
		if w.sync {
			how = mapfile.Dsync
		}
	}
	_, err := b.f.WriteWith(w.p, w.off, how)
	w.off += int64(len(w.p))
	if err == nil && w.sync && w.mode == commitlog.WriteFsync {
		err = b.f.Sync()
	}
	return err
}

func (w *bareWriter) flushMapping(b *bareFile) error {
	switch {
	case !w.sync:
		return nil
	case w.mode == commitlog.MmapMsync:
		return b.m.Sync(int(w.off)-len(w.p), len(w.p))
	}
	return b.f.Sync()
}
