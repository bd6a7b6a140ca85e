package message

import (
	"bytes"
	"iter"
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
	pair := []byte(p)
	if i := bytes.IndexByte(pair, PropertySeparator); i >= 0 {
		pair, rest = pair[:i:i], p[i+1:]
	}
	i := bytes.IndexByte(pair, NameSeparator)
	if i <= 0 || i == len(pair)-1 {
		return nil, nil, rest
	}
	return pair[:i:i], pair[i+1:], rest
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
