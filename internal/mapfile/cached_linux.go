package mapfile

import (
	"os"

	"golang.org/x/sys/unix"
)

// ReadCached is f.ReadAt as far as the bytes are in memory: it never waits for the device, and
// returns fewer bytes, without an error, where the next one is not there. The kernel may begin to
// bring it.
func ReadCached(f File, p []byte, off int64) (int, error) {
	if c, ok := f.(interface {
		readCached(p []byte, off int64) (int, error)
	}); ok {
		return c.readCached(p, off)
	}
	return f.ReadAt(p, off)
}

func (f *dirFile) readCached(p []byte, off int64) (int, error) {
	for {
		iov := [1][]byte{p}
		n, err := unix.Preadv2(f.fd, iov[:], off, unix.RWF_NOWAIT)
		switch err {
		case nil:
			return n, nil
		case unix.EINTR:
		case unix.EAGAIN:
			return 0, nil
		case unix.EOPNOTSUPP: // a file system that cannot tell
			return f.f.ReadAt(p, off)
		default:
			return 0, &os.PathError{Op: "read", Path: f.path, Err: err}
		}
	}
}

func (f *memFile) readCached(p []byte, off int64) (int, error) {
	if f.m.Cold.Load() {
		return 0, nil
	}
	return f.ReadAt(p, off)
}
