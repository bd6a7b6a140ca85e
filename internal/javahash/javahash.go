// Package javahash computes Java's String.hashCode, which RocketMQ stores and compares: a consume queue
// entry holds the hash of its message's tags, a subscription the hashes of the tags it wants.
//
// The hash runs over UTF-16 units, h = 31·h + unit in 32-bit arithmetic, while our text is UTF-8:
//
//	bytes  E4 B8 AD   F0 9F 98 80    UTF-8
//	runes  U+4E2D     U+1F600
//	units  4E2D       D83D DE00      what is hashed
package javahash

import (
	"encoding/binary"
	"unicode/utf8"
)

// String is Java's hashCode of the text. Bytes that are no UTF-8 count as U+FFFD each.
func String(s []byte) int32 { return Append(0, s) }

// Append is the hash of a text whose front has the hash h and whose rest is s.
func Append(h int32, s []byte) int32 {
	for i := 0; i < len(s); {
		if i+8 <= len(s) {
			if word := binary.LittleEndian.Uint64(s[i:]); word&nonASCII == 0 {
				h = h*eighth + eight(word)
				i += 8
				continue
			}
		}
		c := s[i]
		if c < utf8.RuneSelf {
			h = 31*h + int32(c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(s[i:])
		i += n
		if r < 0x10000 {
			h = 31*h + r
			continue
		}
		r -= 0x10000
		h = 31*h + (0xd800 + r>>10)
		h = 31*h + (0xdc00 + r&0x3ff)
	}
	return h
}

const (
	nonASCII = 0x8080808080808080
	// eighth is 31⁸ in 32-bit arithmetic: by that a hash is multiplied for eight more units.
	eighth = -1807454463
)

// eight is the hash of eight ASCII bytes, the first one lowest: neighbours are joined to pairs, these to fours, and so on.
// The multiplications of a step are one, and do not wait for those of the word before.
func eight(word uint64) int32 {
	const pairs, fours = 0x00ff00ff00ff00ff, 0x0000ffff0000ffff
	word = word&pairs*31 + word>>8&pairs
	word = word&fours*(31*31) + word>>16&fours
	return int32(uint32(word)*(31*31*31*31) + uint32(word>>32))
}

// TagsCode is the tags code of a consume queue entry: the hash, sign-extended, and 0 for no tags.
func TagsCode(tags []byte) int64 { return int64(String(tags)) }
