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
	m.mu.Lock()
	defer m.mu.Unlock()
	copies := map[*memNode]*memNode{}
	image := m.image()
	image.boot = m.boot
	for name, n := range m.live {
		image.live[name] = n.copyTo(copies)
	}
	for name, n := range m.device {
		image.device[name] = n.copyTo(copies)
	}
	for dir, changes := range m.changes {
		for _, c := range changes {
			copied := nameChange{}
			for name, n := range c {
				copied[name] = n.copyTo(copies)
			}
			image.changes[dir] = append(image.changes[dir], copied)
		}
	}
	return image
}

// image is an empty directory on the same disk.
func (m *Mem) image() *Mem {
	image := NewMem()
	image.Capacity, image.Now, image.Lie = m.Capacity, m.Now, m.Lie
	return image
}

//go:norace
func (n *memNode) copyTo(copies map[*memNode]*memNode) *memNode {
	if n == nil {
		return nil
	}
	if c := copies[n]; c != nil {
		return c
	}
	n.shared = true
	c := &memNode{
		dir: n.dir, modTime: n.modTime, data: bytes.Clone(n.data), device: n.device, shared: true,
		forgotten: maps.Clone(n.forgotten), blocks: slices.Clone(n.blocks), blockCount: n.blockCount,
	}
	copies[n] = c
	return c
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
