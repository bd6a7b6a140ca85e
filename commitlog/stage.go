package commitlog

import (
	"encoding/binary"

	"ringmq/internal/message"
)

// Batch is encoded records on their way to the files: one contiguous piece of memory, and
// where its parts belong. It has one user at a time: the [Stager] while it is being filled,
// then [Log.Write].
type Batch struct {
	buf  []byte
	used int
	// extents are the runs of buf that belong together in one file.
	extents []extent
	cut     bool // the next byte begins a file
}

type extent struct {
	off  message.LogOffset // of the first byte
	from int               // in buf
	to   int
}

// NewBatch makes an empty batch for up to size bytes. Its memory costs nothing until used.
func NewBatch(size int) *Batch { return &Batch{buf: make([]byte, size)} }

// Empty tells whether nothing is staged.
func (b *Batch) Empty() bool { return b.used == 0 }

// Len is the number of bytes staged.
func (b *Batch) Len() int { return b.used }

// End is the log offset behind the last byte; the batch must not be empty.
func (b *Batch) End() message.LogOffset {
	e := b.extents[len(b.extents)-1]
	return e.off + message.LogOffset(e.to-e.from)
}

// Reset empties the batch.
func (b *Batch) Reset() { b.used, b.extents, b.cut = 0, b.extents[:0], false }

// take extends the batch by n bytes that belong at off, behind the batch's last byte or at a
// file's begin, and returns them. The caller has checked that there is room.
func (b *Batch) take(off message.LogOffset, n int) []byte {
	from := b.used
	b.used += n
	if k := len(b.extents); k > 0 && !b.cut {
		b.extents[k-1].to = b.used
	} else {
		b.extents = append(b.extents, extent{off, from, b.used})
		b.cut = false
	}
	return b.buf[from:b.used:b.used]
}

// Stager gives records their place in the log and encodes them into a batch. Calls must be
// serialized by the caller.
type Stager struct {
	log   *Log
	batch *Batch
	tail  message.LogOffset // where the next record goes, if it fits
	end   message.LogOffset // of the prepared file that holds tail; ≤ tail when there is none
}

// NewStager makes a Stager that begins at the log's end, as Resume left it.
func NewStager(l *Log, b *Batch) *Stager { return &Stager{log: l, batch: b, tail: l.Written()} }

// Tail is the log offset behind the last staged byte.
func (s *Stager) Tail() message.LogOffset { return s.tail }

// Batch is the batch being filled.
func (s *Stager) Batch() *Batch { return s.batch }

// Swap continues with another, empty batch and returns the filled one.
func (s *Stager) Swap(next *Batch) *Batch {
	full := s.batch
	s.batch = next
	return full
}

// Wants is the first offset of the file that ErrNoFile asks for.
func (s *Stager) Wants() message.LogOffset {
	if s.end > s.tail {
		return s.end
	}
	return s.log.baseOf(s.tail)
}

// Reserve makes sure that records of together n bytes can be encoded next without crossing a
// file: it ends the file with the blank mark when they do not fit into it. The errors are
// [ErrTooLarge], [ErrBatchFull] and [ErrNoFile]; nothing is staged then.
func (s *Stager) Reserve(n int) error {
	if int64(n)+message.BlankSize > s.log.o.FileSize || n+message.BlankSize > len(s.batch.buf) {
		return ErrTooLarge
	}
	if s.tail >= s.end { // first record of this Stager, or of a file
		base := s.log.baseOf(s.tail)
		if !s.log.Prepared(base) {
			return ErrNoFile
		}
		s.end = base + message.LogOffset(s.log.o.FileSize)
	}
	room := len(s.batch.buf) - s.batch.used
	free := s.end - s.tail
	if message.LogOffset(n)+message.BlankSize <= free {
		if n > room {
			return ErrBatchFull
		}
		return nil
	}
	if !s.log.Prepared(s.end) {
		return ErrNoFile
	}
	if n+message.BlankSize > room {
		return ErrBatchFull
	}
	blank := s.batch.take(s.tail, message.BlankSize)
	binary.BigEndian.PutUint32(blank, uint32(free))
	binary.BigEndian.PutUint32(blank[4:], message.BlankMagic)
	s.batch.cut = true
	s.tail = s.end
	s.end += message.LogOffset(s.log.o.FileSize)
	return nil
}

// Put encodes a record of the given size for which Reserve has made room, and sets its LogOffset.
// crc is message.BodyCRC of its body.
func (s *Stager) Put(r *message.Record, size int, crc uint32) {
	r.LogOffset = s.tail
	r.Encode(s.batch.take(s.tail, size), crc)
	s.tail += message.LogOffset(size)
}
