package mapfile

import (
	"errors"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Dir is a directory of the operating system. Every name is resolved beneath it by the
// kernel. Its fields are set before use.
type Dir struct {
	path string
	root *os.Root
	// tree is the directory for syncfs: the kernel tells a descriptor of errors since it was opened.
	tree *os.File
	// fd is the directory for openat2, -1 where the kernel or a sandbox does not allow that call.
	fd int
	// loop carries out what is started without a ring of its own.
	loop *Loop
}

// plainLoop is the loop of directories that were opened without one.
var plainLoop = &Loop{why: "the directory was opened without a loop", plain: make(chan struct{}, loopEntries)}

var _ FS = (*Dir)(nil)

const (
	filePerm = 0o644
	dirPerm  = 0o755
)

// OpenDir opens a directory of the operating system, which is made when it is missing.
func OpenDir(dir string) (*Dir, error) { return OpenDirOn(dir, nil) }

// OpenDirOn is OpenDir with the loop that carries out its files' requests, and is closed after them; nil for none.
func OpenDirOn(dir string, loop *Loop) (*Dir, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	if err := mkdirSynced(abs); err != nil {
		return nil, err
	}
	d, err := newDir(abs)
	if err != nil {
		return nil, err
	}
	if loop != nil {
		d.loop = loop
	}
	return d, nil
}

// newDir opens an existing directory.
func newDir(abs string) (*Dir, error) {
	root, err := os.OpenRoot(abs)
	if err != nil {
		return nil, err
	}
	tree, err := root.Open(".")
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return &Dir{path: abs, root: root, tree: tree, fd: probeOpenat2(abs), loop: plainLoop}, nil
}

// probeOpenat2 opens a directory for openat2; -1 when there is no such call.
func probeOpenat2(dir string) int {
	fd, err := unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: resolve}
	if probe, err := unix.Openat2(fd, ".", &how); err == nil && unix.Close(probe) == nil {
		return fd
	}
	_ = unix.Close(fd) // of a directory that was only looked at
	return -1
}

// resolve keeps names beneath the directory.
const resolve = unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS

// mkdirSynced makes a directory and those above it, and makes their names last.
func mkdirSynced(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := mkdirSynced(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, dirPerm); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Path implements [FS].
func (d *Dir) Path() string { return d.path }

// Close implements [FS].
func (d *Dir) Close() error {
	err := errors.Join(d.tree.Close(), d.root.Close())
	if d.fd < 0 {
		return err
	}
	return errors.Join(err, unix.Close(d.fd))
}

// Create implements [FS].
func (d *Dir) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_EXCL)
}

// Open implements [FS].
func (d *Dir) Open(name string) (File, error) { return d.open(name, os.O_RDWR) }

func (d *Dir) open(name string, flag int) (File, error) {
	f, err := d.beneath(name, flag)
	if err != nil {
		return nil, d.explain(name, err)
	}
	var st unix.Stat_t
	err = unix.Fstat(int(f.Fd()), &st)
	if err == nil && st.Mode&unix.S_IFMT != unix.S_IFREG {
		err = errors.New("not a regular file")
	}
	if err != nil {
		return nil, errors.Join(d.explain(name, &os.PathError{Op: "open", Path: name, Err: err}), f.Close())
	}
	// The store reads in pieces of its own choice. Readahead would read megabytes for each of
	// them and, since blocks in the page cache count as data, hide from NextData what was
	// never written.
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		return nil, errors.Join(&os.PathError{Op: "fadvise", Path: filepath.Join(d.path, name), Err: err}, f.Close())
	}
	df := &dirFile{name: name, path: filepath.Join(d.path, name), f: f, fd: int(f.Fd()), dir: d}
	df.size.Store(st.Size)
	return df, nil
}

// beneath opens a name of the tree, in one call to the kernel where that is possible: os.Root
// makes several for each element, and there may be a hundred thousand files to open at start.
func (d *Dir) beneath(name string, flag int) (*os.File, error) {
	if d.fd < 0 {
		return d.root.OpenFile(filepath.FromSlash(name), flag, filePerm)
	}
	how := unix.OpenHow{Flags: uint64(flag | unix.O_CLOEXEC), Resolve: resolve}
	if flag&os.O_CREATE != 0 {
		how.Mode = filePerm
	}
	for {
		fd, err := unix.Openat2(d.fd, filepath.FromSlash(name), &how)
		switch err {
		case nil:
			return os.NewFile(uintptr(fd), filepath.Join(d.path, name)), nil
		case unix.EINTR, unix.EAGAIN: // EAGAIN: something on the way was renamed meanwhile
		default:
			return nil, &os.PathError{Op: "open", Path: name, Err: err}
		}
	}
}

