package mapfile

import (
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// readOnlyDir is a [Dir] that changes nothing: not the tree, and of its files neither bytes nor length.
type readOnlyDir struct{ *Dir }

// OpenReadOnly opens an existing directory of the operating system for looking at it. What would
// change something fails with EROFS; files are opened for reading, so the kernel refuses to write
// them. [File.Lock] takes a shared lock: others may look, too, but no broker can start meanwhile.
func OpenReadOnly(dir string) (FS, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	d, err := newDir(abs)
	if err != nil {
		return nil, err
	}
	return readOnlyDir{d}, nil
}

func (d readOnlyDir) refuse(op, name string) error {
	return &os.PathError{Op: op, Path: filepath.Join(d.path, name), Err: unix.EROFS}
}

// Exchange implements [FS].
func (d readOnlyDir) Exchange(_, b string) error { return d.refuse("exchange", b) }

// Create implements [FS].
func (d readOnlyDir) Create(name string) (File, error) { return nil, d.refuse("create", name) }

// Open implements [FS].
func (d readOnlyDir) Open(name string) (File, error) {
	f, err := d.open(name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	return readOnlyFile{f.(*dirFile)}, nil
}

// MkdirAll implements [FS].
func (d readOnlyDir) MkdirAll(name string) error { return d.refuse("mkdir", name) }

// Remove implements [FS].
func (d readOnlyDir) Remove(name string) error { return d.refuse("remove", name) }

// Rename implements [FS].
func (d readOnlyDir) Rename(from, _ string) error { return d.refuse("rename", from) }

// readOnlyFile is a file of a readOnlyDir.
type readOnlyFile struct{ *dirFile }

// Lock takes a shared lock, for which a descriptor that may only read is enough. It keeps away
// whoever wants the exclusive one, and fails while somebody has it.
func (f readOnlyFile) Lock() error {
	lock := unix.Flock_t{Type: unix.F_RDLCK, Whence: io.SeekStart, Start: 0, Len: 1}
	err := unix.FcntlFlock(uintptr(f.fd), unix.F_OFD_SETLK, &lock)
	if err == unix.EAGAIN || err == unix.EACCES {
		return f.fail("lock", ErrLocked)
	}
	return f.fail("lock", err)
}
