package commitlog

import (
	"container/list"
	"errors"
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Readers far behind the end read from the device in blocks, past the page cache: what they read once does not
// push out what consumers near the end need, and the memory for it is bounded. Who comes to the second half
// of a block sets the reading of the next one going; who has come from the one before reads on, and each block
// it comes to has one more read ahead of it, up to maxAhead: so it never waits, however fast it is.
//
//	device    |··············|··············|··············|··············|
//	blocks    |~~~~~~~~~~~~~~~~~|                                            ready
//	                         |~~~~~~~~~~~~~~~~~|~~~~~~~~~~~~~~~~~|           being read
//	                         ^ blockOverlap: most records that begin in a block end in it
const (
	readBlock    = 256 << 10
	blockOverlap = 16 << 10
	// maxReads is how many blocks and excerpts are read at once: more would make those wait who write.
	maxReads = 4
	// maxAhead is how many blocks are read ahead of one reader: the device takes about 0.2 ms for each, and a reader
	// goes through one in as much.
	maxAhead = 4
)

// block is a piece of the log read ahead.
//
//	absent ──► reading ──► ready ──► absent, when it is the one not used for longest and nobody has it pinned
//	              └──► absent, when the device fails
type block struct {
	base message.LogOffset
	buf  []byte // of from
	n    int    // bytes of buf that are the log's
	of   *blocks
	from *arena

	// Under of.mu:
	pins   int
	ready  bool
	gone   bool          // from the cache
	passed bool          // a reader was here, and those behind are there or being read
	run    int           // how many blocks before it were there when its reading began, one behind the other; at most maxAhead
	place  *list.Element // in of.recent
	used   int           // of.now when it was used last, or its reading began
	then   []func()      // to be called when it is read
	req    mapfile.Request
}

// blocks is the cache of a log's blocks.
type blocks struct {
	log   *Log
	limit int          // of blocks; set before use
	count atomic.Int32 // mirrors len(byBase), so that nobody takes the lock where there is none

	mu     sync.Mutex
	byBase map[message.LogOffset]*block
	recent list.List // of the blocks, those used last in front
	now    int       // counts calls of age
	arenas []*arena

	reading int                // operations in flight
	queue   []*mapfile.Request // those that wait until fewer are
	files   []*File            // of queue
	closed  bool               // nothing is read any more
	idle    sync.Cond          // of mu: reading has become 0
}

// span is what the block has, pinned. Under bs.mu.
func (bs *blocks) span(b *block) Span {
	b.pins++
	b.used = bs.now
	bs.recent.MoveToFront(b.place)
	return Span{base: b.base, data: b.buf[:b.n], held: b}
}

// resident implements holder.
func (b *block) resident(int, int) bool { return true }

// unpin implements holder.
func (b *block) unpin() {
	bs := b.of
	bs.mu.Lock()
	b.pins--
	bs.putBack(b)
	var unused []*arena
	if bs.closed {
		unused = bs.unused()
	}
	bs.mu.Unlock()
	release(unused)
}

// putBack gives a block's memory back to its arena, if it is gone and nobody has it pinned. Under bs.mu.
func (bs *blocks) putBack(b *block) {
	if b.gone && b.pins == 0 {
		b.from.free = append(b.from.free, b.buf)
	}
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
	if !b.passed && (b.run > 0 || off-base >= readBlock/2) {
		b.passed = true
		bs.readAhead(f, b)
	}
	return s
}

// readAhead sets the reading of the blocks behind b, which is f's, going: one more than there were before it.
// Under bs.mu, which it gives up at times.
func (bs *blocks) readAhead(f *File, b *block) {
	base := b.base
	for range min(b.run+1, maxAhead) {
		if base = min(base+readBlock, f.end()); base == f.end() {
			if f = bs.log.fileAt(base); f == nil {
				return
			}
		}
		bs.start(base, nil)
	}
}

// before is the block before the one at base, or nil. Under bs.mu.
func (bs *blocks) before(base message.LogOffset) *block {
	if f := bs.log.fileAt(base - 1); f != nil {
		return bs.byBase[bs.blockBase(f, base-1)]
	}
	return nil
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
	if f == nil || base >= end || bs.closed || !bs.makeRoom() || !f.pin() {
		return false
	}
	b := &block{base: base, of: bs, pins: 1, used: bs.now}
	if b.from, b.buf = bs.memory(); b.from == nil {
		f.unpin()
		return false
	}
	b.place = bs.recent.PushFront(b)
	if p := bs.before(base); p != nil {
		b.run = min(p.run+1, maxAhead)
	}
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

// close waits for what is in flight; what waits for its turn, and what comes now, fails. Memory that is pinned goes when it is not.
func (bs *blocks) close() {
	bs.mu.Lock()
	bs.closed = true
	for bs.reading > 0 {
		bs.idle.Wait()
	}
	for _, b := range bs.byBase {
		bs.remove(b)
	}
	unused := bs.unused()
	bs.mu.Unlock()
	release(unused)
}

// finish makes a block ready, or forgets it when nothing was read. The log's bytes in it end at end.
func (bs *blocks) finish(b *block, n int, end message.LogOffset) {
	bs.mu.Lock()
	b.n = int(min(int64(n), int64(end-b.base)))
	b.pins--
	b.ready = b.n > 0
	if !b.ready {
		bs.remove(b)
	}
	then := b.then
	b.then = nil
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
	for e := bs.recent.Back(); e != nil; e = e.Prev() {
		if b := e.Value.(*block); b.idle() {
			bs.remove(b)
			return true
		}
	}
	return false
}

// idle tells whether nobody needs the block now. Under of.mu.
func (b *block) idle() bool { return b.ready && b.pins == 0 }

// remove takes a block that is not being read out of the cache; if it is pinned, it stays what it is to those who have it. Under bs.mu.
func (bs *blocks) remove(b *block) {
	delete(bs.byBase, b.base)
	bs.recent.Remove(b.place)
	bs.count.Store(int32(len(bs.byBase)))
	b.gone = true
	bs.putBack(b)
}

// keptAges is for how many calls of age a block stays that nobody uses.
const keptAges = 10

// age makes all blocks one older, and gives back the memory of those that nobody has used for long.
func (bs *blocks) age() {
	bs.mu.Lock()
	bs.now++
	for e := bs.recent.Back(); e != nil; {
		b := e.Value.(*block)
		if bs.now-b.used < keptAges {
			break
		}
		if e = e.Prev(); b.idle() {
			bs.remove(b)
		}
	}
	unused := bs.unused()
	bs.mu.Unlock()
	release(unused)
}
