package commitlog

import (
	"errors"
	"io/fs"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Prepared tells whether the file that begins at base exists and has its blocks, so that
// writing it cannot run out of space.
func (l *Log) Prepared(base message.LogOffset) bool {
	return int64(base) < l.prepared.Load()
}

// Prepare makes the file that begins at base, full-size and with its blocks, or gives an
// existing one its blocks. It is meant to be called ahead of need; an append whose file is
// late calls it itself. Files are prepared in order. The error is a [SpaceError], which may
// pass, or final like that of Write.
func (l *Log) Prepare(base message.LogOffset) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.Failure(); err != nil {
		return err
	}
	if l.Prepared(base) {
		return nil
	}
	f := l.fileAt(base)
	if f == nil {
		if err := l.settleFound(base); err != nil {
			return err
		}
		var err error
		if f, err = l.create(base); err != nil {
			return err
		}
		l.add(f)
	} else if err := l.allocate(f); err != nil {
		return &SpaceError{l.PathOf(base), l.o.FileSize, err}
	}
	l.warm(f)
	l.prepared.Store(int64(f.end()))
	return nil
}

// settleFound makes the length of the last file that Open found last, before the first new one
// follows it: a process that was killed may not have come so far, and a power cut would leave
// an empty file before a whole one.
func (l *Log) settleFound(base message.LogOffset) error {
	if base != l.found || base == 0 {
		return nil
	}
	f := l.fileAt(base - 1)
	if f == nil {
		return nil
	}
	if err := f.f.Sync(); err != nil {
		return l.fail(err)
	}
	return nil
}

// create makes a file. It gets its length first and then its blocks, so that a crash in
// between leaves a file that this program and Java's both accept.
func (l *Log) create(base message.LogOffset) (*File, error) {
	name := l.name(base)
	// Every append on a full disk comes here: it costs a look, not a file that is made and removed.
	if space, err := l.o.FS.Space(); err == nil && space.Free < l.o.FileSize {
		return nil, &SpaceError{l.PathOf(base), l.o.FileSize, mapfile.ErrNoSpace}
	}
	raw, err := l.o.FS.Create(name)
	if errors.Is(err, fs.ErrExist) {
		raw, err = l.o.FS.Open(name) // one that could not be removed; load would have taken it otherwise
	}
	if err != nil {
		return nil, &SpaceError{l.PathOf(base), l.o.FileSize, err}
	}
	f := newFile(raw, base, l.o.FileSize)
	if err = raw.Truncate(l.o.FileSize); err == nil {
		err = l.allocate(f)
	}
	if err != nil {
		return nil, &SpaceError{l.PathOf(base), l.o.FileSize, errors.Join(err, raw.Close(), l.o.FS.Remove(name))}
	}
	if err := l.settle(raw); err != nil {
		return nil, l.fail(errors.Join(err, raw.Close()))
	}
	return f, nil
}

// allocate gives a file its blocks, by a ring where there is one: it may take the file system a while.
func (l *Log) allocate(f *File) error {
	return await(f, &mapfile.Request{Kind: mapfile.AllocateRequest, Len: l.o.FileSize})
}

// warm makes all of a file ready to be stored to, if that is wanted.
func (l *Log) warm(f *File) {
	if !l.o.Warm || !l.mode.mapped {
		return
	}
	m, err := f.writable()
	if err == nil {
		err = m.Prefault(0, int(f.size))
	}
	if err != nil {
		l.o.Log.Warn("commit log file not warmed", "path", l.PathOf(f.base), "err", err)
	}
}

// settle makes a new file's length and name last.
func (l *Log) settle(f mapfile.File) error {
	if err := f.Sync(); err != nil {
		return err
	}
	return l.o.FS.SyncDir(l.o.Dir)
}
