package consumequeue

import (
	"fmt"
	"math"
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// nothing is a log offset behind every record.
const nothing message.LogOffset = math.MaxInt64

// cut is a queue whose entries ended before its file's did: something that is not an entry
// stood among them.
type cut struct {
	q *Queue
	// end is where the record of the last good entry ends.
	end message.LogOffset
	// resumes is the lowest record that is pointed at from behind the damage, [nothing] when none is.
	resumes message.LogOffset
}

func (t *Table) addCut(c cut) {
	t.mu.Lock()
	t.cuts = append(t.cuts, c)
	t.mu.Unlock()
	t.opt.Log.Warn("consume queue cut at damage", "topic", c.q.topic, "queue", c.q.id, "logOffset", c.end)
}

// Redo is where dispatch must begin so that every queue is whole again, when all entries of
// records below synced are known to have been on the device. It is synced, or less when a
// queue was damaged below it. After a clean stop synced is the end of the commit log.
func (t *Table) Redo(synced message.LogOffset) message.LogOffset {
	t.mu.Lock()
	defer t.mu.Unlock()
	from := synced
	for _, c := range t.cuts {
		// What a power cut tears was not synced, so its records are dispatched anyway.
		if c.resumes < synced || !t.opt.Crashed {
			from = min(from, c.end)
		}
	}
	return from
}

// scan is what reading a file forward found.
type scan struct {
	count   int64             // entries, blanks among them, before the first that cannot be one
	entries int64             // those that are no blanks
	begin   message.LogOffset // where the last entry's record begins
	end     message.LogOffset // … and ends
	damaged bool              // other bytes than zero stand behind them
	resumes message.LogOffset // as in cut
}

// scanBlock is how much is read at once when there is more than a first small block.
const scanBlock = 16 * blockSize

var scanBlocks = sync.Pool{New: func() any { return new([scanBlock]byte) }}

// scanFile reads file n from its start. Entries must point at ever later records, the first
// at or behind before, none at or behind limit.
func (q *Queue) scanFile(n int64, before, limit message.LogOffset) (scan, error) {
	h, err := q.table.files.acquire(fileKey{q, n})
	if err != nil {
		return scan{}, err
	}
	defer q.table.files.release(h)
	block := scanBlocks.Get().(*[scanBlock]byte)
	defer scanBlocks.Put(block)
	s := scan{begin: before, end: before, resumes: nothing}
	r := scanner{file: h.file, size: q.table.opt.FileSize, block: block[:]}
	endBefore := before
	for {
		b, err := r.next()
		if err != nil {
			return scan{}, fmt.Errorf("consumequeue: %w", err)
		}
		if b == nil {
			return s, nil
		}
		e := DecodeEntry(b)
		switch ordered := e.LogOffset >= s.end || e == blank && s.entries == 0 || e.IsHole() && e.LogOffset >= s.begin; {
		case e.IsValid() && ordered && e.LogOffset < limit:
			endBefore, s.begin, s.end = s.end, e.LogOffset, max(s.end, e.end())
			s.count++
			if e != blank {
				s.entries++
			}
			continue
		case e.IsValid() && !ordered && s.entries > 0:
			// Either this one is wrong or the one before it: neither is kept.
			s.count, s.entries, s.end = s.count-1, s.entries-1, endBefore
		}
		return s, r.lookBehind(&s, b)
	}
}

// scanner hands out a file's entries.
type scanner struct {
	file mapfile.File
	size int64
	at   int64 // where the next block starts
	// block is the buffer, rest what of it was read and not handed out.
	block []byte
	rest  []byte
}

// next returns the bytes from the next entry to the end of what was read, nil behind the last entry.
func (r *scanner) next() ([]byte, error) {
	if len(r.rest) < EntrySize {
		n := min(scanBlock, r.size-r.at)
		if r.at == 0 {
			n = min(blockSize, n)
		}
		if n == 0 {
			return nil, nil
		}
		if _, err := r.file.ReadAt(r.block[:n], r.at); err != nil {
			return nil, err
		}
		r.at += n
		r.rest = r.block[:n]
	}
	b := r.rest
	r.rest = r.rest[EntrySize:]
	return b, nil
}

// lookBehind fills in what stands in b, which begins with the first bad entry, and in the block behind it.
func (r *scanner) lookBehind(s *scan, b []byte) error {
	s.look(b, r.at-int64(len(b)))
	n := min(blockSize, r.size-r.at)
	if n == 0 {
		return nil
	}
	if _, err := r.file.ReadAt(r.block[:n], r.at); err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	s.look(r.block[:n], r.at)
	return nil
}

// look notes what stands in b, which is at byte at of the file. An entry that lies in two sectors may be
// half of what it was, so its offset is not believed.
func (s *scan) look(b []byte, at int64) {
	const sector = 512
	for ; len(b) >= EntrySize; b, at = b[EntrySize:], at+EntrySize {
		e := DecodeEntry(b)
		s.damaged = s.damaged || e != Entry{}
		if e.IsValid() && e != blank && at/sector == (at+EntrySize-1)/sector {
			s.resumes = min(s.resumes, e.LogOffset)
		}
	}
}

// findEnd sets where the entries end: in the last file, at the first that cannot be one or
// whose record starts at or behind limit. A last file with none, or behind one that is not
// full, is removed. The caller holds q.io or is alone.
func (q *Queue) findEnd(limit message.LogOffset) error {
	gone := scan{resumes: nothing} // what the removed files held
	for !q.files.empty() {
		n := q.files.hi - 1
		before, whole, err := q.endOfFile(n-1, limit)
		if err != nil {
			return err
		}
		s, err := q.scanFile(n, before, limit)
		if err != nil {
			return err
		}
		s.damaged = s.damaged || gone.damaged
		s.resumes = min(s.resumes, gone.resumes)
		if whole && s.entries > 0 || n == q.files.lo && n+s.count > 0 {
			if s.damaged && limit == nothing {
				q.table.addCut(cut{q, s.end, s.resumes})
			}
			return q.setEnd(n, s)
		}
		if s.entries > 0 {
			first, _, err := q.entryAt(n, 0)
			if err != nil {
				return err
			}
			s.resumes = min(s.resumes, first.LogOffset)
		}
		if err := q.removeFile(n); err != nil {
			return err
		}
		gone = scan{damaged: s.damaged || s.entries > 0, resumes: s.resumes}
	}
	if gone.damaged && limit == nothing {
		q.table.addCut(cut{q, 0, gone.resumes})
	}
	q.setMax(0, 0)
	return nil
}

// endOfFile is where the last entry's record of file n ends, and whether the file is full of
// entries below limit, as each but the last must be. There is none before the first.
func (q *Queue) endOfFile(n int64, limit message.LogOffset) (end message.LogOffset, whole bool, err error) {
	if n < q.files.lo {
		return 0, true, nil
	}
	e, ok, err := q.entryAt(n, q.table.opt.FileSize-EntrySize)
	if !ok || e.LogOffset >= limit {
		return 0, false, err
	}
	return e.end(), true, nil
}

// setEnd makes the entries that s counted in file n the queue's last. What stands behind them
// would be taken for entries once those before it are written anew, so it is cleared.
func (q *Queue) setEnd(n int64, s scan) error {
	t := q.table
	q.setMax(message.QueueOffset(n*t.perFile()+s.count), s.end)
	if !s.damaged && !t.opt.Crashed {
		return nil
	}
	h, err := t.files.acquire(fileKey{q, n})
	if err != nil {
		return err
	}
	defer t.files.release(h)
	at := s.count * EntrySize
	if !s.damaged {
		// Near the end all is zero. Finding out about the rest is cheap, clearing it is not.
		at, err = h.file.NextData(min(at+blockSize, t.opt.FileSize))
	}
	if err == nil && at < t.opt.FileSize {
		q.touchFile(n)
		err = h.file.Clear(at, t.opt.FileSize-at)
	}
	if err != nil {
		return fmt.Errorf("consumequeue: %w", err)
	}
	return nil
}

// setMax makes the files hold all entries, up to end, and forgets the tail.
func (q *Queue) setMax(end message.QueueOffset, logEnd message.LogOffset) {
	q.changed()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.setTail(nil)
	q.base, q.end = end, logEnd
	q.written, q.seen = end, end
	q.max.Store(int64(end))
	q.min.Store(min(q.min.Load(), int64(end)))
}
