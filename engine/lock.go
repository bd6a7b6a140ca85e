package engine

import (
	"errors"
	"fmt"
	"io/fs"

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
	if err := f.Lock(); errors.Is(err, mapfile.ErrLocked) {
		return fmt.Errorf("%w %s: stop it, or choose another storePathRootDir", errSecond, s.root.Path())
	} else if err != nil {
		return err
	}
	// Java writes its name, too.
	_, err = f.WriteAt([]byte("lock"), 0)
	return err
}
