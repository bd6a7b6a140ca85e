package fastjson

import (
	"encoding/binary"
	"math"
	"math/bits"
	"unicode/utf8"
)

// plain marks the ASCII bytes that fastjson writes as they are.
var plain = func() (t [256]bool) {
	for c := range utf8.RuneSelf {
		t[c] = c >= ' ' && c != '"' && c != '\\' && c != 0x7f
	}
	return t
}()

const hexDigits = "0123456789ABCDEF"

// AppendEscaped appends UTF-8 text as the inside of a JSON string and escapes what fastjson's SerializeWriter
// escapes: quotes, backslashes, U+0000–U+001F, U+007F–U+009F, U+2028 and U+2029. Bytes that are no UTF-8
// become U+FFFD, as they would on their way through a Java string.
func AppendEscaped[T string | []byte](dst []byte, s T) []byte {
	start := 0
	for i := 0; i < len(s); {
		if plain[s[i]] {
			i++
			continue
		}
		r, n := decodeRune(s, i)
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, s[start:i]...)
			dst = utf8.AppendRune(dst, utf8.RuneError)
		case r < 0xa0 || r == '\u2028' || r == '\u2029':
			dst = append(dst, s[start:i]...)
			dst = appendEscape(dst, r)
		default:
			i += n
			continue
		}
		i += n
		start = i
	}
	return append(dst, s[start:]...)
}

// appendStandard is AppendEscaped as fastjson's feature BrowserCompatible has it: everything that is not
// printable ASCII becomes \uXXXX, and the slash is escaped.
func appendStandard[T string | []byte](dst []byte, s T) []byte {
	for i := 0; i < len(s); {
		r, n := decodeRune(s, i)
		i += n
		switch {
		case r == '/':
			dst = append(dst, '\\', '/')
		case r < utf8.RuneSelf && plain[r]:
			dst = append(dst, byte(r))
		case r > 0xffff:
			r -= 0x10000
			dst = appendHex4(dst, 0xd800+r>>10)
			dst = appendHex4(dst, 0xdc00+r&0x3ff)
		default:
			dst = appendEscape(dst, r)
		}
	}
	return dst
}

// decodeRune is utf8.DecodeRune at index i of either kind of text.
func decodeRune[T string | []byte](s T, i int) (rune, int) {
	if s[i] < utf8.RuneSelf {
		return rune(s[i]), 1
	}
	var b [utf8.UTFMax]byte
	return utf8.DecodeRune(b[:copy(b[:], s[i:])])
}

func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return appendHex4(dst, r)
}

