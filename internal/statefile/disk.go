package statefile

import (
	"os"
	"path/filepath"
)

// files is the seam: the file operations that Write and Read are made of. Tests put
// faults and power cuts behind it.
type files interface {
	read(path string) ([]byte, error)
	size(path string) (int64, error)
	// writeSynced creates or truncates path, writes data and syncs them.
	writeSynced(path string, data []byte) error
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

func (disk) writeSynced(path string, data []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		f.Close() // the write's error is the one to tell
		return err
	}
	return syncAndClose(f, nil)
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
