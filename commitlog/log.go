package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"path"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Options of a Log.
type Options struct {
	FS  mapfile.FS
	Dir string // within FS; made when missing
	// FileSize is the length of every file (mappedFileSizeCommitLog).
	FileSize int64
	// Mode is how files are written.
	Mode Mode
	// Warm makes all of a new file ready to be stored to, in the mmap modes (warmMapedFileEnable).
	Warm bool
	// Failed is called once, when the log can no longer be written; nil is fine.
	Failed func(err error)
	Log    *slog.Logger
	// MapBytes bounds what is mapped for readers, but for what they have pinned; at least 64 MiB.
	MapBytes int64
	// ColdBytes bounds the memory for what is read from the device for readers far behind.
	ColdBytes int64
}

// Log is the row of files.
//
// Lock order: mu before views.mu; blocks.mu, staging.mu, syncing alone. mu is held while files are made and removed, never on the
// way of an append or a read.
type Log struct {
	o Options

	mu    sync.Mutex              // guards changes of files and prepared
	files atomic.Pointer[[]*File] // sorted, without holes; replaced, never changed
	// prepared is the end of the last file that is known to have its blocks.
	prepared atomic.Int64
	leaving  []leaving // removed files that may still be read; under mu

	found   message.LogOffset // end of the files that Open found; set before use
	resumed message.LogOffset // where Resume had the log go on; set before use
	written atomic.Int64      // LogOffset up to which the page cache has the log
	durable atomic.Int64      // LogOffset up to which the device has it; ≤ written
	failure atomic.Pointer[FailedError]

	mode    *mode // set before use
	staging staging
	flight  flight          // owned by who writes
	writing mapfile.Request // the same; of Write
	syncing sync.Mutex      // one Sync at a time; held over I/O

	prewriting prewriting

	views  views
	blocks blocks
}

// nameLength is the number of digits of a file's name.
const nameLength = 20

