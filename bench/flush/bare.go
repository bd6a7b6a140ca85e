package flush

import (
	"errors"
	"os"
	"time"

	"ringmq/bench/latency"
	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/mapfile"
)

// bareFile is the size of the file that a bare loop fills; it begins again in a new one, whose making is not timed.
const bareFile = 1 << 30

// bare writes batches of n bytes, one after the other, with the system calls of a mode, for a time. It returns how many
// it wrote in a second, and their median time.
func bare(dir string, m commitlog.Mode, t engine.FlushType, n int, d time.Duration) (perSecond float64, p50 time.Duration, err error) {
	tmp, err := os.MkdirTemp(dir, "ringmq-bare-")
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(tmp)) }()
	fs, err := mapfile.OpenDir(tmp)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, fs.Close()) }()
	if m == commitlog.Direct {
		n = (n + mapfile.DirectAlign - 1) &^ (mapfile.DirectAlign - 1)
	}
	w := &bareWriter{fs: fs, mode: m, sync: t == engine.SyncFlush, p: mapfile.Memory(n), off: bareFile}
	var hist latency.Histogram
	var spent time.Duration
	for spent < d {
		if w.off+int64(n) > bareFile {
			if err := w.next(); err != nil {
				return 0, 0, errors.Join(err, w.close())
			}
		}
		begin := time.Now()
		if err := w.write(); err != nil {
			return 0, 0, errors.Join(err, w.close())
		}
		took := time.Since(begin)
		spent += took
		hist.Add(took)
	}
	return float64(hist.Count()) / spent.Seconds(), hist.Quantile(0.5), w.close()
}

// bareWriter is the state of a bare loop.
type bareWriter struct {
	fs   mapfile.FS
	mode commitlog.Mode
	sync bool
	p    []byte
	file mapfile.File
	m    *mapfile.Mapping // in the mmap modes
	off  int64
}

// next begins a new file with all its blocks.
func (w *bareWriter) next() error {
	if err := w.close(); err != nil {
		return err
	}
	f, err := w.fs.Create("bare")
	if err != nil {
		return err
	}
	w.file, w.off = f, 0
	if err := f.Allocate(0, bareFile); err != nil {
		return err
	}
	if w.mode == commitlog.MmapFsync || w.mode == commitlog.MmapMsync {
		if w.m, err = f.Map(0, bareFile, mapfile.ReadWrite); err != nil {
			return err
		}
	}
	return f.Sync()
}

// close removes the file.
func (w *bareWriter) close() error {
	if w.file == nil {
		return nil
	}
	var err error
	if w.m != nil {
		err, w.m = w.m.Close(), nil
	}
	err = errors.Join(err, w.file.Close(), w.fs.Remove(w.file.Name()))
	w.file = nil
	return err
}

// write writes one batch.
func (w *bareWriter) write() error {
	var how mapfile.How
	switch w.mode {
	case commitlog.MmapFsync, commitlog.MmapMsync:
		copy(w.m.Data[w.off:], w.p)
		w.off += int64(len(w.p))
		return w.flushMapping()
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
	_, err := w.file.WriteWith(w.p, w.off, how)
	w.off += int64(len(w.p))
	if err == nil && w.sync && w.mode == commitlog.WriteFsync {
		err = w.file.Sync()
	}
	return err
}

func (w *bareWriter) flushMapping() error {
	switch {
	case !w.sync:
		return nil
	case w.mode == commitlog.MmapMsync:
		return w.m.Sync(int(w.off)-len(w.p), len(w.p))
	}
	return w.file.Sync()
}
