package commitlog

import (
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// staging is the memory of a log in direct mode. What is written past the page cache would have to be
// read back from the device for the consumers that wait for it, so it is kept where it was staged:
//
//	chunk  │ batch │ batch │ batch │ … free │     chunks are filled one after the other
//	         written ─► kept: readers pin the chunk     being filled
//
// Batches begin at multiples of blockSize, in memory as in the file; the block in which one ends is
// copied to the begin of the next, which writes it again.
//
// A chunk is used again, oldest first, when no batch is in it and no reader has it pinned. Readers
// that do not give back what they pinned hold at most maxRetired chunks beyond the usual: then
// the others are sent to the device.
type staging struct {
	chunkBytes int // set before use

	mu     sync.Mutex
	chunks int       // under mu: all but the retired ones
	free   []*chunk  // under mu
	kept   []segment // under mu, in the order of the log
	// retired is the number of chunks that hold nothing of the log any more, but are pinned. Under mu.
	retired int
}

const (
	// usualChunks are in use when no reader lags.
	usualChunks = 3
	maxRetired  = 4
)

// chunk is a piece of staging memory.
type chunk struct {
	staging *staging
	mem     []byte
	batches int  // that have bytes in it, not written yet; under staging.mu
	kept    int  // segments; under staging.mu
	retired bool // under staging.mu

	pins atomic.Int32 // readers; taken under staging.mu
}

// segment is a written run of records, kept in memory.
type segment struct {
	base  message.LogOffset
	data  []byte
	chunk *chunk
}

func (s *segment) end() message.LogOffset { return s.base + message.LogOffset(len(s.data)) }

func (s *segment) span() Span { return Span{base: s.base, data: s.data, held: s.chunk} }

// resident implements holder.
func (c *chunk) resident(int, int) bool { return true }

// take returns a chunk for a batch.
func (s *staging) take() *chunk {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.idle()
	c.batches++
	return c
}

// share tells a chunk that another batch is in it.
func (s *staging) share(c *chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.batches++
}

// idle finds a chunk without anything in it, or makes one. Under mu.
func (s *staging) idle() *chunk {
	for {
		if n := len(s.free); n > 0 {
			c := s.free[n-1]
			s.free = s.free[:n-1]
			return c
		}
		if s.chunks < usualChunks || len(s.kept) == 0 || s.kept[0].chunk.batches > 0 {
			s.chunks++
			return &chunk{staging: s, mem: mapfile.Memory(s.chunkBytes)}
		}
		s.evict()
	}
}

// evict forgets the oldest chunk's segments. Under mu.
func (s *staging) evict() {
	c := s.kept[0].chunk
	n := 0
	for n < len(s.kept) && s.kept[n].chunk == c {
		n++
	}
	rest := copy(s.kept, s.kept[n:])
	clear(s.kept[rest:])
	s.kept = s.kept[:rest]
	c.kept -= n
	s.settle(c)
}

// settle puts a chunk where it belongs after it lost something. Under mu.
func (s *staging) settle(c *chunk) {
	if c.batches > 0 || c.kept > 0 {
		return
	}
	pinned := c.pins.Load() > 0
	switch {
	case pinned && !c.retired:
		c.retired = true
		s.retired++
		s.chunks--
	case !pinned && c.retired:
		c.retired = false
		s.retired--
		if s.chunks < usualChunks {
			s.chunks++
			s.free = append(s.free, c)
		}
	case !pinned:
		if s.chunks > usualChunks {
			s.chunks--
			return
		}
		s.free = append(s.free, c)
	}
}

// keep lets readers have a batch that was written.
func (s *staging) keep(b *Batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range b.extents {
		s.kept = append(s.kept, segment{e.off, b.buf[e.from:e.to:e.to], b.chunk})
		b.chunk.kept++
	}
}

// abandon tells a chunk that a batch has left it.
func (s *staging) abandon(c *chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.batches--
	s.settle(c)
}

// pin finds n bytes at off and keeps them where they are until unpin.
func (s *staging) pin(off message.LogOffset, n int) (segment, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lo, hi := 0, len(s.kept)
	for lo < hi { // the first segment that ends behind off
		if mid := (lo + hi) / 2; s.kept[mid].end() <= off {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(s.kept) || s.retired >= maxRetired {
		return segment{}, false
	}
	g := s.kept[lo]
	if off < g.base || off+message.LogOffset(n) > g.end() {
		return segment{}, false
	}
	g.chunk.pins.Add(1)
	return g, true
}

// unpin implements holder: it gives back what pin has found.
func (c *chunk) unpin() {
	if c.pins.Add(-1) > 0 {
		return
	}
	c.staging.mu.Lock()
	defer c.staging.mu.Unlock()
	if c.retired {
		c.staging.settle(c)
	}
}
