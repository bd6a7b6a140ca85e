package commitlog

import (
	"slices"
	"time"

	"ringmq/internal/mapfile"
)

// leaving is a removed file that was read when it was removed.
type leaving struct {
	file  *File
	since time.Time
}

// RemoveFirst removes the oldest file if expired says so of when it was last written, and
// tells whether it has. The file being written, and those prepared behind it, stay. Readers
// that have pinned the file keep its bytes, see [Log.Leaving].
func (l *Log) RemoveFirst(now time.Time, expired func(modified time.Time) bool) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	files := *l.files.Load()
	if len(files) == 0 || files[0].end() > l.Durable() {
		return false, nil
	}
	modified, err := files[0].ModTime()
	if err != nil || !expired(modified) {
		return false, err
	}
	if err := l.o.FS.Remove(l.name(files[0].base)); err != nil {
		return false, err
	}
	// One by one and oldest first, so that a power cut leaves a row without holes.
	if err := l.o.FS.SyncDir(l.o.Dir); err != nil {
		return false, err
	}
	rest := append([]*File(nil), files[1:]...)
	l.files.Store(&rest)
	l.views.drop(files[0])
	err = files[0].release()
	if files[0].inUse() {
		l.leaving = append(l.leaving, leaving{files[0], now})
	}
	return true, err
}

// Leaving tells of removed files whose readers have not let go, so that their space is not free: how
// many there are, and since when the first is gone.
func (l *Log) Leaving() (files int, since time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leaving = slices.DeleteFunc(l.leaving, func(f leaving) bool { return !f.file.inUse() })
	if len(l.leaving) > 0 {
		since = l.leaving[0].since
	}
	return len(l.leaving), since
}

// Space is the size of the disk the log lies on.
func (l *Log) Space() (mapfile.Space, error) { return l.o.FS.Space() }
