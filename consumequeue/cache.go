package consumequeue

import (
	"errors"
	"io"
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// cache keeps the blocks of entries that were read from files last: a consumer that is behind reads a queue
// in steps much smaller than a block. It has a fixed number of slots; a block can lie in one
// of them only, and replaces what lay there.
type cache struct {
	slots [cacheSlots]cacheSlot
}

// cacheSlots bounds the cache: 2 MiB when all slots were in use.
const cacheSlots = 512

// cacheSlot holds one block. Its fields are under mu.
type cacheSlot struct {
	mu    sync.Mutex
	owner uint64 // the queue's serial; 0: nothing
	first message.QueueOffset
	n     int // entries
	buf   *[blockSize]byte
}

// slot is where the block that begins with an entry of a queue can lie.
func (c *cache) slot(serial uint64, first message.QueueOffset) *cacheSlot {
	const mix = 0x9E3779B97F4A7C15 // spreads neighbours
	return &c.slots[(serial*mix^uint64(first)*(mix>>1|1))>>32%cacheSlots]
}

// read copies the cached entries from at on.
func (s *cacheSlot) read(serial uint64, first, at message.QueueOffset, dst []Entry) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	skip := int(at - first)
	if s.owner != serial || s.first != first || s.n <= skip {
		return 0
	}
	n := min(len(dst), s.n-skip)
	decodeEntries(dst[:n], s.buf[skip*EntrySize:])
	return n
}

// put makes a block the slot's and returns the memory of the one before.
func (s *cacheSlot) put(serial uint64, first message.QueueOffset, n int, buf *[blockSize]byte) (old *[blockSize]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, s.buf = s.buf, buf
	s.owner, s.first, s.n = serial, first, n
	return old
}

// readFile reads entries from one file, none at or behind end. With wait it may wait for the device; else it
// returns 0 where it would have to.
func (q *Queue) readFile(from, end message.QueueOffset, dst []Entry, wait bool) (int, error) {
	t := q.table
	file, at := t.place(from)
	at -= at % blockSize
	first := message.QueueOffset((file*t.opt.FileSize + at) / EntrySize)
	dst = dst[:min(len(dst), int(end-from))]
	serial := q.serial.Load()
	slot := t.cache.slot(serial, first)
	if n := slot.read(serial, first, from, dst); n > 0 {
		return n, nil
	}
	block := blocks.Get().(*[blockSize]byte)
	n := int(min(int64(end-first), blockSize/EntrySize, (t.opt.FileSize-at)/EntrySize))
	n, err := q.readBlock(file, at, block[:n*EntrySize], wait)
	skip := int(from - first)
	if err == nil && n <= skip && wait {
		err = q.unreadable(file, io.ErrUnexpectedEOF)
	}
	if err != nil || n <= skip {
		blocks.Put(block)
		return 0, err
	}
	dst = dst[:min(len(dst), n-skip)]
	decodeEntries(dst, block[skip*EntrySize:])
	if old := slot.put(serial, first, n, block); old != nil {
		blocks.Put(old)
	}
	return len(dst), nil
}

// readBlock reads bytes of a file and returns how many entries it got.
func (q *Queue) readBlock(file, at int64, p []byte, wait bool) (int, error) {
	h := q.table.files.opened(fileKey{q, file})
	if h == nil && !wait {
		return 0, nil // opening may wait, too
	}
	var err error
	if h == nil {
		h, err = q.table.files.acquire(fileKey{q, file})
	}
	if err != nil {
		return 0, q.missing(file, err)
	}
	defer q.table.files.release(h)
	var n int
	if wait {
		n, err = h.file.ReadAt(p, at)
	} else {
		n, err = mapfile.ReadCached(h.file, p, at)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, q.unreadable(file, err)
	}
	return n / EntrySize, nil
}

// changed makes what is cached of the queue's files worthless: entries in them were replaced or removed.
func (q *Queue) changed() { q.serial.Store(q.table.serials.Add(1)) }
