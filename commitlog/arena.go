package commitlog

import (
	"runtime"

	"ringmq/internal/mapfile"
)

// arena is the memory of arenaBlocks blocks, outside of Go's heap. It goes back to the kernel when none of its blocks is in use.
type arena struct {
	mem     []byte
	free    [][]byte // under mu of the blocks
	dropped runtime.Cleanup
}

const (
	blockBytes  = readBlock + blockOverlap
	arenaBlocks = 64
)

// memory is a block's, and the arena that it comes from, or nil if there is none to be had. Under bs.mu.
func (bs *blocks) memory() (*arena, []byte) {
	for _, a := range bs.arenas {
		if n := len(a.free); n > 0 {
			b := a.free[n-1]
			a.free = a.free[:n-1]
			return a, b
		}
	}
	mem, err := mapfile.Reserve(arenaBlocks * blockBytes)
	if err != nil {
		bs.log.o.Log.Warn("no memory for cold reads", "err", err)
		return nil, nil
	}
	a := &arena{mem: mem}
	a.dropped = runtime.AddCleanup(a, mapfile.Release, mem) // of a log that was not closed
	for i := arenaBlocks; i > 0; i-- {
		a.free = append(a.free, mem[(i-1)*blockBytes:i*blockBytes:i*blockBytes])
	}
	bs.arenas = append(bs.arenas, a)
	_, b := bs.memory()
	return a, b
}

// unused takes the arenas without a block in use off the list, for their caller to release without the lock. Under bs.mu.
func (bs *blocks) unused() []*arena {
	var unused []*arena
	kept := bs.arenas[:0]
	for _, a := range bs.arenas {
		if len(a.free) == arenaBlocks {
			unused = append(unused, a)
		} else {
			kept = append(kept, a)
		}
	}
	clear(bs.arenas[len(kept):])
	bs.arenas = kept
	return unused
}

// release gives arenas back to the kernel.
func release(arenas []*arena) {
	for _, a := range arenas {
		a.dropped.Stop()
		mapfile.Release(a.mem)
	}
}
