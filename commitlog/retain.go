package commitlog

import (
	"time"

	"ringmq/internal/mapfile"
)

// RemoveFirst removes the oldest file if expired says so of when it was last written, and
// tells whether it has. The file being written, and those prepared behind it, stay. Readers
// that have pinned the file keep its bytes.
func (l *Log) RemoveFirst(expired func(modified time.Time) bool) (bool, error) {
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
	return true, files[0].release()
}

// Space is the size of the disk the log lies on.
func (l *Log) Space() (mapfile.Space, error) { return l.o.FS.Space() }
