package mapfile

import (
	"io"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"ringmq/internal/invariant"
	"ringmq/internal/ring"
)

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// inFlight is what a request is while it is in flight: an operation of a ring.
type inFlight struct {
	file  *dirFile
	on    ring.Submitter
	fd    int
	moved int // bytes so far; the kernel may do less than it was asked for
}

// Start begins r and returns at once. on carries it out, which must be called on its own
// terms: the loop of [StartLoop] from any goroutine. With nil the directory's loop does.
func (f *dirFile) Start(r *Request, on ring.Submitter) {
	if on == nil {
		on = f.dir.loop
	}
	fd, err := f.descriptor(r.How)
	if err != nil {
		r.Done(0, err)
		return
	}
	r.inFlight = inFlight{file: f, on: on, fd: fd}
	on.Submit(r)
}

// Prepare implements [ring.Operation].
func (r *Request) Prepare(s *ring.SQE) {
	off := uint64(r.Off) + uint64(r.moved)
	switch r.Kind {
	case ReadRequest:
		s.PrepareRead(r.fd, r.P[r.moved:], off)
	case WriteRequest:
		var flags uint32
		if r.How&Dsync != 0 {
			flags = unix.RWF_DSYNC
		}
		s.PrepareWrite(r.fd, r.P[r.moved:], off, flags)
	case SyncRequest:
		s.PrepareFsync(r.fd, true)
	case AllocateRequest:
		s.PrepareFallocate(r.fd, 0, uint64(r.Off), uint64(r.Len))
	}
}

var requestNames = [...]string{ReadRequest: "read", WriteRequest: "pwrite", SyncRequest: "fdatasync", AllocateRequest: "fallocate"}

// Completed implements [ring.Operation].
func (r *Request) Completed(res int32) {
	switch {
	case res == -int32(unix.EINTR) || res == -int32(unix.EAGAIN):
		r.on.Submit(r)
		return
	case res < 0:
		r.end(r.file.fail(requestNames[r.Kind], unix.Errno(-res)))
		return
	case r.Kind == AllocateRequest:
		r.file.grow(r.Off + r.Len)
		r.end(nil)
		return
	case r.Kind == SyncRequest:
		r.end(nil)
		return
	}
	r.moved += int(res)
	switch {
	case r.moved == len(r.P):
		if r.Kind == WriteRequest {
			r.file.grow(r.Off + int64(r.moved))
		}
		r.end(nil)
	case res > 0:
		r.on.Submit(r)
	case r.Kind == ReadRequest:
		r.end(io.EOF)
	default:
		r.end(r.file.fail("pwrite", io.ErrShortWrite))
	}
}

// end gives the request back.
func (r *Request) end(err error) {
	n := r.moved
	r.inFlight = inFlight{}
	r.Done(n, err)
}

// carryOut does the request with plain calls.
func (r *Request) carryOut() {
	n, err := 0, error(nil)
	switch f := r.file; r.Kind {
	case ReadRequest:
		n, err = f.readWith(r.P, r.Off, r.fd)
	case WriteRequest:
		n, err = f.WriteWith(r.P, r.Off, r.How)
	case SyncRequest:
		err = f.Sync()
	case AllocateRequest:
		err = f.Allocate(r.Off, r.Len)
	default:
		invariant.Failed("request of kind %d", r.Kind)
	}
	r.moved = n
	r.end(err)
}

func (f *dirFile) readWith(p []byte, off int64, fd int) (int, error) {
	done := 0
	for done < len(p) {
		n, err := unix.Pread(fd, p[done:], off+int64(done))
		switch {
		case err == unix.EINTR:
		case err != nil:
			return done, f.fail("read", err)
		case n == 0:
			return done, io.EOF
		}
		done += max(n, 0)
	}
	return done, nil
}

// descriptor is the one to use; the one for direct access is opened when it is first wanted.
func (f *dirFile) descriptor(how How) (int, error) {
	if how&Direct == 0 {
		return f.fd, nil
	}
	if d := f.direct.Load(); d != nil {
		return int(d.Fd()), nil
	}
	d, err := f.dir.beneath(f.name, os.O_RDWR|unix.O_DIRECT)
	if err != nil {
		return 0, f.fail("open O_DIRECT", err)
	}
	if !f.direct.CompareAndSwap(nil, d) {
		_ = d.Close() // another goroutine was quicker
	}
	return int(f.direct.Load().Fd()), nil
}