func appendHex4(dst []byte, r rune) []byte {
	return append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// specials returns a word with the high bit set in the lowest byte of v that is the byte repeated in quotes, or
// a backslash, and perhaps in bytes above it; 0 if v has neither.
//
// A byte of v^quotes is zero where v has a quote, and (x − 1) &^ x has the high bit of the lowest zero byte.
func specials(v, quotes uint64) uint64 {
	q, e := v^quotes, v^ones*'\\'
	return ((q-ones)&^q | (e-ones)&^e) & highs
}

// IndexSpecial returns the index of the first quote or backslash at or after i, len(b) if there is none.
func IndexSpecial(b []byte, i int, quote byte) int {
	quotes := ones * uint64(quote)
	for ; i+8 <= len(b); i += 8 {
		if hit := specials(binary.LittleEndian.Uint64(b[i:]), quotes); hit != 0 {
			return i + bits.TrailingZeros64(hit)/8
		}
	}
	for i < len(b) && b[i] != quote && b[i] != '\\' {
		i++
	}
	return i
}

// Unescape copies the rest of a string from b[i:] to its closing quote to dst and resolves its escapes. It
// returns dst longer by the text, and the index behind the quote, −1 if the string does not end or has an
// escape that fastjson does not know. dst must have room for len(b)-i+8 bytes: nothing grows while unescaping,
// and whole words are copied.
func Unescape(dst, b []byte, i int, quote byte) (out []byte, next int) {
	quotes := ones * uint64(quote)
	out = dst[len(dst) : len(dst)+len(b)-i+8]
	n := 0
	for i < len(b) {
		if i+8 <= len(b) {
			v := binary.LittleEndian.Uint64(b[i:])
			binary.LittleEndian.PutUint64(out[n:], v)
			hit := specials(v, quotes)
			if hit == 0 {
				i, n = i+8, n+8
				continue
			}
			run := bits.TrailingZeros64(hit) / 8
			i, n = i+run, n+run
		}
		c := b[i]
		if c == quote {
			return dst[:len(dst)+n], i + 1
		}
		i++
		if c != '\\' {
			out[n] = c
			n++
			continue
		}
		if i+5 <= len(b) && string(b[i:i+4]) == "u000" && hexValue[b[i+4]] <= 15 {
			out[n] = hexValue[b[i+4]] // what properties are full of: \u0001 and \u0002
			i, n = i+5, n+1
			continue
		}
		text, after := appendUnescaped(out[:n], b, i)
		if after < 0 {
			return dst, -1
		}
		i, n = after, len(text)
	}
	return dst, -1
}

// simple holds what stands for a one-letter escape other than \0.
var simple = [256]byte{
	'"': '"', '\\': '\\', '/': '/', '\'': '\'', 'b': '\b', 'f': '\f', 'F': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v',
	'1': 1, '2': 2, '3': 3, '4': 4, '5': 5, '6': 6, '7': 7,
}

// appendUnescaped appends what an escape stands for, given the index i of the letter behind its backslash.
// next is the index behind the escape, −1 if it is none that fastjson knows.
func appendUnescaped(dst, b []byte, i int) (out []byte, next int) {
	if i >= len(b) {
		return dst, -1
	}
	if b[i] == 'u' {
		return appendUnicode(dst, b, i)
	}
	c := simple[b[i]]
	switch {
	case c != 0:
		return append(dst, c), i + 1
	case b[i] == '0':
		return append(dst, 0), i + 1
	case b[i] == 'x' && i+3 <= len(b):
		if high, low := hexValue[b[i+1]], hexValue[b[i+2]]; high|low <= 15 {
			return utf8.AppendRune(dst, rune(high<<4|low)), i + 3
		}
	}
	return dst, -1
}

// appendUnicode unescapes \uXXXX, or two of them that are a surrogate pair.
func appendUnicode(dst, b []byte, i int) (out []byte, next int) {
	r := hex4(b, i+1)
	if r < 0 {
		return dst, -1
	}
	i += 5
	if r < utf8.RuneSelf {
		return append(dst, byte(r)), i
	}
	if r&^0x7ff != 0xd800 {
		return utf8.AppendRune(dst, r), i
	}
	if r < 0xdc00 && i+6 <= len(b) && b[i] == '\\' && b[i+1] == 'u' {
		if low := hex4(b, i+2); low&^0x3ff == 0xdc00 {
			return utf8.AppendRune(dst, 0x10000+(r&0x3ff)<<10+low&0x3ff), i + 6
		}
	}
	return append(dst, '?'), i // half a surrogate pair becomes '?' when Java encodes the string as UTF-8
}

// hex4 reads four hexadecimal digits at i, −1 if they are none.
func hex4(b []byte, i int) rune {
	if i+4 > len(b) {
		return -1
	}
	w, x, y, z := hexValue[b[i]], hexValue[b[i+1]], hexValue[b[i+2]], hexValue[b[i+3]]
	if w|x|y|z > 15 {
		return -1
	}
	return rune(w)<<12 | rune(x)<<8 | rune(y)<<4 | rune(z)
}

var hexValue = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= '0' && c <= '9':
			t[c] = uint8(c - '0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			t[c] = uint8(c | 0x20 - 'a' + 10)
		default:
			t[c] = math.MaxUint8
		}
	}
	return t
}()
