package statefile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// files is the seam: the file operations that Write and Read are made of. Tests put
// faults and power cuts behind it.
type files interface {
	read(path string) ([]byte, error)
	size(path string) (int64, error)
	// writeSynced creates or truncates path, and its folder if it is missing, with the
	// permissions of the file like if that exists, writes data and syncs them.
	writeSynced(path, like string, data []byte) error
	rename(from, to string) error
	// syncFolder makes the names in path's folder durable.
	syncFolder(path string) error
}

// disk is the file system of the machine.
type disk struct{}

func (disk) read(path string) ([]byte, error) { return os.ReadFile(path) }
func (disk) rename(from, to string) error     { return os.Rename(from, to) }
func (disk) syncFolder(path string) error     { return syncAndClose(os.Open(filepath.Dir(path))) }
func (disk) size(path string) (int64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (disk) writeSynced(path, like string, data []byte) error {
	perm := fs.FileMode(0o644)
	if info, err := os.Stat(like); err == nil {
		perm = info.Mode().Perm() // a property file with a password stays private
	}
	f, err := create(path, perm)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(filepath.Dir(path)); err != nil {
			return err
		}
		f, err = create(path, perm)
	}
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close() // the write's error is the one to tell
		return err
	}
	return syncAndClose(f, nil)
}

func create(path string, perm fs.FileMode) (*os.File, error) {
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
}

// makeFolder makes dir and what is missing above it, each name durable in its parent.
func makeFolder(dir string) error {
	err := os.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(filepath.Dir(dir)); err != nil {
			return err
		}
		err = os.Mkdir(dir, 0o755)
	}
	if err != nil && !errors.Is(err, fs.ErrExist) { // another writer may be at it
		return err
	}
	return syncAndClose(os.Open(filepath.Dir(dir)))
}

func syncAndClose(f *os.File, err error) error {
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