// explain puts the whole path into an error that names a file relative to the directory.
func (d *Dir) explain(name string, err error) error {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return &os.PathError{Op: strings.TrimSuffix(pe.Op, "at"), Path: filepath.Join(d.path, name), Err: pe.Err}
	}
	return err
}

// MkdirAll implements [FS].
func (d *Dir) MkdirAll(name string) error {
	return d.explain(name, d.root.MkdirAll(filepath.FromSlash(name), dirPerm))
}

// ReadDir implements [FS].
func (d *Dir) ReadDir(name string) ([]Entry, error) {
	f, err := d.beneath(name, os.O_RDONLY|unix.O_DIRECTORY)
	if err != nil {
		return nil, d.explain(name, err)
	}
	list, err := f.ReadDir(-1)
	entries := make([]Entry, 0, len(list))
	for _, e := range list {
		entry, gone := Entry{Name: e.Name(), Dir: e.IsDir()}, error(nil)
		if !entry.Dir {
			entry, gone = statBeneath(f, e.Name())
		}
		err = errors.Join(err, gone)
		entries = append(entries, entry)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, d.explain(name, err)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

// statBeneath describes one name in an open directory.
func statBeneath(dir *os.File, name string) (Entry, error) {
	var st unix.Stat_t
	if err := unix.Fstatat(int(dir.Fd()), name, &st, unix.AT_SYMLINK_NOFOLLOW); err != nil {
		return Entry{}, &os.PathError{Op: "stat", Path: name, Err: err}
	}
	return Entry{Name: name, Dir: st.Mode&unix.S_IFMT == unix.S_IFDIR, Size: st.Size, ModTime: time.Unix(st.Mtim.Unix())}, nil
}

// Stat implements [FS].
func (d *Dir) Stat(name string) (Entry, error) {
	info, err := d.root.Stat(filepath.FromSlash(name))
	if err != nil {
		return Entry{}, d.explain(name, err)
	}
	return entryOf(info), nil
}

func entryOf(info os.FileInfo) Entry {
	return Entry{Name: info.Name(), Dir: info.IsDir(), Size: info.Size(), ModTime: info.ModTime()}
}

// Remove implements [FS].
func (d *Dir) Remove(name string) error {
	return d.explain(name, d.root.Remove(filepath.FromSlash(name)))
}

// Rename implements [FS].
func (d *Dir) Rename(from, to string) error {
	return d.root.Rename(filepath.FromSlash(from), filepath.FromSlash(to))
}

// SyncDir implements [FS].
func (d *Dir) SyncDir(name string) error {
	f, err := d.root.Open(filepath.FromSlash(name))
	if NoHandles(err) {
		return d.SyncAll() // needs none, and a failed sync would be final
	}
	if err != nil {
		return d.explain(name, err)
	}
	return d.explain(name, errors.Join(f.Sync(), f.Close()))
}

// SyncAll implements [FS].
func (d *Dir) SyncAll() error {
	err := retry(func() error { return unix.Syncfs(int(d.tree.Fd())) })
	if err != nil {
		return &os.PathError{Op: "syncfs", Path: d.path, Err: err}
	}
	return nil
}

// Space implements [FS].
func (d *Dir) Space() (Space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(d.path, &st); err != nil {
		return Space{}, &os.PathError{Op: "statfs", Path: d.path, Err: err}
	}
	return Space{
		Total:    int64(st.Blocks) * st.Bsize,
		Free:     int64(st.Bavail) * st.Bsize,
		Reserved: int64(st.Bfree-st.Bavail) * st.Bsize,
	}, nil
}

// BootID implements [FS].
func (d *Dir) BootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// RemoveAll removes a name of fs and everything below it; a missing name is fine.
func RemoveAll(fs FS, name string) error {
	entries, err := fs.ReadDir(name)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case errors.Is(err, unix.ENOTDIR):
		return fs.Remove(name)
	case err != nil:
		return err
	}
	for _, e := range entries {
		child := path.Join(name, e.Name)
		if e.Dir {
			err = RemoveAll(fs, child)
		} else {
			err = fs.Remove(child)
		}
		if err != nil {
			return err
		}
	}
	return fs.Remove(name)
}
