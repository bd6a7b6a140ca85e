package index

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// What follows is for tools that read the files of a store that nobody runs, damaged ones too.

// Shape is how many slots and entries a file has room for (maxHashSlotNum, maxIndexNum).
type Shape struct{ Slots, Entries int32 }

// Size is the length in bytes of a file of that shape.
func (s Shape) Size() int64 { return shape{s.Slots, s.Entries}.size() }

// Header is what stands at the start of a file; times in ms.
type Header struct {
	BeginTimestamp, EndTimestamp int64
	BeginOffset, EndOffset       message.LogOffset
	UsedSlots                    int32
	NextEntry                    int32 // number of the entry that would be written next; 1 in an empty file
}

// Entry is one link of a chain.
type Entry struct {
	Hash      int32
	LogOffset message.LogOffset
	Seconds   int32 // since the file's BeginTimestamp
	Previous  int32 // number of the next older entry of the same slot, 0 is none
}

// View reads one file of an index, and changes nothing. It reads with pread, where a device error is
// an error value.
type View struct {
	f     mapfile.File
	shape shape
	head  header
}

// IsFileName tells whether a name is one of an index file.
func IsFileName(name string) bool {
	return len(name) == nameLength && strings.Trim(name, "0123456789") == ""
}

// NewView looks at a file whose shape is known. The file must be as long as the shape says.
func NewView(f mapfile.File, s Shape) (*View, error) {
	if f.Size() != s.Size() {
		return nil, fmt.Errorf("index: %s has %d bytes, %d slots and %d entries make %d", f.Name(), f.Size(), s.Slots, s.Entries, s.Size())
	}
	var b [headerSize]byte
	if err := readFull(f, b[:], 0); err != nil {
		return nil, fmt.Errorf("index: %w", err)
	}
	return &View{f: f, shape: shape{s.Slots, s.Entries}, head: decodeHeader(b[:])}, nil
}

// readFull is ReadAt for bytes that the file's length says are there.
func readFull(f mapfile.File, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) && errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// Shape is what NewView was given.
func (v *View) Shape() Shape { return Shape{v.shape.slots, v.shape.entries} }

// Header is the file's header.
func (v *View) Header() Header {
	h := v.head
	return Header{h.beginTimestamp, h.endTimestamp, h.beginOffset, h.endOffset, h.usedSlots, h.nextEntry}
}

// HeaderFault tells why the header cannot be right, "" when it can.
func (v *View) HeaderFault() string { return v.head.check(v.shape) }

// ReadEntries fills dst with the entries from number n on, all of which must be numbers of the shape.
func (v *View) ReadEntries(n int32, dst []Entry) error {
	b := make([]byte, len(dst)*entrySize)
	if err := readFull(v.f, b, v.EntryPosition(n)); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	be := binary.BigEndian
	for i := range dst {
		e := b[i*entrySize:]
		dst[i] = Entry{
			Hash:      int32(be.Uint32(e[posHash:])),
			LogOffset: message.LogOffset(be.Uint64(e[posLogOffset:])),
			Seconds:   int32(be.Uint32(e[posSeconds:])),
			Previous:  int32(be.Uint32(e[posPrevious:])),
		}
	}
	return nil
}

// ReadSlots fills dst with the slots from number i on: the number of the newest entry of each.
func (v *View) ReadSlots(i int32, dst []int32) error {
	b := make([]byte, len(dst)*slotSize)
	if err := readFull(v.f, b, v.SlotPosition(i)); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	for k := range dst {
		dst[k] = int32(binary.BigEndian.Uint32(b[k*slotSize:]))
	}
	return nil
}

// EntryPosition is the byte in the file where entry n lies.
func (v *View) EntryPosition(n int32) int64 { return v.shape.entriesAt() + int64(n)*entrySize }

// SlotPosition is the byte in the file where slot i lies.
func (v *View) SlotPosition(i int32) int64 { return headerSize + int64(i)*slotSize }

// SlotOf is the slot of a hash, which must not be negative.
func (v *View) SlotOf(hash int32) int32 { return hash % v.shape.slots }

// Seconds is how an entry of a file with that header holds a store time in ms.
func (h Header) Seconds(timestamp int64) int32 {
	return header{beginTimestamp: h.BeginTimestamp}.secondsTo(timestamp)
}
