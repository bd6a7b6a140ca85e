package mapfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dirFile is a file of a [Dir].
type dirFile struct {
	name string
	path string
	f    *os.File
	fd   int // f's, valid until Close
	dir  *Dir
	// direct is the same file opened with O_DIRECT; nil until it is wanted.
	direct atomic.Pointer[os.File]
	size   atomic.Int64 // grows with our own writes; nobody else writes a locked store
}

func (f *dirFile) Name() string { return f.name }
func (f *dirFile) Size() int64  { return f.size.Load() }

func (f *dirFile) Close() error {
	err := f.f.Close()
	if d := f.direct.Load(); d != nil {
		err = errors.Join(err, d.Close())
	}
	return err
}

func (f *dirFile) ReadAt(p []byte, off int64) (int, error) { return f.f.ReadAt(p, off) }

func (f *dirFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.f.WriteAt(p, off)
	f.grow(off + int64(n))
	return n, err
}

func (f *dirFile) WriteWith(p []byte, off int64, how How) (int, error) {
	fd, err := f.descriptor(how)
	if err != nil {
		return 0, err
	}
	flags := 0
	if how&Dsync != 0 {
		flags = unix.RWF_DSYNC
	}
	done := 0
	for done < len(p) {
		n, err := unix.Pwritev2(fd, [][]byte{p[done:]}, off+int64(done), flags)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return done, f.fail("pwrite", err)
		case n == 0:
			return done, f.fail("pwrite", io.ErrShortWrite)
		}
		done += n
		f.grow(off + int64(done))
	}
	return done, nil
}

func (f *dirFile) grow(end int64) {
	for {
		size := f.size.Load()
		if end <= size || f.size.CompareAndSwap(size, end) {
			return
		}
	}
}

func (f *dirFile) ModTime() (time.Time, error) {
	info, err := f.f.Stat()
	if err != nil {
		return time.Time{}, err
	}
	return info.ModTime(), nil
}

func (f *dirFile) Sync() error {
	return f.fail("fdatasync", retry(func() error { return unix.Fdatasync(f.fd) }))
}

func (f *dirFile) Allocate(off, n int64) error {
	err := retry(func() error { return unix.Fallocate(f.fd, 0, off, n) })
	if err == nil {
		f.grow(off + n)
	}
	return f.fail("fallocate", err)
}

func (f *dirFile) Truncate(size int64) error {
	if err := f.f.Truncate(size); err != nil {
		return err
	}
	f.size.Store(size)
	return nil
}

func (f *dirFile) NextData(off int64) (int64, error) {
	if off >= f.Size() {
		return f.Size(), nil
	}
	next, err := unix.Seek(f.fd, off, unix.SEEK_DATA)
	switch err {
	case nil:
		return next, nil
	case unix.ENXIO: // no data behind off
		return f.Size(), nil
	case unix.EINVAL: // the file system cannot tell
		return off, nil
	}
	return 0, f.fail("lseek", err)
}

func (f *dirFile) Clear(off, n int64) error {
	const mode = unix.FALLOC_FL_PUNCH_HOLE | unix.FALLOC_FL_KEEP_SIZE
	err := retry(func() error { return unix.Fallocate(f.fd, mode, off, n) })
	if err == unix.EOPNOTSUPP {
		return f.zero(off, n)
	}
	return f.fail("fallocate", err)
}

// zero writes zeros, for file systems that punch no holes.
func (f *dirFile) zero(off, n int64) error {
	zeros := make([]byte, min(n, 1<<20))
	for n > 0 {
		wrote, err := f.f.WriteAt(zeros[:min(n, int64(len(zeros)))], off)
		if err != nil {
			return err
		}
		off, n = off+int64(wrote), n-int64(wrote)
	}
	return nil
}

func (f *dirFile) StartWriteback(off, n int64) error {
	return f.fail("sync_file_range", unix.SyncFileRange(f.fd, off, n, unix.SYNC_FILE_RANGE_WRITE))
}

func (f *dirFile) Writeback(off, n int64) error {
	const andWait = unix.SYNC_FILE_RANGE_WRITE | unix.SYNC_FILE_RANGE_WAIT_AFTER
	return f.fail("sync_file_range", retry(func() error { return unix.SyncFileRange(f.fd, off, n, andWait) }))
}

func (f *dirFile) DropCache(off, n int64) error {
	return f.fail("fadvise", unix.Fadvise(f.fd, off, n, unix.FADV_DONTNEED))
}

