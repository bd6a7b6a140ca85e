package consumequeue

import "ringmq/internal/message"

// What follows is for tools that read the files of a store that nobody runs.

// DecodeEntry reads the entry at the front of b, which has at least [EntrySize] bytes.
func DecodeEntry(b []byte) Entry { return decodeEntry(b) }

// IsBlank tells whether the entry only fills the front of a queue's first file.
func (e Entry) IsBlank() bool { return e == blank }

// IsHole tells whether the entry stands for a message that was lost: recovery puts such an entry,
// shorter than any record, so that the queue offset is not given out again.
func (e Entry) IsHole() bool { return e.valid() && e.Size < message.MinSize }

// IsValid tells whether the bytes can be an entry; a place never written is not.
func (e Entry) IsValid() bool { return e.valid() }
