package sql92

import (
	"errors"
	"math"
	"math/bits"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// maxNumber is the longest text, in bytes, that is read as a number: one term of a filter must not take
// long. Java has no bound.
const maxNumber = 1 << 10

// parseLong reads text as Integer.valueOf and Long.valueOf do: an optional sign and decimal
// digits, of any script, nothing else.
func parseLong(text []byte, least, most int64) (n int64, ok bool) {
	if len(text) > maxNumber {
		return 0, false
	}
	negative := false
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		negative = text[0] == '-'
		text = text[1:]
	}
	if len(text) == 0 {
		return 0, false
	}
	limit := uint64(most)
	if negative {
		limit = -uint64(least)
	}
	var sum uint64
	for len(text) > 0 {
		digit, size := decimal(text)
		if size == 0 {
			return 0, false
		}
		text = text[size:]
		high, low := bits.Mul64(sum, 10)
		if high != 0 || low > limit || digit > limit-low {
			return 0, false
		}
		sum = low + digit
	}
	if negative {
		return int64(-sum), true
	}
	return int64(sum), true
}

// decimal reads one digit; size is 0 if there is none. Character.digit looks at UTF-16 units, so digits beyond
// the basic plane are none.
func decimal(text []byte) (digit uint64, size int) {
	if c := text[0]; c < utf8.RuneSelf {
		if !isDigit(c) {
			return 0, 0
		}
		return uint64(c - '0'), 1
	}
	r, size := utf8.DecodeRune(text)
	for _, block := range unicode.Nd.R16 { // blocks of ten, from zero on
		if r <= 0xffff && uint16(r) >= block.Lo && uint16(r) <= block.Hi {
			return uint64(uint16(r)-block.Lo) % 10, size
		}
	}
	return 0, 0
}

// parseDouble reads text as Double.valueOf does.
func parseDouble(text []byte) (f float64, ok bool) {
	if len(text) > maxNumber {
		return 0, false
	}
	text = trim(text)
	switch string(text) {
	case "NaN", "+NaN", "-NaN":
		return math.NaN(), true
	}
	n := doubleLength(text)
	if n == 0 {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(text[:n]), 64)
	return f, err == nil || errors.Is(err, strconv.ErrRange) // beyond the range is infinity
}

// trim cuts off what String.trim does: control characters too.
func trim(text []byte) []byte {
	for len(text) > 0 && text[0] <= ' ' {
		text = text[1:]
	}
	for len(text) > 0 && text[len(text)-1] <= ' ' {
		text = text[:len(text)-1]
	}
	return text
}

// doubleLength tells how much of the text is the number if all of it is one as Java writes it, 0 if not. Go's
// reader takes more (inf, 0x1p0 with underscores), and does not know the suffixes f and d.
func doubleLength(text []byte) int {
	s := text
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		s = s[1:]
	}
	if string(s) == "Infinity" {
		return len(text)
	}
	is, mark := decimalDigit, byte('e')
	hex := len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x'
	if hex {
		is, mark, s = hexDigit, 'p', s[2:]
	}
	whole := run(s, is)
	s = s[whole:]
	fraction := 0
	if len(s) > 0 && s[0] == '.' {
		fraction = run(s[1:], is)
		s = s[1+fraction:]
	}
	if whole+fraction == 0 {
		return 0
	}
	power := false
	if len(s) > 0 && s[0]|0x20 == mark {
		s = s[1:]
		if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
			s = s[1:]
		}
		n := run(s, decimalDigit)
		if n == 0 {
			return 0
		}
		power, s = true, s[n:]
	}
	n := len(text) - len(s)
	suffixed := len(s) == 1 && (s[0]|0x20 == 'f' || s[0]|0x20 == 'd')
	if len(s) > 0 && !suffixed || hex && !power {
		return 0
	}
	return n
}

func run(s []byte, is func(byte) bool) int {
	n := 0
	for n < len(s) && is(s[n]) {
		n++
	}
	return n
}

func decimalDigit(c byte) bool { return isDigit(c) }
func hexDigit(c byte) bool     { return isDigit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
