package commitlog

import (
	"errors"
	"io"
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Fetch is the reading of several ranges from the device without waiting: blocks where the ranges lie
// together, or somebody reads on; else excerpts of their pages.
//
//	NewFetch ──Start──► reading ──then──► read: what it was for is found by [Log.Cached], or among Spans
type Fetch struct {
	log  *Log   // set before use
	then func() // set by Start

	mu       sync.Mutex
	left     int        // operations that are not finished, and one for Start; under mu
	excerpts []*excerpt // that were read; under mu
}

// NewFetch makes a Fetch that has not begun, so that its user can keep it where then looks for it.
func (l *Log) NewFetch() *Fetch { return &Fetch{log: l, left: 1} }

const (
	// denseFactor: ranges are dense when they are at least this part of what lies between the first and the last.
	// A topic of 16 queues that are all read has its messages in every sixteenth place; the readers share the blocks.
	// Page by page, eight of them got 129 k messages of 1 KiB a second from the device, by blocks 470 k.
	denseFactor = 32
	// mergeGap is how far apart two ranges lie at most that are read at once.
	mergeGap = 4 << 10
)

// Start reads ranges, in the order of the log, and calls then when all is read that could be: soon
// afterwards, on any goroutine, or as the last thing it does itself. then must not block. It is called once.
func (ft *Fetch) Start(ranges []Range, then func()) {
	ft.then = then
	if !ft.log.dense(ranges) || !ft.readBlocks(ranges) {
		ft.readExcerpts(ranges)
	}
	ft.finished()
}

// dense tells whether ranges are better read with what lies between them.
func (l *Log) dense(ranges []Range) bool {
	if len(ranges) == 0 {
		return false
	}
	first, last := ranges[0], ranges[len(ranges)-1]
	total := 0
	for _, r := range ranges {
		total += r.Size
	}
	span := int(last.Off-first.Off) + last.Size
	if len(ranges) > 2 && span <= denseFactor*total {
		return true
	}
	f := l.fileAt(first.Off)
	if f == nil {
		return false
	}
	l.blocks.mu.Lock()
	defer l.blocks.mu.Unlock()
	return span <= readBlock && l.blocks.before(l.blocks.blockBase(f, first.Off)) != nil // somebody reads on
}

// readBlocks starts reading the blocks of dense ranges and tells whether they will have them all.
func (ft *Fetch) readBlocks(ranges []Range) bool {
	bs := &ft.log.blocks
	bs.mu.Lock()
	defer bs.mu.Unlock()
	last := message.LogOffset(-1)
	for _, r := range ranges {
		f := ft.log.fileAt(r.Off)
		if f == nil {
			return false
		}
		base := bs.blockBase(f, r.Off)
		if int(r.Off-base)+r.Size > readBlock+blockOverlap {
			return false
		}
		if base == last {
			continue
		}
		last = base
		ft.begun()
		if !bs.start(base, ft.finished) {
			ft.mu.Lock()
			ft.left--
			ft.mu.Unlock()
			if bs.byBase[base] == nil {
				return false
			}
		}
	}
	return true
}

// readExcerpts starts reading the pages of ranges, those of neighbours together.
func (ft *Fetch) readExcerpts(ranges []Range) {
	for i := 0; i < len(ranges); {
		first := ranges[i]
		f, end := ft.log.fileAt(first.Off), first.Off+message.LogOffset(first.Size)
		for i++; i < len(ranges) && f != nil; i++ {
			r := ranges[i]
			next := r.Off + message.LogOffset(r.Size)
			if r.Off < first.Off || r.Off-end > mergeGap || !f.holds(first.Off, int(next-first.Off)) || next-first.Off > readBlock {
				break
			}
			end = max(end, next)
		}
		if f == nil || !f.holds(first.Off, int(end-first.Off)) || !f.pin() {
			continue
		}
		ft.readExcerpt(f, newExcerpt(f, first.Off, int(end-first.Off)))
	}
}

func (ft *Fetch) readExcerpt(f *File, x *excerpt) {
	bs := &ft.log.blocks
	x.req = mapfile.Request{Kind: mapfile.ReadRequest, P: x.buf, Off: int64(x.base - f.base)}
	x.req.Done = func(n int, err error) {
		f.unpin()
		if x.n = n; err == nil || errors.Is(err, io.EOF) {
			ft.mu.Lock()
			ft.excerpts = append(ft.excerpts, x)
			ft.mu.Unlock()
		} else {
			x.unpin() // who needs the bytes reads them again, and learns why they cannot be read
		}
		bs.leave()
		ft.finished()
	}
	ft.begun()
	bs.mu.Lock()
	defer bs.mu.Unlock()
	bs.admit(f, &x.req)
}

func (ft *Fetch) begun() {
	ft.mu.Lock()
	ft.left++
	ft.mu.Unlock()
}

// finished counts an operation down; the last one calls then.
func (ft *Fetch) finished() {
	ft.mu.Lock()
	ft.left--
	last := ft.left == 0
	ft.mu.Unlock()
	if last {
		ft.then()
	}
}

// Spans appends what was read for this Fetch alone, once, for the caller to unpin.
func (ft *Fetch) Spans(dst []Span) []Span {
	ft.mu.Lock()
	defer ft.mu.Unlock()
	for _, x := range ft.excerpts {
		dst = append(dst, x.span())
	}
	ft.excerpts = nil
	return dst
}
