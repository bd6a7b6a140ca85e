package commitlog

import (
	"errors"
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Readers far behind the end read from the device in blocks, past the page cache: what they read once does not
// push out what consumers near the end need, and the memory for it is bounded. Who comes to the second half
// of a block sets the reading of the next one going, so that one that reads on never waits.
//
//	device    |··············|··············|··············|
//	blocks    |~~~~~~~~~~~~~~~~~|                             ready
//	                         |~~~~~~~~~~~~~~~~~|              being read
//	                         ^ blockOverlap: most records that begin in a block end in it
const (
	readBlock    = 256 << 10
	blockOverlap = 16 << 10
	// maxReads is how many blocks and excerpts are read at once: more would make those wait who write.
	maxReads = 4
)

// block is a piece of the log read ahead.
//
//	absent ──► reading ──► ready ──► absent, when it is the one not used for longest and nobody has it pinned
//	              └──► absent, when the device fails
type block struct {
	base message.LogOffset
	buf  []byte
	n    int // bytes of buf that are the log's
	of   *blocks

	// Under of.mu:
	pins  int
	ready bool
	used  uint64   // of.clock when it was used last
	then  []func() // to be called when it is read
	req   mapfile.Request
}

// blocks is the cache of a log's blocks.
type blocks struct {
	log   *Log
	limit int          // of blocks; set before use
	count atomic.Int32 // mirrors len(byBase), so that nobody takes the lock where there is none

	mu     sync.Mutex
	byBase map[message.LogOffset]*block
	clock  uint64   // counts uses
	free   [][]byte // memory of blocks that are gone
	aged   uint64   // clock at the last call of age

	reading int                // operations in flight
	queue   []*mapfile.Request // those that wait until fewer are
	files   []*File            // of queue
	closed  bool               // nothing is read any more
	idle    sync.Cond          // of mu: reading has become 0
}

// span is what the block has, pinned. Under bs.mu.
func (bs *blocks) span(b *block) Span {
	b.pins++
	bs.clock++
	b.used = bs.clock
	return Span{base: b.base, data: b.buf[:b.n], held: b}
}

// resident implements holder.
func (b *block) resident(int, int) bool { return true }

// unpin implements holder.
func (b *block) unpin() {
	b.of.mu.Lock()
	b.pins--
	b.of.mu.Unlock()
}

// blockBase is where the block with off begins.
func (bs *blocks) blockBase(f *File, off message.LogOffset) message.LogOffset {
	return f.base + (off-f.base)/readBlock*readBlock
}

// cached pins the block that has n bytes at off, or returns no span. It never waits.
func (bs *blocks) cached(off message.LogOffset, n int) Span {
	if bs.count.Load() == 0 {
		return Span{}
	}
	f := bs.log.fileAt(off)
	if f == nil {
		return Span{}
	}
	base := bs.blockBase(f, off)
	bs.mu.Lock()
	defer bs.mu.Unlock()
	b := bs.byBase[base]
	if b == nil || !b.ready || int(off-base)+n > b.n {
		return Span{}
	}
	s := bs.span(b) // first: start gives the lock up for a moment
	if off-base >= readBlock/2 {
		bs.start(base+readBlock, nil)
	}
	return s
}

// reads tells whether the block before the one with off is there: somebody reads on. Under bs.mu.
func (bs *blocks) reads(f *File, off message.LogOffset) bool {
	return bs.byBase[bs.blockBase(f, off)-readBlock] != nil
}

// start sets the reading of the block at base going, unless it is there, and calls then, if it is not nil, when it
// is ready or has failed. It returns false, and does not call then, when there is nothing to read or no room.
// Under bs.mu, which it gives up while it hands the operation over.
func (bs *blocks) start(base message.LogOffset, then func()) bool {
	f, end := bs.log.fileAt(base), bs.log.Written()
	switch b := bs.byBase[base]; {
	case b == nil:
	case !b.ready:
		if then != nil {
			b.then = append(b.then, then)
		}
		return true
	case f == nil || !b.grown(min(end, f.end())):
		return false
	default:
		bs.remove(b)
	}
	if f == nil || base >= end || !bs.makeRoom() || !f.pin() {
		return false
	}
	b := &block{base: base, of: bs, buf: bs.memory(), pins: 1}
	if then != nil {
		b.then = append(b.then, then)
	}
	bs.byBase[base] = b
	bs.count.Store(int32(len(bs.byBase)))
	size := min(int64(len(b.buf)), f.size-int64(base-f.base))
	b.req = mapfile.Request{Kind: mapfile.ReadRequest, P: b.buf[:size], Off: int64(base - f.base), How: directly(size)}
	b.req.Done = func(n int, err error) {
		if err != nil && !errors.Is(err, errClosed) && n == 0 && b.req.How != 0 { // a file system that reads through its cache only
			b.req.How = 0
			f.f.Start(&b.req, nil)
			return
		}
		f.unpin()
		bs.finish(b, n, end)
	}
	bs.admit(f, &b.req)
	return true
}

// directly is the way to read size bytes at a page's begin.
func directly(size int64) mapfile.How {
	if size%mapfile.DirectAlign != 0 {
		return 0
	}
	return mapfile.Direct
}

// admit starts an operation now or when fewer are in flight. Under bs.mu, which it gives up meanwhile.
func (bs *blocks) admit(f *File, r *mapfile.Request) {
	if bs.reading >= maxReads && !bs.closed {
		bs.queue, bs.files = append(bs.queue, r), append(bs.files, f)
		return
	}
	bs.reading++
	closed := bs.closed
	bs.mu.Unlock()
	if closed {
		r.Done(0, errClosed)
	} else {
		f.f.Start(r, nil)
	}
	bs.mu.Lock()
}

// errClosed ends the reads of a log that is being closed.
var errClosed = errors.New("the commit log is closed")

// leave ends an operation and starts the next. Not under bs.mu.
func (bs *blocks) leave() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.reading--
	if len(bs.queue) > 0 {
		f, r := bs.files[0], bs.queue[0]
		bs.files[0], bs.queue[0] = nil, nil
		bs.files, bs.queue = bs.files[1:], bs.queue[1:]
		bs.admit(f, r)
	}
	if bs.reading == 0 {
		bs.idle.Broadcast()
	}
}

