package consumequeue

import (
	"encoding/binary"
	"math"

	"ringmq/internal/layout"
	"ringmq/internal/message"
)

// Entry points at one message of a queue. Its position in the queue is its index, so it does not hold it.
type Entry struct {
	// LogOffset is where the record starts in the commit log.
	LogOffset message.LogOffset
	// Size is the length of the whole record in bytes.
	Size int32
	// TagsCode is the hash of the message's tags; in the queues of the delay levels
	// (SCHEDULE_TOPIC_XXXX) it is the time of delivery in ms, as CommitLog.checkMessageAndReturnSize makes it.
	TagsCode int64
}

// Layout is an entry, field by field; the positions below and the grid in the package comment are
// this table.
var Layout = layout.Table{
	{Name: "LogOffset", Width: 8},
	{Name: "Size", Width: 4},
	{Name: "TagsCode", Width: 8},
}

// Positions of the fields; a test holds them against the rows above.
const (
	posLogOffset = 0
	posSize      = 8
	posTagsCode  = 12

	// EntrySize is the encoded length of an [Entry] in bytes (ConsumeQueue.CQ_STORE_UNIT_SIZE).
	EntrySize = 20
)

// blank fills a queue's first file up to the first entry when that is not the file's first
// place (ConsumeQueue.fillPreBlank).
var blank = Entry{LogOffset: 0, Size: math.MaxInt32, TagsCode: 0}

// lostTags is the tags code of a [Hole]: "LOSTRING". No tag has it, nor has a time of delivery or an
// address in consumequeue_ext.
const lostTags = 0x4C4F5354_52494E47

// Hole is what stands at the queue offset of a message that is lost, so that the offset is not given out
// again. Readers step over it. It leads to a record that is there, e's: the next one of the same queue, or
// what is left of the lost one. To a Java broker it is an entry like others: it gives that record out
// twice to who takes all tags. A shorter or emptier one would be worse there: DefaultMessageStore.getMessage
// answers with the bytes that an entry names, whatever they are, and clients drop what follows in
// the answer; where the bytes lie outside of the log, it skips the rest of the file.
func Hole(e Entry) Entry {
	e.TagsCode = lostTags
	return e
}

// IsHole tells holes from entries of messages.
func (e Entry) IsHole() bool { return e.IsValid() && e.TagsCode == lostTags }

// IsBlank tells whether the entry only fills the front of a queue's first file.
func (e Entry) IsBlank() bool { return e == blank }

// appendEntry appends the encoded entry.
func appendEntry(dst []byte, e Entry) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(e.LogOffset))
	dst = binary.BigEndian.AppendUint32(dst, uint32(e.Size))
	return binary.BigEndian.AppendUint64(dst, uint64(e.TagsCode))
}

// DecodeEntry reads the entry at the front of b, which has at least [EntrySize] bytes.
func DecodeEntry(b []byte) Entry {
	_ = b[EntrySize-1]
	return Entry{
		LogOffset: message.LogOffset(binary.BigEndian.Uint64(b[posLogOffset:])),
		Size:      int32(binary.BigEndian.Uint32(b[posSize:])),
		TagsCode:  int64(binary.BigEndian.Uint64(b[posTagsCode:])),
	}
}

// decodeEntries fills dst from b, which holds at least as many entries.
func decodeEntries(dst []Entry, b []byte) {
	for i := range dst {
		dst[i] = DecodeEntry(b[i*EntrySize:])
	}
}

// IsValid tells whether the bytes can be an entry: a place never written, or cut by a power
// failure, reads as zero and is not.
func (e Entry) IsValid() bool {
	return e.LogOffset >= 0 && e.Size > 0 && e.LogOffset <= math.MaxInt64-message.LogOffset(e.Size)
}

// end is where the record ends in the commit log. A blank ends at 0: it stands before every record. A
// hole ends where its record begins, which may have an entry of its own behind it.
func (e Entry) end() message.LogOffset {
	switch {
	case e == blank:
		return 0
	case e.IsHole():
		return e.LogOffset
	}
	return e.LogOffset + message.LogOffset(e.Size)
}
