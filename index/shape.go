package index

import (
	"encoding/binary"
	"fmt"

	"ringmq/internal/mapfile"
)

// FindShape tells how many slots and entries a file was made for. The file does not say it: its
// length leaves one shape for every fifth number of slots. Those in likely that fit the length
// count as they are; else the right one is where header, first and last entry agree.
func FindShape(f mapfile.File, likely ...Shape) (Shape, error) {
	for _, s := range likely {
		if s.Size() == f.Size() {
			return s, nil
		}
	}
	var b [headerSize]byte
	if f.Size() < headerSize {
		return Shape{}, shapeError(f)
	}
	if err := readFull(f, b[:], 0); err != nil {
		return Shape{}, fmt.Errorf("index: %w", err)
	}
	x := shapeFinder{f: f, head: decodeHeader(b[:])}
	slots, err := x.find()
	if err != nil {
		return Shape{}, fmt.Errorf("index: %w", err)
	}
	if slots == 0 {
		return Shape{}, shapeError(f)
	}
	return Shape{slots, x.entries(int64(slots))}, nil
}

func shapeError(f mapfile.File) error {
	return fmt.Errorf("index: cannot tell maxHashSlotNum and maxIndexNum of %s from its %d bytes", f.Name(), f.Size())
}

// shapeFinder looks for the number of slots of a file.
type shapeFinder struct {
	f    mapfile.File
	head header
}

// entries is the number of entries beside slots, 0 when that cannot be.
func (x *shapeFinder) entries(slots int64) int32 {
	rest := x.f.Size() - headerSize - slots*slotSize
	n := rest / entrySize
	if slots < 1 || n < 2 || n > 1<<31-1 || rest%entrySize != 0 {
		return 0
	}
	return int32(n)
}

// find returns the number of slots, 0 when none fits.
func (x *shapeFinder) find() (int32, error) {
	// RocketMQ's defaults, and what people make of them, have four entries for each slot.
	const four = slotSize + 4*entrySize
	if slots := (x.f.Size() - headerSize) / four; x.entries(slots) > 0 {
		if ok, err := x.fits(slots); ok || err != nil {
			return int32(slots), err
		}
	}
	if x.head.empty() {
		return 0, nil
	}
	return x.search()
}

// search looks at every place where the first entry may lie.
func (x *shapeFinder) search() (int32, error) {
	least := (x.f.Size() - headerSize) / slotSize % (entrySize / slotSize) // slots, at least
	if least == 0 {
		least = entrySize / slotSize
	}
	block := make([]byte, 1<<20/entrySize*entrySize)
	for at := headerSize + least*slotSize + entrySize; at < x.f.Size(); at += int64(len(block)) {
		b := block[:min(int64(len(block)), (x.f.Size()-at)/entrySize*entrySize)]
		if err := readFull(x.f, b, at); err != nil {
			return 0, err
		}
		for i := 0; i < len(b); i += entrySize {
			slots := (at + int64(i) - headerSize - entrySize) / slotSize
			if !x.isFirst(b[i:]) || slots > 1<<31-1 {
				continue
			}
			if ok, err := x.fits(slots); ok || err != nil {
				return int32(slots), err
			}
		}
		if len(b) == 0 {
			break
		}
	}
	return 0, nil
}

// isFirst tells whether the bytes can be entry 1.
func (x *shapeFinder) isFirst(b []byte) bool {
	be := binary.BigEndian
	return int64(be.Uint64(b[posLogOffset:])) == int64(x.head.beginOffset) &&
		be.Uint32(b[posSeconds:]) == 0 && be.Uint32(b[posPrevious:]) == 0 && int32(be.Uint32(b[posHash:])) >= 0
}

// fits tells whether the last entry lies where so many slots put it, and its slot leads to it. A
// file without entries fits any shape.
func (x *shapeFinder) fits(slots int64) (bool, error) {
	entries := x.entries(slots)
	if entries == 0 || x.head.nextEntry > entries {
		return false, nil
	}
	if x.head.empty() {
		return true, nil
	}
	v := View{f: x.f, shape: shape{int32(slots), entries}, head: x.head}
	last := x.head.nextEntry - 1
	var e [1]Entry
	if err := v.ReadEntries(last, e[:]); err != nil {
		return false, err
	}
	if e[0].Hash < 0 || e[0].LogOffset != x.head.endOffset {
		return false, nil
	}
	var slot [1]int32
	err := v.ReadSlots(v.SlotOf(e[0].Hash), slot[:])
	return slot[0] == last, err
}
