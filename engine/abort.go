package engine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"

	"ringmq/internal/mapfile"
)

// abortName is the file that exists while a broker runs: found at start, it tells that the
// last one did not stop cleanly. Java leaves it empty; ours is one line, "ringmq ‹boot id›", or
// "failed ‹boot id›" once a sync has failed.
const abortName = "abort"

const (
	abortPrefix  = "ringmq "
	failedPrefix = "failed "
)

const _ = uint(len(abortPrefix)-len(failedPrefix)) + uint(len(failedPrefix)-len(abortPrefix)) // one is written over the other

// lastRun is how the last broker on the directory ended.
type lastRun uint8

const (
	// lastClean: it was closed, or there was none.
	lastClean lastRun = iota
	// lastKilled: ringmq, and the machine runs since; nothing written is lost.
	lastKilled
	// lastFailed: ringmq, and a sync has failed: the page cache has what was written, but may take
	// for clean what the device does not have. Written again, it is dirty again.
	lastFailed
	// lastPower: ringmq, and the machine was started since; what was not synced may be lost.
	lastPower
	// lastJava: a Java broker, killed or cut.
	lastJava
)

func (l lastRun) String() string {
	return [...]string{"clean stop", "killed", "disk failure", "power cut", "crash of a Java broker"}[l]
}

// readAbort finds out how the last broker ended.
func readAbort(root mapfile.FS) (lastRun, error) {
	f, err := root.Open(abortName)
	if errors.Is(err, fs.ErrNotExist) {
		return lastClean, nil
	}
	if err != nil {
		return 0, err
	}
	var b [128]byte
	n, err := f.ReadAt(b[:], 0)
	if err = errors.Join(f.Close(), ignoreEOF(err)); err != nil {
		return 0, err
	}
	boot, err := root.BootID()
	if err != nil {
		return 0, err
	}
	line := string(b[:n])
	switch {
	case line == abortLine(boot):
		return lastKilled, nil
	case line == failedPrefix+abortLine(boot)[len(abortPrefix):]:
		return lastFailed, nil
	case strings.HasPrefix(line, abortPrefix), strings.HasPrefix(line, failedPrefix):
		return lastPower, nil
	}
	// Also a power cut that took the content of ours: Java's rule is the careful one.
	return lastJava, nil
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func abortLine(boot string) string { return fmt.Sprintf("%s%s\n", abortPrefix, boot) }

// writeAbort makes the file tell that we run.
func writeAbort(root mapfile.FS) error {
	boot, err := root.BootID()
	if err != nil {
		return err
	}
	return writeAbortLine(root, abortLine(boot))
}

func writeAbortLine(root mapfile.FS, line string) error {
	f, err := openOrCreate(root, abortName)
	if err != nil {
		return err
	}
	if err = f.Truncate(int64(len(line))); err == nil {
		_, err = f.WriteAt([]byte(line), 0)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// noteFailure makes the file tell that a sync has failed. It is not synced itself: the note is
// for the next process of this boot.
func (s *Store) noteFailure() {
	f, err := s.root.Open(abortName)
	if err == nil {
		_, err = f.WriteAt([]byte(failedPrefix), 0)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		s.o.Log.Error("the disk's failure cannot be noted", "err", err)
	}
}

// removeAbort tells that we stopped.
func removeAbort(root mapfile.FS) error {
	if err := root.Remove(abortName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return root.SyncDir(".")
}
