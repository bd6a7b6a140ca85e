package transport

import (
	"math/bits"
	"sync"
)

// Memory of connections comes in chunks of a power of two bytes, and a connection holds one
// only while it has bytes to keep: a partial frame, or answers on their way. So idle
// connections cost no buffers, and what one lets go serves the next.
const (
	minChunkShift = 9  // 512 B: a partial header must not cost a slow sender's weight in memory
	maxChunkShift = 22 // 4 MiB: larger ones are rare and go back to the garbage collector
)

// chunk is a recycled piece of memory; b has length 0 when it is handed out.
type chunk struct{ b []byte }

var chunkPools [maxChunkShift + 1]sync.Pool

// newChunk returns an empty chunk with room for at least n bytes.
func newChunk(n int) *chunk {
	shift := max(bits.Len(uint(n-1)), minChunkShift)
	if shift <= maxChunkShift {
		if c, ok := chunkPools[shift].Get().(*chunk); ok {
			return c
		}
	}
	return &chunk{b: make([]byte, 0, 1<<shift)}
}

// free hands the chunk back; nobody may hold a slice of it any more.
func (c *chunk) free() {
	shift := bits.Len(uint(cap(c.b))) - 1 // the class that the capacity fills
	if shift < minChunkShift || shift > maxChunkShift {
		return
	}
	c.b = c.b[:0]
	chunkPools[shift].Put(c)
}

// grow returns a chunk with c's bytes from off on and room for n more, and frees c.
func (c *chunk) grow(off, n int) *chunk {
	d := newChunk(len(c.b) - off + n)
	d.b = append(d.b, c.b[off:]...)
	c.free()
	return d
}