// Open loads the files of a log. It reads no records: the positions are those of [Log.Resume].
func Open(o Options) (*Log, error) {
	if o.FileSize < message.MinSize+message.BlankSize {
		return nil, fmt.Errorf("mappedFileSizeCommitLog is %d, it must be at least %d", o.FileSize, message.MinSize+message.BlankSize)
	}
	if o.Mode == Direct && o.FileSize%mapfile.DirectAlign != 0 {
		return nil, fmt.Errorf("flushMode=direct: mappedFileSizeCommitLog is %d, it must be a multiple of %d", o.FileSize, mapfile.DirectAlign)
	}
	l := &Log{o: o, mode: &modes[o.Mode]}
	l.prewriting.claim.Store(math.MaxInt64)
	l.views.limit = max(o.MapBytes, minMapBytes)
	l.blocks = blocks{log: l, limit: max(int(o.ColdBytes/(readBlock+blockOverlap)), 2*maxReads), byBase: map[message.LogOffset]*block{}}
	l.blocks.idle.L = &l.blocks.mu
	l.files.Store(&[]*File{})
	if err := l.settleNames(); err != nil {
		return nil, err
	}
	if err := l.load(); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// settleNames makes the directory and the names in it last: a process that was killed may have made
// files and come no further.
func (l *Log) settleNames() error {
	if _, err := l.o.FS.Stat(l.o.Dir); errors.Is(err, fs.ErrNotExist) {
		if err := l.o.FS.MkdirAll(l.o.Dir); err != nil {
			return err
		}
	}
	if err := l.o.FS.SyncDir(l.o.Dir); err != nil {
		return err
	}
	return l.o.FS.SyncDir(".")
}

func (l *Log) load() error {
	entries, err := l.o.FS.ReadDir(l.o.Dir)
	if err != nil {
		return err
	}
	var unbegun []string // files without length
	for _, e := range entries {
		base, ok := parseName(e.Name)
		if ok && !e.Dir && e.Size > 0 && len(unbegun) > 0 {
			return &MissingError{Path: l.path(unbegun[0]), Next: l.path(e.Name)}
		}
		if e.Dir || !ok {
			l.o.Log.Warn("not a commit log file, left alone", "path", l.path(e.Name))
			continue
		}
		if e.Size == 0 {
			unbegun = append(unbegun, e.Name)
			continue
		}
		if err := l.loadFile(e, base); err != nil {
			return err
		}
	}
	l.removeUnbegun(unbegun)
	return nil
}

// removeUnbegun removes what a crash has left between making a file and giving it its length: no Java broker starts
// with such a file. What cannot be removed is in nobody's way here: Prepare finishes it.
func (l *Log) removeUnbegun(names []string) {
	for _, name := range names {
		l.o.Log.Info("commit log file was never begun", "path", l.path(name))
		if err := l.o.FS.Remove(path.Join(l.o.Dir, name)); err != nil {
			l.o.Log.Warn("a commit log file without length stays", "path", l.path(name), "err", err)
		}
	}
}

// loadFile appends one file to the row.
func (l *Log) loadFile(e mapfile.Entry, base message.LogOffset) error {
	files := *l.files.Load()
	if e.Size != l.o.FileSize || int64(base)%l.o.FileSize != 0 {
		return &LengthError{Path: l.path(e.Name), Want: l.o.FileSize, Got: e.Size}
	}
	if n := len(files); n > 0 && files[n-1].end() != base {
		return &MissingError{Path: l.path(fileName(files[n-1].end())), Next: l.path(e.Name)}
	}
	f, err := l.o.FS.Open(path.Join(l.o.Dir, e.Name))
	if err != nil {
		return err
	}
	file := newFile(f, base, l.o.FileSize)
	l.add(file)
	l.found = file.end()
	l.written.Store(int64(file.end())) // until Resume, all of it may be records
	return nil
}

// add publishes the row with one more file. Under mu, or while opening.
func (l *Log) add(f *File) {
	old := *l.files.Load()
	files := append(old[:len(old):len(old)], f)
	l.files.Store(&files)
}

func fileName(base message.LogOffset) string { return fmt.Sprintf("%0*d", nameLength, int64(base)) }

func parseName(name string) (message.LogOffset, bool) {
	if len(name) != nameLength {
		return 0, false
	}
	n, err := strconv.ParseUint(name, 10, 63)
	return message.LogOffset(n), err == nil
}

// path is where a file lies, for people.
func (l *Log) path(name string) string { return filepath.Join(l.o.FS.Path(), l.o.Dir, name) }

// Dir is where the log lies, for people.
func (l *Log) Dir() string { return l.path("") }

// name is a file's name within the FS.
func (l *Log) name(base message.LogOffset) string { return path.Join(l.o.Dir, fileName(base)) }

// PathOf is the path of the file that holds off, for people.
func (l *Log) PathOf(off message.LogOffset) string { return l.path(fileName(l.baseOf(off))) }

// baseOf is the first offset of the file that holds off.
func (l *Log) baseOf(off message.LogOffset) message.LogOffset {
	return off - off%message.LogOffset(l.o.FileSize)
}

// FileSize is the length of every file.
func (l *Log) FileSize() int64 { return l.o.FileSize }

// Files is the number of files.
func (l *Log) Files() int { return len(*l.files.Load()) }

// Min is the first offset the log still holds.
func (l *Log) Min() message.LogOffset {
	if files := *l.files.Load(); len(files) > 0 {
		return files[0].base
	}
	return message.LogOffset(l.written.Load())
}

// Written is the end of what the page cache has; a killed process loses nothing below it.
func (l *Log) Written() message.LogOffset { return message.LogOffset(l.written.Load()) }

// Durable is the end of what the device has; a power cut loses nothing below it.
func (l *Log) Durable() message.LogOffset { return message.LogOffset(l.durable.Load()) }

// Failure is why the log cannot be written any more, or nil.
func (l *Log) Failure() error {
	if f := l.failure.Load(); f != nil {
		return f
	}
	return nil
}

// fail makes err the log's failure, unless it has one, and returns the failure.
func (l *Log) fail(err error) error {
	if l.failure.CompareAndSwap(nil, &FailedError{err}) && l.o.Failed != nil {
		l.o.Failed(l.failure.Load())
	}
	return l.failure.Load()
}

// fileAt is the file that holds off, or nil.
func (l *Log) fileAt(off message.LogOffset) *File {
	files := *l.files.Load()
	if len(files) == 0 || off < files[0].base {
		return nil
	}
	i := int(int64(off-files[0].base) / l.o.FileSize)
	if i >= len(files) {
		return nil
	}
	return files[i]
}

// Close closes the files; what is pinned stays mapped until it is unpinned.
func (l *Log) Close() error {
	l.blocks.close()
	l.mu.Lock()
	defer l.mu.Unlock()
	var errs []error
	for _, f := range *l.files.Load() {
		l.views.drop(f)
		errs = append(errs, f.release())
	}
	l.files.Store(&[]*File{})
	return errors.Join(errs...)
}
