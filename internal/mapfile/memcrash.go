package mapfile

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
)

// Kill returns the directory as a new process finds it after this one was killed: nothing is
// lost, but what was not synced would still be lost by a [Mem.Crash] of it. The image is independent.
func (m *Mem) Kill() *Mem {
	image := NewMem()
	m.Revert(image)
	return image
}

// Revert makes image, which Kill has returned, the same as Kill would now. It copies only what has changed in the image since;
// this directory must not have changed, but for names. The image's files and mappings must not be used any more.
func (m *Mem) Revert(image *Mem) {
	m.mu.Lock()
	defer m.mu.Unlock()
	image.Fault, image.FaultReads, image.Capacity, image.Now, image.Lie = nil, false, m.Capacity, m.Now, m.Lie
	image.Cold.Store(false)
	image.ops.Store(0)
	image.boot = m.boot
	if image.copies == nil {
		image.copies = make(map[*memNode]*memNode, len(m.live))
	}
	image.copyNames(image.live, m.live)
	image.copyNames(image.device, m.device)
	clear(image.changes)
	for dir, changes := range m.changes {
		for _, c := range changes {
			copied := nameChange{}
			image.copyNames(copied, c)
			image.changes[dir] = append(image.changes[dir], copied)
		}
	}
	for _, c := range image.copies {
		c.reverted = false
	}
}

// Unchanged tells which bytes of a file b is: where they begin. ok is false unless b is the file's own memory, as a mapping
// has it, the file is in an image of Kill, and nothing of those bytes has changed in the image.
func Unchanged(f File, b []byte) (off int64, ok bool) {
	n := f.(*memFile).n
	if len(b) == 0 || len(n.data) == 0 || n.dirty == nil {
		return 0, false
	}
	off = int64(addressOf(b) - addressOf(n.data)) // huge if it lies before
	end := off + int64(len(b))
	if off < 0 || end > int64(len(n.data)) || slices.Contains(n.dirty[off/block:(end+block-1)/block], true) {
		return 0, false
	}
	return off, true
}

// copyNames makes names what from is, of copies of its nodes.
func (m *Mem) copyNames(names, from map[string]*memNode) {
	clear(names)
	for name, n := range from {
		if n == nil {
			names[name] = nil
			continue
		}
		c := m.copies[n]
		if c == nil {
			c = &memNode{}
			m.copies[n] = c
		}
		if !c.reverted {
			c.revert(n)
		}
		names[name] = c
	}
}

// image is an empty directory on the same disk.
func (m *Mem) image() *Mem {
	image := NewMem()
	image.Capacity, image.Now, image.Lie = m.Capacity, m.Now, m.Lie
	return image
}

// revert makes c a copy of n. The device's bytes are shared until one of them changes.
//
//go:norace
func (c *memNode) revert(n *memNode) {
	n.shared = true
	c.dir, c.modTime, c.locked, c.mapped, c.reverted = n.dir, n.modTime, false, false, true
	c.device, c.shared, c.forgotten = n.device, true, maps.Clone(n.forgotten)
	c.blocks, c.blockCount = append(c.blocks[:0], n.blocks...), n.blockCount
	if c.dirty == nil || len(c.data) != len(n.data) {
		c.data = append(c.data[:0:0], n.data...)
		c.dirty = make([]bool, len(c.blocks))
		return
	}
	for i, dirty := range c.dirty {
		if dirty {
			copy(c.data[i*block:], n.data[i*block:min(len(n.data), (i+1)*block)])
			c.dirty[i] = false
		}
	}
}

// Crash returns the directory as it is after a power cut: what was synced, and of the rest
// what chance takes. The image is independent; the same rng state gives the same image.
func (m *Mem) Crash(rng *rand.Rand) *Mem {
	// One crash loses nearly all or nearly nothing as often as some of everything.
	return m.CrashKeeping(rng, [...]float64{0, 1, 0.5, rng.Float64()}[rng.IntN(4)])
}

// CrashKeeping is Crash with a given part of what was not synced kept: with 0 there is just what was
// synced, with 1 nothing is lost.
func (m *Mem) CrashKeeping(rng *rand.Rand, keep float64) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	image := m.image()
	image.boot = m.boot + 1
	names := maps.Clone(m.device)
	for _, dir := range slices.Sorted(maps.Keys(m.changes)) {
		changes := m.changes[dir]
		kept := rng.IntN(len(changes) + 1)
		switch keep {
		case 0:
			kept = 0
		case 1:
			kept = len(changes)
		}
		for _, c := range changes[:kept] {
			applyChange(names, c)
		}
	}
	done := map[*memNode]*memNode{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if reachable(names, name) {
			n := names[name]
			if done[n] == nil {
				done[n] = n.crash(rng, keep)
			}
			image.live[name], image.device[name] = done[n], done[n]
		}
	}
	return image
}

// reachable tells whether the directories above a name exist.
func reachable(names map[string]*memNode, name string) bool {
	for dir := path.Dir(name); name != "."; name, dir = dir, path.Dir(dir) {
		if n := names[dir]; n == nil || !n.dir {
			return false
		}
	}
	return true
}

// crash is what a power cut leaves of a file: each sector that the device does not have is
// kept with the given probability.
//
//go:norace
func (n *memNode) crash(rng *rand.Rand, keep float64) *memNode {
	size := len(n.device)
	if len(n.data) != size && rng.Float64() < keep {
		size = len(n.data)
	}
	c := &memNode{dir: n.dir, modTime: n.modTime}
	c.resize(int64(size))
	copy(c.data, n.device)
	if !bytes.Equal(c.data, n.data) {
		for i := 0; i*Sector < size; i++ {
			live := sector(n.data, i)
			if !bytes.Equal(live, sector(c.data, i)) && rng.Float64() < keep {
				copy(sector(c.data, i), live)
			}
		}
	}
	for i := range c.blocks {
		data := c.data[i*block : min(size, (i+1)*block)]
		c.blocks[i] = i < len(n.blocks) && n.blocks[i] || !bytes.Equal(data, zeroBlock[:len(data)])
		if c.blocks[i] {
			c.blockCount++
		}
	}
	c.device = bytes.Clone(c.data)
	return c
}
