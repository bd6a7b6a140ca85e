package mapfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"syscall"
	"time"
)

// memNode is a file or directory of a [Mem]. Its fields are under Mem.mu; data is also read
// and written through mappings.
type memNode struct {
	dir     bool
	modTime time.Time
	locked  bool
	mapped  bool // has been mapped: data must stay where it is

	data   []byte // what readers see
	device []byte // what the device has
	// forgotten are the sectors that were dirty when a Sync failed, as they were then: the
	// kernel takes them for clean until they change again.
	forgotten map[int][]byte

	blocks     []bool // which blocks exist
	blockCount int
}

func (n *memNode) entry(name string) Entry {
	return Entry{Name: path.Base(name), Dir: n.dir, Size: int64(len(n.data)), ModTime: n.modTime}
}

// resize changes the length of the live bytes.
func (n *memNode) resize(size int64) {
	old := len(n.data)
	if int64(cap(n.data)) < size {
		if n.mapped {
			panic("BUG: a mapped file of mapfile.Mem must not grow")
		}
		n.data = append(make([]byte, 0, size), n.data...)
	}
	n.data = n.data[:size]
	if int(size) > old {
		clear(n.data[old:])
	}
	count := int((size + block - 1) / block)
	for i := count; i < len(n.blocks); i++ {
		if n.blocks[i] {
			n.blockCount--
		}
	}
	n.blocks = append(n.blocks[:min(count, len(n.blocks))], make([]bool, max(0, count-len(n.blocks)))...)
}

// reserve makes the blocks of [off, off+count) exist, as far as the disk has room.
func (n *memNode) reserve(m *Mem, off, count int64) error {
	if count == 0 {
		return nil
	}
	first, last := off/block, (off+count-1)/block
	for i := first; i <= last; i++ {
		if n.blocks[i] {
			continue
		}
		if m.Capacity > 0 && m.used()+block > m.Capacity {
			return syscall.ENOSPC
		}
		n.blocks[i] = true
		n.blockCount++
	}
	return nil
}

// sector is the bytes of sector i of b, fewer at its end.
func sector(b []byte, i int) []byte {
	if i*Sector >= len(b) {
		return nil
	}
	return b[i*Sector : min(len(b), (i+1)*Sector)]
}

// sync makes the device have what is live, but for what was forgotten. A mapping may be
// written meanwhile, as it may beside fdatasync; so it is hidden from the race detector.
//
//go:norace
func (n *memNode) sync() {
	if len(n.device) != len(n.data) {
		n.device = append(make([]byte, 0, len(n.data)), n.device[:min(len(n.device), len(n.data))]...)
		n.device = n.device[:len(n.data)]
	}
	if bytes.Equal(n.data, n.device) {
		return
	}
	for i := 0; i*Sector < len(n.data); i++ {
		live := sector(n.data, i)
		if old, ok := n.forgotten[i]; ok {
			if bytes.Equal(old, live) {
				continue
			}
			delete(n.forgotten, i)
		}
		copy(sector(n.device, i), live)
	}
}

// forget is what a failed sync does.
//
//go:norace
func (n *memNode) forget() {
	if n.forgotten == nil {
		n.forgotten = map[int][]byte{}
	}
	for i := 0; i*Sector < len(n.data); i++ {
		if live := sector(n.data, i); !bytes.Equal(live, sector(n.device, i)) {
			n.forgotten[i] = bytes.Clone(live)
		}
	}
}

// touch makes the pages of [off, off+count) dirty again, also where the bytes stay the same.
func (n *memNode) touch(off, count int64) {
	const perPage = block / Sector
	for i := off / block * perPage; i < (off+count+block-1)/block*perPage; i++ {
		delete(n.forgotten, int(i))
	}
}

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
	if err := f.m.fault(OpWrite, f.name, off, int64(len(p))); err != nil {
		return 0, err
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
	return copy(f.n.data[off:], p), nil
}

// WriteAtSync is two operations: the power may fail between them.
func (f *memFile) WriteAtSync(p []byte, off int64) (int, error) {
	n, err := f.WriteAt(p, off)
	if err == nil {
		err = f.Sync()
	}
	return n, err
}

func (f *memFile) Sync() error {
	fault := f.m.fault(OpSync, f.name, 0, 0)
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
	f.n.sync()
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
func (f *memFile) DropCache(int64, int64) error      { return nil }

func (f *memFile) Map(off, n int64, _ Access) (*Mapping, error) {
	err := f.enter("mmap")
	defer f.m.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if off < 0 || n <= 0 || off%block != 0 || off+n > int64(len(f.n.data)) {
		return nil, f.fail("mmap", fmt.Errorf("bytes %d to %d of %d", off, off+n, len(f.n.data)))
	}
	f.n.mapped = true
	return &Mapping{Data: f.n.data[off : off+n : off+n], m: memMapping{f.m}}, nil
}

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

// memMapping is a mapping of a Mem's file: the live bytes themselves.
type memMapping struct{ m *Mem }

func (mm memMapping) resident([]byte) (bool, error) { return !mm.m.Cold.Load(), nil }
func (mm memMapping) populate([]byte) error         { return nil }
func (mm memMapping) forget([]byte) error           { return nil }
func (mm memMapping) unmap([]byte) error            { return nil }
