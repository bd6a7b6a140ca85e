package index

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"

	"ringmq/internal/layout"
	"ringmq/internal/message"
)

// HeaderLayout and EntryLayout are a file's header and an entry, field by field; the positions below and the
// grids in the package comment are these tables.
var (
	HeaderLayout = layout.Table{
		{Name: "BeginTimestamp", Width: 8},
		{Name: "EndTimestamp", Width: 8},
		{Name: "BeginLogOffset", Width: 8},
		{Name: "EndLogOffset", Width: 8},
		{Name: "UsedSlots", Width: 4},
		{Name: "NextEntry", Width: 4},
	}
	EntryLayout = layout.Table{
		{Name: "Hash", Width: 4},
		{Name: "LogOffset", Width: 8},
		{Name: "Seconds", Width: 4},
		{Name: "Previous", Width: 4},
	}
)

// Positions of the fields; a test holds them against the rows above.
const (
	posBeginTimestamp = 0
	posEndTimestamp   = 8
	posBeginLogOffset = 16
	posEndLogOffset   = 24
	posUsedSlots      = 32
	posNextEntry      = 36
	headerSize        = 40

	posHash      = 0
	posLogOffset = 4
	posSeconds   = 12
	posPrevious  = 16
	entrySize    = 20

	slotSize = 4
)

// shape is how many slots and entries a file has.
type shape struct {
	slots   int32
	entries int32 // places; number 0 is never used
}

func (s shape) entriesAt() int64 { return headerSize + int64(s.slots)*slotSize }

func (s shape) size() int64 { return s.entriesAt() + int64(s.entries)*entrySize }

// entry is one link of a chain.
type entry struct {
	hash     int32
	offset   message.LogOffset
	seconds  int32 // since the file's BeginTimestamp
	previous int32 // number of the next older entry of the same slot, 0 is none
}

// header is what stands at the start of a file. NextEntry is the number of the entry that will be written
// next, so it is 1 in an empty file (IndexHeader.indexCount).
type header struct {
	beginTimestamp, endTimestamp int64 // ms, store times of the first and the last record
	beginOffset, endOffset       message.LogOffset
	usedSlots, nextEntry         int32
}

func (h header) empty() bool { return h.nextEntry <= 1 }

func (h *header) encode(b []byte) {
	be := binary.BigEndian
	be.PutUint64(b[posBeginTimestamp:], uint64(h.beginTimestamp))
	be.PutUint64(b[posEndTimestamp:], uint64(h.endTimestamp))
	be.PutUint64(b[posBeginLogOffset:], uint64(h.beginOffset))
	be.PutUint64(b[posEndLogOffset:], uint64(h.endOffset))
	be.PutUint32(b[posUsedSlots:], uint32(h.usedSlots))
	be.PutUint32(b[posNextEntry:], uint32(h.nextEntry))
}

// decodeHeader reads a header; in a file that was never written, all zero, it makes the next entry the first.
func decodeHeader(b []byte) header {
	be := binary.BigEndian
	return header{
		beginTimestamp: int64(be.Uint64(b[posBeginTimestamp:])),
		endTimestamp:   int64(be.Uint64(b[posEndTimestamp:])),
		beginOffset:    message.LogOffset(be.Uint64(b[posBeginLogOffset:])),
		endOffset:      message.LogOffset(be.Uint64(b[posEndLogOffset:])),
		usedSlots:      int32(be.Uint32(b[posUsedSlots:])),
		nextEntry:      max(1, int32(be.Uint32(b[posNextEntry:]))),
	}
}

// table is the slots and entries of a mapped file. Entries do not change once a slot leads
// to them; slots do while others read, so they are read and written in one piece.
type table struct {
	shape
	data []byte
}

func (t table) slotOf(hash int32) int32 { return hash % t.slots }

func (t table) slotWord(i int32) *uint32 {
	return (*uint32)(unsafe.Pointer(&t.data[headerSize+int64(i)*slotSize]))
}

func (t table) slot(i int32) int32 {
	v := atomic.LoadUint32(t.slotWord(i))
	return int32(binary.BigEndian.Uint32((*[4]byte)(unsafe.Pointer(&v))[:]))
}

func (t table) setSlot(i, number int32) {
	var v uint32
	binary.BigEndian.PutUint32((*[4]byte)(unsafe.Pointer(&v))[:], uint32(number))
	atomic.StoreUint32(t.slotWord(i), v)
}

func (t table) entryBytes(n int32) []byte {
	at := t.entriesAt() + int64(n)*entrySize
	return t.data[at : at+entrySize : at+entrySize]
}

func (t table) entry(n int32) entry {
	b, be := t.entryBytes(n), binary.BigEndian
	return entry{
		hash:     int32(be.Uint32(b[posHash:])),
		offset:   message.LogOffset(be.Uint64(b[posLogOffset:])),
		seconds:  int32(be.Uint32(b[posSeconds:])),
		previous: int32(be.Uint32(b[posPrevious:])),
	}
}

func (t table) setEntry(n int32, e entry) {
	b, be := t.entryBytes(n), binary.BigEndian
	be.PutUint32(b[posHash:], uint32(e.hash))
	be.PutUint64(b[posLogOffset:], uint64(e.offset))
	be.PutUint32(b[posSeconds:], uint32(e.seconds))
	be.PutUint32(b[posPrevious:], uint32(e.previous))
}
