package inspect

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"

	"ringmq/engine"
	"ringmq/internal/mapfile"
)

// Options say which store to read.
type Options struct {
	// Dir is the store's directory (storePathRootDir).
	Dir string
	// CommitLogDir is the commit log's (storePathCommitLog); default Dir/commitlog.
	CommitLogDir string
	// ForceRead reads a store that a broker has locked; what is written meanwhile may look damaged.
	ForceRead bool
}

// ErrRunning is returned for a store that a broker has locked.
var ErrRunning = errors.New("a broker runs on the store")

// Store is a store open for reading. Its methods are for one goroutine at a time.
type Store struct {
	root    mapfile.FS
	log     logFiles
	lock    mapfile.File // nil when the store has none
	running bool         // a broker has it
}

// Open opens a store for reading and keeps brokers away until Close.
func Open(o Options) (*Store, error) {
	root, err := mapfile.OpenReadOnly(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{root: root}
	if err := s.open(o); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(o Options) error {
	if err := s.takeLock(o.ForceRead); err != nil {
		return err
	}
	s.log = logFiles{fs: s.root, dir: engine.CommitLogName, shown: engine.CommitLogName}
	if o.CommitLogDir != "" {
		own, err := mapfile.OpenReadOnly(o.CommitLogDir)
		if err != nil {
			return err
		}
		s.log.fs, s.log.dir, s.log.shown = own, ".", o.CommitLogDir
	}
	if err := s.log.list(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is no store: it has no folder %s (--commitlog names one elsewhere)", s.root.Path(), engine.CommitLogName)
		}
		return err
	}
	return nil
}

// takeLock shares the store's lock, if there is one.
func (s *Store) takeLock(force bool) error {
	f, err := s.root.Open(engine.LockName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.lock = f
	err = f.Lock()
	if !errors.Is(err, mapfile.ErrLocked) {
		return err
	}
	s.running = true
	if !force {
		return fmt.Errorf("%w %s: stop it, or read what it has written so far with --force-read", ErrRunning, s.root.Path())
	}
	return nil
}

// Dir is where the store lies.
func (s *Store) Dir() string { return s.root.Path() }

// Close lets brokers start again.
func (s *Store) Close() error {
	var errs []error
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if s.log.fs != nil && s.log.fs != s.root {
		errs = append(errs, s.log.fs.Close())
	}
	return errors.Join(append(errs, s.root.Close())...)
}

// mostCommon is the value that occurs most often, the larger one of two that occur as often; 0 of none.
func mostCommon(values []int64) int64 {
	count := map[int64]int{}
	var best int64
	for _, v := range values {
		count[v]++
	}
	for v, n := range count {
		if cmp.Or(cmp.Compare(n, count[best]), cmp.Compare(v, best)) > 0 {
			best = v
		}
	}
	return best
}
