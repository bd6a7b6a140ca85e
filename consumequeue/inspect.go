package consumequeue

// What follows is for tools that read the files of a store that nobody runs.

// DecodeEntry reads the entry at the front of b, which has at least [EntrySize] bytes.
func DecodeEntry(b []byte) Entry { return decodeEntry(b) }

// IsValid tells whether the bytes can be an entry; a place never written is not.
func (e Entry) IsValid() bool { return e.valid() }
