package promise

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// A body tells what it is, so that any message can be checked, acknowledged or not:
//
//	┌──────┬────────┬──────────────────────────┐
//	│ id 8 │ size 4 │ noise made from id       │   size counts the whole body
//	└──────┴────────┴──────────────────────────┘
//
// minBody leaves room for noise, so that damage to the head shows too.
const minBody = 20

// makeBody returns the body of a message; id is not 0, size at least minBody.
func makeBody(id uint64, size int) []byte {
	b := binary.BigEndian.AppendUint64(make([]byte, 0, size+8), id)
	b = binary.BigEndian.AppendUint32(b, uint32(size))
	for x := id * 0x9E3779B97F4A7C15; len(b) < size; { // an odd factor spreads ids that differ in few bits
		x ^= x << 13 // xorshift64: cheap, and never 0 from a seed that is not
		x ^= x >> 7
		x ^= x << 17
		b = binary.BigEndian.AppendUint64(b, x)
	}
	return b[:size]
}

// ReadBody returns the id of an intact body.
func ReadBody(b []byte) (uint64, error) {
	if len(b) < minBody {
		return 0, fmt.Errorf("body of %d bytes", len(b))
	}
	id, size := binary.BigEndian.Uint64(b), int(binary.BigEndian.Uint32(b[8:]))
	if size != len(b) || !bytes.Equal(b, makeBody(id, size)) {
		return 0, fmt.Errorf("body of message %x, %d bytes, is damaged", id, len(b))
	}
	return id, nil
}
