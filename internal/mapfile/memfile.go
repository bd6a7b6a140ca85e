package mapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"ringmq/internal/ring"
)

// memFile is an open file of a [Mem].
type memFile struct {
	m      *Mem
	n      *memNode
	name   string
	lock   bool
	closed bool // under m.mu
}

func (f *memFile) Name() string { return f.name }

// enter takes the lock and checks that the file is open; the caller unlocks.
func (f *memFile) enter(op string) error {
	f.m.mu.Lock()
	if f.closed {
		return f.fail(op, os.ErrClosed)
	}
	return nil
}

func (f *memFile) fail(op string, err error) error {
	return &os.PathError{Op: op, Path: "mem/" + f.name, Err: err}
}

func (f *memFile) Size() int64 {
	f.m.mu.Lock()
	defer f.m.mu.Unlock()
	return int64(len(f.n.data))
}

func (f *memFile) ModTime() (time.Time, error) {
	err := f.enter("stat")
	defer f.m.mu.Unlock()
	return f.n.modTime, err
}

func (f *memFile) Close() error {
	err := f.enter("close")
	defer f.m.mu.Unlock()
	f.closed = true
	if f.lock {
		f.n.locked, f.lock = false, false
	}
	return err
}

func (f *memFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.m.faultRead(OpRead, f.name, off, int64(len(p))); err != nil {
		return 0, err
	}
	err := f.enter("read")
	defer f.m.mu.Unlock()
	switch {
	case err != nil:
		return 0, err
	case off < 0:
		return 0, f.fail("read", errors.New("negative offset"))
	case off >= int64(len(f.n.data)):
		return 0, io.EOF
	}
	n := copy(p, f.n.data[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) WriteAt(p []byte, off int64) (int, error) {
	fault := f.m.fault(OpWrite, f.name, off, int64(len(p)))
	var short *ShortWrite
	if errors.As(fault, &short) {
		p = p[:min(short.N, len(p))]
	} else if fault != nil {
		return 0, fault
	}
	err := f.enter("write")
	defer f.m.mu.Unlock()
	if err != nil {
		return 0, err
	}
	if end := off + int64(len(p)); end > int64(len(f.n.data)) {
		f.n.resize(end)
	}
	if err := f.n.reserve(f.m, off, int64(len(p))); err != nil {
		return 0, f.fail("write", err)
	}
	f.n.modTime = f.m.now()
	f.n.touch(off, int64(len(p)))
	if f.m.Lie.tells(OpWrite, f.name) {
		return len(p), fault
	}
	// What is written again as it was is not touched: somebody may be reading it through a mapping.
	same, at := 0, f.n.data[off:]
	for same < len(p) && at[same] == p[same] {
		same++
	}
	f.n.change(off+int64(same), int64(len(p)-same))
	copy(at[same:], p[same:])
	return len(p), fault
}

// WriteWith with Dsync is two operations: the power may fail between them. A direct write is like another
// that nobody has synced: the device's own cache loses what the page cache would.
func (f *memFile) WriteWith(p []byte, off int64, how How) (int, error) {
	if how&Direct != 0 && (off|int64(len(p))|int64(addressOf(p)))%DirectAlign != 0 {
		return 0, f.fail("pwrite", syscall.EINVAL)
	}
	n, err := f.WriteAt(p, off)
	if err == nil && how&Dsync != 0 {
		err = f.syncRange(off, int64(n))
	}
	return n, err
}

// Start does the request at once, but for a [MemRing].
func (f *memFile) Start(r *Request, on ring.Submitter) {
	if mr, ok := on.(*MemRing); ok {
		mr.waiting = append(mr.waiting, func() { f.carryOut(r) })
		return
	}
	f.carryOut(r)
}

func (f *memFile) carryOut(r *Request) {
	n, err := 0, error(nil)
	switch r.Kind {
	case ReadRequest:
		n, err = f.ReadAt(r.P, r.Off)
	case WriteRequest:
		n, err = f.WriteWith(r.P, r.Off, r.How)
	case SyncRequest:
		err = f.Sync()
	case AllocateRequest:
		err = f.Allocate(r.Off, r.Len)
	}
	r.Done(n, err)
}

// syncRange is Sync of some bytes. As there, a failure is that of all that was dirty.
func (f *memFile) syncRange(off, count int64) error {
	return f.syncBy(off, count, func() { f.n.syncRange(off, count) })
}

func (f *memFile) Sync() error { return f.syncBy(0, 0, f.n.sync) }

// syncBy has keep make the bytes of an operation durable, unless it fails or lies.
func (f *memFile) syncBy(off, count int64, keep func()) error {
	fault := f.m.fault(OpSync, f.name, off, count)
	err := f.enter("sync")
	defer f.m.mu.Unlock()
	switch {
	case err != nil:
		return err
	case fault != nil:
		f.n.forget()
		return fault
	}
	f.n.checkBlocks(f.name)
	if !f.m.Lie.tells(OpSync, f.name) {
		keep()
	}
	return nil
}

// checkBlocks fails the test that writes through a mapping where the real thing could get a SIGBUS.
//
//go:norace
func (n *memNode) checkBlocks(name string) {
	for i, ok := range n.blocks {
		if b := n.data[i*block : min(len(n.data), (i+1)*block)]; !ok && !bytes.Equal(b, zeroBlock[:len(b)]) {
			panic(fmt.Sprintf("BUG: %s: block %d was written through a mapping and not allocated", name, i))
		}
	}
}

var zeroBlock [block]byte

func (f *memFile) Allocate(off, n int64) error {
	if err := f.m.fault(OpAllocate, f.name, off, n); err != nil {
		return err
	}
	err := f.enter("allocate")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if off+n > int64(len(f.n.data)) {
		f.n.resize(off + n)
	}
	if err := f.n.reserve(f.m, off, n); err != nil {
		return f.fail("allocate", err)
	}
	return nil
}

func (f *memFile) NextData(off int64) (int64, error) {
	err := f.enter("seek")
	defer f.m.mu.Unlock()
	for off < int64(len(f.n.data)) && !f.n.blocks[off/block] {
		off = (off/block + 1) * block
	}
	return min(off, int64(len(f.n.data))), err
}

func (f *memFile) Truncate(size int64) error {
	if err := f.m.fault(OpTruncate, f.name, 0, size); err != nil {
		return err
	}
	err := f.enter("truncate")
	defer f.m.mu.Unlock()
	if err == nil {
		f.n.resize(size)
		f.n.modTime = f.m.now()
	}
	return err
}

func (f *memFile) Clear(off, n int64) error {
	if err := f.m.fault(OpClear, f.name, off, n); err != nil {
		return err
	}
	err := f.enter("clear")
	defer f.m.mu.Unlock()
	if err != nil {
		return err
	}
	if off+n > int64(len(f.n.data)) {
		return f.fail("clear", io.ErrUnexpectedEOF)
	}
	f.n.change(off, n)
	clear(f.n.data[off : off+n])
	for i := (off + block - 1) / block; (i+1)*block <= off+n; i++ {
		if f.n.blocks[i] {
			f.n.blocks[i] = false
			f.n.blockCount--
		}
	}
	return nil
}

func (f *memFile) StartWriteback(int64, int64) error { return nil }
func (f *memFile) Writeback(off, n int64) error      { return f.syncBy(off, n, func() {}) }
func (f *memFile) DropCache(int64, int64) error      { return nil }
func (f *memFile) Prefetch(int64, int64) error       { return nil }

func (f *memFile) Lock() error {
	err := f.enter("lock")
	defer f.m.mu.Unlock()
	switch {
	case err != nil:
		return err
	case f.n.locked && !f.lock:
		return f.fail("lock", ErrLocked)
	}
	f.n.locked, f.lock = true, true
	return nil
}