func (f *dirFile) Prefetch(off, n int64) error {
	return f.fail("fadvise", unix.Fadvise(f.fd, off, n, unix.FADV_WILLNEED))
}

// Lock takes an open file description lock: it excludes Java's POSIX lock of another
// process as a POSIX lock of ours would, but is not given up when some other descriptor of
// the same file is closed, and excludes a second store in this process too.
func (f *dirFile) Lock() error {
	lock := unix.Flock_t{Type: unix.F_WRLCK, Whence: io.SeekStart, Start: 0, Len: 1}
	err := unix.FcntlFlock(uintptr(f.fd), unix.F_OFD_SETLK, &lock)
	if err == unix.EAGAIN || err == unix.EACCES {
		return f.fail("lock", ErrLocked)
	}
	return f.fail("lock", err)
}

func (f *dirFile) Map(off, n int64, access Access) (*Mapping, error) {
	if off < 0 || n <= 0 || off+n > f.Size() {
		return nil, f.fail("mmap", fmt.Errorf("bytes %d to %d of %d", off, off+n, f.Size()))
	}
	prot := unix.PROT_READ
	if access != ReadOnly {
		prot |= unix.PROT_WRITE
	}
	data, err := unix.Mmap(f.fd, off, int(n), prot, unix.MAP_SHARED)
	if err != nil {
		return nil, f.fail("mmap", err)
	}
	if access != ReadWrite {
		if err := unix.Madvise(data, unix.MADV_RANDOM); err != nil {
			return nil, f.fail("madvise", errors.Join(err, unix.Munmap(data)))
		}
	}
	return &Mapping{Data: data, m: dirMapping{f.path}}, nil
}

func (f *dirFile) fail(op string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.path, Err: err}
}

func retry(fn func() error) error {
	for {
		if err := fn(); err != unix.EINTR {
			return err
		}
	}
}

// dirMapping is a mapping of the operating system.
type dirMapping struct{ path string }

var pageSize = os.Getpagesize()

// pages widens data to whole pages; the bytes around it belong to the same mapping.
func pages(data []byte) []byte {
	if len(data) == 0 {
		return nil
	}
	p := unsafe.Pointer(unsafe.SliceData(data))
	head := int(uintptr(p) % uintptr(pageSize))
	n := (head + len(data) + pageSize - 1) / pageSize * pageSize
	return unsafe.Slice((*byte)(unsafe.Add(p, -head)), n)
}

// resident asks mincore, which costs a microsecond, for up to 2,048 pages (8 MiB) at a time.
func (m dirMapping) resident(data []byte) (bool, error) {
	var present [2048]byte
	rest := pages(data)
	for len(rest) > 0 {
		n := min(len(present), len(rest)/pageSize)
		_, _, errno := unix.Syscall(unix.SYS_MINCORE, uintptr(unsafe.Pointer(unsafe.SliceData(rest))),
			uintptr(n*pageSize), uintptr(unsafe.Pointer(&present[0])))
		if errno != 0 {
			return false, &os.PathError{Op: "mincore", Path: m.path, Err: errno}
		}
		for _, p := range present[:n] {
			if p&1 == 0 {
				return false, nil
			}
		}
		rest = rest[n*pageSize:]
	}
	return true, nil
}

func (m dirMapping) populate(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	err := retry(func() error { return unix.Madvise(pages(data), unix.MADV_POPULATE_READ) })
	if err != nil {
		return &os.PathError{Op: "madvise", Path: m.path, Err: err}
	}
	return nil
}

func (m dirMapping) prefault(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	err := retry(func() error { return unix.Madvise(pages(data), unix.MADV_POPULATE_WRITE) })
	if err != nil {
		return &os.PathError{Op: "madvise", Path: m.path, Err: err}
	}
	return nil
}

func (m dirMapping) sync(data []byte, _ int) error {
	if len(data) == 0 {
		return nil
	}
	if err := retry(func() error { return unix.Msync(pages(data), unix.MS_SYNC) }); err != nil {
		return &os.PathError{Op: "msync", Path: m.path, Err: err}
	}
	return nil
}

func (m dirMapping) forget(data []byte) error {
	if len(data) == 0 {
		return nil
	}
	if err := unix.Madvise(pages(data), unix.MADV_DONTNEED); err != nil {
		return &os.PathError{Op: "madvise", Path: m.path, Err: err}
	}
	return nil
}

func (m dirMapping) unmap(data []byte) error {
	if err := unix.Munmap(data); err != nil {
		return &os.PathError{Op: "munmap", Path: m.path, Err: err}
	}
	return nil
}
