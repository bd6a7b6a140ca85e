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
// Flush and the removal of old files, and allocates nothing when the file is open. It may wait for the device.
func (q *Queue) Read(from message.QueueOffset, dst []Entry) (int, error) {
	n, _, err := q.read(from, dst, true)
	return n, err
}

// ReadCached is Read as far as it need not wait for the device; more tells that it would have gone on.
func (q *Queue) ReadCached(from message.QueueOffset, dst []Entry) (n int, more bool, err error) {
	return q.read(from, dst, false)
}

func (q *Queue) read(from message.QueueOffset, dst []Entry, wait bool) (done int, more bool, err error) {
	if from < q.Min() {
		return 0, false, nil
	}
	for done < len(dst) {
		at := from + message.QueueOffset(done)
		n, base := q.readTail(at, dst[done:])
		if at < base {
			n, err = q.readFile(at, base, dst[done:], wait)
			switch {
			case err != nil && from < q.Min(): // removed meanwhile
				return 0, false, nil
			case err != nil:
				return done, false, err
			case n == 0:
				return done, !wait, nil
			}
		}
		if n == 0 {
			break
		}
		done += n
	}
	return done, false, nil
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

// missing says which queue misses a file.
func (q *Queue) missing(file int64, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("consumequeue: %s/%d: file %s is missing: %w", q.topic, q.id, q.table.fileName(file), err)
	}
	return err
}

func (q *Queue) unreadable(file int64, err error) error {
	return fmt.Errorf("consumequeue: %s/%d, file %s: %w", q.topic, q.id, q.table.fileName(file), err)
}
