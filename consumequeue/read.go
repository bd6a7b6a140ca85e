package consumequeue

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"ringmq/internal/message"
)

// blockSize is how much is read from a file at once.
const blockSize = 4096 / EntrySize * EntrySize

// blocks holds the buffers that file reads go through.
var blocks = sync.Pool{New: func() any { return new([blockSize]byte) }}

// Read fills dst with the entries from offset from on and returns how many there were: as
// many as fit, or up to Max. Outside of Min to Max it returns 0. It may run beside Put,
// Flush and the removal of old files, and allocates nothing when the file is open.
func (q *Queue) Read(from message.QueueOffset, dst []Entry) (int, error) {
	if from < q.Min() {
		return 0, nil
	}
	done := 0
	for done < len(dst) {
		at := from + message.QueueOffset(done)
		n, base := q.readTail(at, dst[done:])
		if at < base {
			var err error
			n, err = q.readFile(at, base, dst[done:])
			if err != nil {
				if from < q.Min() { // removed meanwhile
					return 0, nil
				}
				return done, err
			}
		}
		if n == 0 {
			break
		}
		done += n
	}
	return done, nil
}

// readTail copies entries that are in memory. Those before base are in the files.
func (q *Queue) readTail(from message.QueueOffset, dst []Entry) (n int, base message.QueueOffset) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if from < q.base || from >= q.Max() {
		return 0, q.base
	}
	b := q.tail[int(from-q.base)*EntrySize:]
	n = min(len(dst), len(b)/EntrySize)
	decodeEntries(dst[:n], b)
	return n, q.base
}

// readFile reads a block of entries from one file, none at or behind end.
func (q *Queue) readFile(from, end message.QueueOffset, dst []Entry) (int, error) {
	t := q.table
	file, at := t.place(from)
	n := min(int64(len(dst)), int64(end-from), blockSize/EntrySize, (t.opt.FileSize-at)/EntrySize)
	h, err := t.files.acquire(fileKey{q, file})
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("consumequeue: %s/%d: the file with offset %d is missing: %w", q.topic, q.id, from, err)
		}
		return 0, err
	}
	defer t.files.release(h)
	block := blocks.Get().(*[blockSize]byte)
	defer blocks.Put(block)
	if _, err := h.file.ReadAt(block[:n*EntrySize], at); err != nil {
		return 0, fmt.Errorf("consumequeue: %s/%d offset %d: %w", q.topic, q.id, from, err)
	}
	decodeEntries(dst[:n], block[:])
	return int(n), nil
}
