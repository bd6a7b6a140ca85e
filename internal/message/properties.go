package message

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

// Separators inside [Properties].
const (
	NameSeparator     = 1
	PropertySeparator = 2
)

// Names of properties that the store itself reads (MessageConst).
const (
	PropertyKeys    = "KEYS"
	PropertyTags    = "TAGS"
	PropertyDelay   = "DELAY"
	PropertyUniqKey = "UNIQ_KEY"
	PropertyWait    = "WAIT"
)

// Properties is a record's property text:
//
//	name 0x01 value 0x02 name 0x01 value
//
// with or without a last 0x02. As in MessageDecoder.string2messageProperties, a pair with
// an empty name or an empty value does not exist, a value may contain 0x01, and of a name
// that stands twice the last one counts.
type Properties []byte

// All yields the pairs in the order of the text, also those that a later one of the same
// name replaces. The slices alias p.
func (p Properties) All() iter.Seq2[[]byte, []byte] {
	return func(yield func(name, value []byte) bool) {
		for len(p) > 0 {
			var name, value []byte
			name, value, p = p.next()
			if name != nil && !yield(name, value) {
				return
			}
		}
	}
}

// next cuts the first pair off; name is nil when the text there is not a property.
func (p Properties) next() (name, value []byte, rest Properties) {
	at := p.separator(0)
	for at < len(p) && p[at] == 0 {
		at = p.separator(at + 1)
	}
	if at == len(p) {
		return nil, nil, nil
	}
	if p[at] == PropertySeparator {
		return nil, nil, p[at+1:]
	}
	end := p.separator(at + 1)
	for end < len(p) && p[end] != PropertySeparator {
		end = p.separator(end + 1)
	}
	if end < len(p) {
		rest = p[end+1:]
	}
	if at == 0 || end == at+1 {
		return nil, nil, rest
	}
	return p[:at:at], p[at+1 : end : end], rest
}

// separator is the index of the first byte from i on that is a separator (or 0), else the length. Names and values
// are short: eight bytes at a time, without a call, is faster than what is made for long texts.
func (p Properties) separator(i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(p); i += 8 {
		v := binary.LittleEndian.Uint64(p[i:])
		if small := (v - ones*(PropertySeparator+1)) &^ v & highs; small != 0 { // the lowest bit is right, others may not be
			return i + bits.TrailingZeros64(small)/8
		}
	}
	for i < len(p) && p[i] > PropertySeparator {
		i++
	}
	return i
}

// Get returns the value of a property; nil when there is none. The value aliases p.
func (p Properties) Get(name string) []byte {
	var found []byte
	for len(p) > 0 {
		var n, v []byte
		n, v, p = p.next()
		if string(n) == name && n != nil {
			found = v
		}
	}
	return found
}

// Append appends a pair to the text. Name and value must not contain the two separators.
func (p Properties) Append(name, value string) Properties {
	if n := len(p); n > 0 && p[n-1] != PropertySeparator {
		p = append(p, PropertySeparator)
	}
	p = append(p, name...)
	p = append(p, NameSeparator)
	return append(p, value...)
}
