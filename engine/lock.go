package engine

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"ringmq/internal/mapfile"
)

// lockName is the file that the running broker holds locked, Java's or ours.
const lockName = "lock"

// errSecond is what a second broker on a directory gets.
var errSecond = errors.New("another broker runs on the store")

// takeLock makes sure that no other broker uses the directory. Nothing else is touched before.
func (s *Store) takeLock() error {
	f, err := s.root.Open(lockName)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = s.root.Create(lockName)
		if errors.Is(err, fs.ErrExist) { // another one was faster
			f, err = s.root.Open(lockName)
		}
	}
	if err != nil {
		return err
	}
	s.lock = f
	if err := s.tryLock(f); errors.Is(err, mapfile.ErrLocked) {
		return fmt.Errorf("%w %s: stop it, or choose another storePathRootDir", errSecond, s.root.Path())
	} else if err != nil {
		return err
	}
	// Java writes its name, too.
	_, err = f.WriteAt([]byte("lock"), 0)
	return err
}

// lockPatience is how long a broker that was just killed may take to let go of its lock: the kernel
// tears its memory and its rings down first.
const (
	lockPatience = 500 * time.Millisecond
	lockRetry    = 20 * time.Millisecond
)

func (s *Store) tryLock(f mapfile.File) error {
	for waited := time.Duration(0); ; waited += lockRetry {
		err := f.Lock()
		if !errors.Is(err, mapfile.ErrLocked) || waited >= lockPatience || s.o.stepped {
			return err
		}
		<-s.o.Clock.NewTimer(lockRetry).C()
	}
}
