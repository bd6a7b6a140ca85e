package commitlog

import (
	"math"
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// prewriting overwrites the zeros behind the log's end with zeros. A block that was reserved but never
// written costs its first write a change of the file system's own records, which a sync must
// wait for: a commit of 4 KiB takes half as long where zeros were written before.
//
//	log        │ records │ being written │   lead    │ claim │ … ahead
//	                     written         writing     from    to
//
// A batch must not meet zeros on their way to the same place. Who writes says first how far it will
// come, and looks at the claim then; who prewrites claims first, and looks at writing then. So
// one of the two sees the other, and that one waits.
type prewriting struct {
	mu      sync.Mutex        // held while zeros are written
	done    message.LogOffset // under mu: zeros are written up to here
	zeros   []byte            // under mu
	seen    message.LogOffset // under mu: where the log ended at the last call
	claim   atomic.Int64      // where zeros are being written from; math.MaxInt64 if they are not
	writing atomic.Int64      // end of what is being written, in whole blocks
}

const (
	prewriteLead  = 4 << 20
	prewritePiece = 256 << 10
)

// Prewrite writes zeros up to ahead bytes behind the log's end, at most n bytes of them, on prepared
// files, and tells whether there is more to do. When the log grew by more than n since the last call it does nothing: it
// could not keep ahead, and would only be in the way. An error says nothing of the log. One goroutine calls it.
func (l *Log) Prewrite(ahead, n int64) (more bool, err error) {
	if l.mode.mapped || l.o.FileSize%mapfile.DirectAlign != 0 {
		return false, nil
	}
	p := &l.prewriting
	p.mu.Lock()
	defer p.mu.Unlock()
	written := l.Written() &^ blockMask
	grown := written - p.seen
	p.seen = written
	if int64(grown) > n {
		return true, nil
	}
	if p.zeros == nil {
		p.zeros = mapfile.Memory(prewritePiece)
	}
	end := min(written+message.LogOffset(ahead)&^blockMask, message.LogOffset(l.prepared.Load()))
	p.done = max(p.done, written+prewriteLead)
	for ; n > 0 && p.done < end; n -= prewritePiece {
		if err := l.prewritePiece(end); err != nil {
			return false, err
		}
	}
	return p.done < end, nil
}

// prewritePiece writes the next zeros below end. Under prewriting.mu.
func (l *Log) prewritePiece(end message.LogOffset) error {
	p := &l.prewriting
	f := l.fileAt(p.done)
	if f == nil {
		p.done = end
		return nil
	}
	off := int64(p.done - f.base)
	size := min(prewritePiece, f.size-off, int64(end-p.done))
	p.claim.Store(int64(p.done))
	defer p.claim.Store(math.MaxInt64)
	if p.writing.Load() > int64(p.done) {
		p.done += prewriteLead // the log is faster than its end was a moment ago
		return nil
	}
	r := mapfile.Request{Kind: mapfile.WriteRequest, P: p.zeros[:size], Off: off, How: mapfile.Direct | mapfile.Dsync}
	p.done += message.LogOffset(size)
	return await(f, &r)
}

// reach waits for zeros that are on their way to where b will be written.
func (p *prewriting) reach(b *Batch) {
	end := int64(b.End()+blockMask) &^ blockMask
	p.writing.Store(end)
	if p.claim.Load() < end {
		p.mu.Lock()
		defer p.mu.Unlock()
	}
}

// await carries a request out on the directory's loop.
func await(f *File, r *mapfile.Request) error {
	done := make(chan error, 1)
	r.Done = func(_ int, err error) { done <- err }
	f.f.Start(r, nil)
	return <-done
}
