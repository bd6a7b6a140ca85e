package mapfile

import (
	"bytes"
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
	shared bool   // device is that of an image, too: it is copied before it is changed
	// forgotten are the sectors that were dirty when a Sync failed, as they were then: the
	// kernel takes them for clean until they change again.
	forgotten map[int][]byte

	blocks     []bool // which blocks exist
	blockCount int

	// Of a node that is the copy of another (see Mem.Revert):
	dirty    []bool // which blocks of data may differ from the other's; nil: all
	reverted bool   // it is the same as the other, in a Revert under way
}

// change notes that bytes of [off, off+count) may become others.
func (n *memNode) change(off, count int64) {
	if n.dirty == nil || count == 0 {
		return
	}
	for i := off / block; i <= (off+count-1)/block; i++ {
		n.dirty[i] = true
	}
}

func (n *memNode) entry(name string) Entry {
	return Entry{Name: path.Base(name), Dir: n.dir, Size: int64(len(n.data)), ModTime: n.modTime}
}

// resize changes the length of the live bytes.
func (n *memNode) resize(size int64) {
	old := len(n.data)
	if int64(old) != size {
		n.dirty = nil
	}
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
	if bytes.Equal(n.data, n.device) {
		return
	}
	n.settleLength()
	n.syncSectors(0, (len(n.data)+Sector-1)/Sector)
}

// syncRange makes the device have the length, and the pages of count bytes at off.
func (n *memNode) syncRange(off, count int64) {
	n.settleLength()
	first, last := off/block*perPage, (off+count+block-1)/block*perPage
	n.syncSectors(int(first), min(int(last), (len(n.data)+Sector-1)/Sector))
}

const perPage = block / Sector

// settleLength gives the device the length of the live bytes, and makes its bytes the file's own.
func (n *memNode) settleLength() {
	if len(n.device) != len(n.data) || n.shared {
		n.device = append(make([]byte, 0, len(n.data)), n.device[:min(len(n.device), len(n.data))]...)
		n.device, n.shared = n.device[:len(n.data)], false
	}
}

//go:norace
func (n *memNode) syncSectors(from, to int) {
	for i := from; i < to; i++ {
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
	for i := off / block * perPage; i < (off+count+block-1)/block*perPage; i++ {
		delete(n.forgotten, int(i))
	}
}
