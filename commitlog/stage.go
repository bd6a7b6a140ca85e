package commitlog

import (
	"encoding/binary"
	"io"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Batch is encoded records on their way to the files: one contiguous piece of memory, and
// where its parts belong. It has one user at a time: the [Stager] while it is being filled,
// then [Log.Write] or [Log.Start].
//
//	        head    extent                     gap        extent, of the next file
//	buf   │░░░░░░░░│ record record … blank │ (in blocks) │ record … │ (in blocks)
//
// Head and gaps are there only where the flush mode writes whole blocks: head is what the block has
// already in which the batch begins.
type Batch struct {
	size  int
	buf   []byte // nil until it is filled
	chunk *chunk // whose memory buf is, from place at on; nil: its own
	at    int
	used  int
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
func NewBatch(size int) *Batch { return &Batch{size: size} }

// Empty tells whether nothing is staged.
func (b *Batch) Empty() bool { return len(b.extents) == 0 }

// Len is the number of bytes staged.
func (b *Batch) Len() (n int) {
	for _, e := range b.extents {
		n += e.to - e.from
	}
	return n
}

// Begin is the log offset of the first byte; the batch must not be empty.
func (b *Batch) Begin() message.LogOffset { return b.extents[0].off }

// End is the log offset behind the last byte; the batch must not be empty.
func (b *Batch) End() message.LogOffset {
	e := b.extents[len(b.extents)-1]
	return e.off + message.LogOffset(e.to-e.from)
}

// Reset empties the batch, which was written, or never will be.
func (b *Batch) Reset() {
	if b.chunk != nil {
		b.chunk.staging.abandon(b.chunk)
	}
	b.forget()
}

func (b *Batch) forget() {
	if b.chunk != nil {
		b.buf, b.chunk = nil, nil
	}
	b.used, b.extents, b.cut = 0, b.extents[:0], false
}

// take extends the batch by n bytes that belong at off, behind the batch's last byte or at a
// file's begin, and returns them. The caller has checked that there is room.
func (b *Batch) take(off message.LogOffset, n int) []byte {
	if b.cut && b.chunk != nil {
		b.used = wholeBlocks(b.used)
	}
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

// room is how many bytes can be taken.
func (b *Batch) room() int {
	if b.cut && b.chunk != nil {
		return len(b.buf) - wholeBlocks(b.used)
	}
	return len(b.buf) - b.used
}

const blockMask = blockSize - 1

// wholeBlocks rounds n up to whole blocks.
func wholeBlocks(n int) int { return (n + blockMask) &^ blockMask }

// Stager gives records their place in the log and encodes them into a batch. Calls must be
// serialized by the caller.
type Stager struct {
	log   *Log
	batch *Batch
	tail  message.LogOffset // where the next record goes, if it fits
	end   message.LogOffset // of the prepared file that holds tail; ≤ tail when there is none
}

// NewStager makes a Stager that begins at the log's end, as Resume left it, with an empty batch. The
// error is one of reading.
func NewStager(l *Log, b *Batch) (*Stager, error) {
	s := &Stager{log: l, batch: b, tail: l.Written()}
	if !l.mode.blocks {
		b.own()
		return s, nil
	}
	l.staging.chunkBytes = wholeBlocks(b.size) + 2*blockSize // so that it takes size bytes beside head and gap
	b.move(l.staging.take(), 0)
	if head := int(s.tail & blockMask); head > 0 {
		n, err := l.readAt(b.buf[:head], s.tail-message.LogOffset(head))
		if err == nil && n < head {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		b.used = head
	}
	return s, nil
}

// own gives a batch memory of its own.
func (b *Batch) own() {
	if b.buf == nil {
		b.buf = mapfile.Memory(b.size)
	}
}

// move gives an empty batch a chunk's memory from a place on.
func (b *Batch) move(c *chunk, at int) { b.chunk, b.at, b.buf = c, at, c.mem[at:] }

// Tail is the log offset behind the last staged byte.
func (s *Stager) Tail() message.LogOffset { return s.tail }

// Batch is the batch being filled.
func (s *Stager) Batch() *Batch { return s.batch }

// Swap continues with another, empty batch and returns the filled one.
func (s *Stager) Swap(next *Batch) *Batch {
	full := s.batch
	s.batch = next
	if !s.log.mode.blocks {
		next.own()
		return full
	}
	staging := &s.log.staging
	end := wholeBlocks(full.used)
	if len(full.buf)-end >= staging.chunkBytes/2 {
		staging.share(full.chunk)
		next.move(full.chunk, full.at+end)
	} else {
		next.move(staging.take(), 0)
	}
	if !full.cut {
		next.used = copy(next.buf, full.buf[full.used&^blockMask:full.used])
	}
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
	if int64(n)+message.BlankSize > s.log.o.FileSize || n+message.BlankSize > s.batch.size {
		return ErrTooLarge
	}
	if s.tail >= s.end { // first record of this Stager, or of a file
		base := s.log.baseOf(s.tail)
		if !s.log.Prepared(base) {
			return ErrNoFile
		}
		s.end = base + message.LogOffset(s.log.o.FileSize)
	}
	free := s.end - s.tail
	if message.LogOffset(n)+message.BlankSize <= free {
		return s.room(n)
	}
	if !s.log.Prepared(s.end) {
		return ErrNoFile
	}
	gap := 0
	if s.log.mode.blocks {
		gap = blockSize
	}
	if err := s.room(message.BlankSize + gap + n); err != nil {
		return err
	}
	blank := s.batch.take(s.tail, message.BlankSize)
	binary.BigEndian.PutUint32(blank, uint32(free))
	binary.BigEndian.PutUint32(blank[4:], message.BlankMagic)
	s.batch.cut = true
	s.tail = s.end
	s.end += message.LogOffset(s.log.o.FileSize)
	return nil
}

// room makes sure that the batch takes n bytes. An empty one that cannot, since it has the rest of a chunk,
// gets another chunk.
func (s *Stager) room(n int) error {
	b := s.batch
	switch {
	case n <= b.room():
		return nil
	case !b.Empty() || b.chunk == nil:
		return ErrBatchFull
	}
	staging := &s.log.staging
	old, head := b.chunk, b.buf[:b.used]
	b.move(staging.take(), 0)
	copy(b.buf, head)
	staging.abandon(old)
	return nil
}

// Put encodes a record of the given size for which Reserve has made room, and sets its LogOffset.
// crc is message.BodyCRC of its body.
func (s *Stager) Put(r *message.Record, size int, crc uint32) {
	r.LogOffset = s.tail
	r.Encode(s.batch.take(s.tail, size), crc)
	s.tail += message.LogOffset(size)
}