// close waits for what is in flight; what waits for its turn, and what comes now, fails.
func (bs *blocks) close() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.closed = true
	for bs.reading > 0 {
		bs.idle.Wait()
	}
}

// finish makes a block ready, or forgets it when nothing was read. The log's bytes in it end at end.
func (bs *blocks) finish(b *block, n int, end message.LogOffset) {
	bs.mu.Lock()
	b.n = int(min(int64(n), int64(end-b.base)))
	b.pins--
	b.ready = b.n > 0
	if !b.ready {
		delete(bs.byBase, b.base)
		bs.free = append(bs.free, b.buf)
	}
	then := b.then
	b.then = nil
	bs.count.Store(int32(len(bs.byBase)))
	bs.mu.Unlock()
	bs.leave()
	for _, fn := range then {
		fn()
	}
}

// grown tells whether the log, which ends at end, has more of the block now than when it was read.
func (b *block) grown(end message.LogOffset) bool {
	return b.n < len(b.buf) && b.base+message.LogOffset(b.n) < end
}

// makeRoom makes room for one more block and tells whether there is. Under bs.mu.
func (bs *blocks) makeRoom() bool {
	if len(bs.byBase) < bs.limit {
		return true
	}
	var oldest *block
	for _, b := range bs.byBase {
		if b.ready && b.pins == 0 && (oldest == nil || b.used < oldest.used) {
			oldest = b
		}
	}
	if oldest == nil {
		return false
	}
	bs.remove(oldest)
	return true
}

// remove takes a ready block out of the cache; if it is pinned, it stays what it is to those who have it. Under bs.mu.
func (bs *blocks) remove(b *block) {
	delete(bs.byBase, b.base)
	if b.pins == 0 {
		bs.free = append(bs.free, b.buf)
	}
	bs.count.Store(int32(len(bs.byBase)))
}

// memory is a block's. Under bs.mu.
func (bs *blocks) memory() []byte {
	if n := len(bs.free); n > 0 {
		b := bs.free[n-1]
		bs.free = bs.free[:n-1]
		return b
	}
	return mapfile.Memory(readBlock + blockOverlap)
}

// age gives back the memory of what was not used since the last call.
func (bs *blocks) age() {
	bs.mu.Lock()
	defer bs.mu.Unlock()
	for _, b := range bs.byBase {
		if b.ready && b.pins == 0 && b.used <= bs.aged {
			bs.remove(b)
		}
	}
	bs.aged = bs.clock
	bs.free = nil
}
