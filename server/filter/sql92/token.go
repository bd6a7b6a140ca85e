package sql92

import (
	"fmt"
	"strings"
)

// tokenKind is a kind of word.
type tokenKind uint8

const (
	tokEnd tokenKind = iota
	tokBad           // no word begins with what stands there
	tokInteger
	tokFloat
	tokText
	tokName
	tokNot
	tokAnd
	tokOr
	tokBetween
	tokIn
	tokTrue
	tokFalse
	tokNull
	tokIs
	tokEqual
	tokUnequal
	tokGreater
	tokGreaterEqual
	tokLess
	tokLessEqual
	tokOpen
	tokComma
	tokClose
	tokPlus
	tokMinus
)

var keywords = [...]struct {
	word string
	kind tokenKind
}{
	{"NOT", tokNot}, {"AND", tokAnd}, {"OR", tokOr}, {"BETWEEN", tokBetween}, {"IN", tokIn},
	{"TRUE", tokTrue}, {"FALSE", tokFalse}, {"NULL", tokNull}, {"IS", tokIs},
}

// token is a word and where it stands.
type token struct {
	kind tokenKind
	at   int
	text string
}

func (t token) String() string {
	switch {
	case t.kind == tokEnd:
		return "the end"
	case len(t.text) > 32:
		return fmt.Sprintf("%.32q…", t.text)
	}
	return fmt.Sprintf("%q", t.text)
}

// lexer cuts an expression into words, the longest that fits each time.
type lexer struct {
	text string
	pos  int
	// noLineEnd: there is no line's end behind pos, so that "--" does not begin a comment. It is
	// remembered, so that a text of many signs is not searched many times.
	noLineEnd bool
}

// next returns the next word; at the end, tokEnd again and again.
func (l *lexer) next() token {
	for l.skip() {
	}
	at := l.pos
	if at == len(l.text) {
		return token{tokEnd, at, ""}
	}
	kind, n := l.word(l.text[at:])
	l.pos += n
	return token{kind, at, l.text[at:l.pos]}
}

// skip passes a blank or a comment, if one is there.
func (l *lexer) skip() bool {
	rest := l.text[l.pos:]
	n := 0
	switch {
	case rest == "":
	case strings.IndexByte(" \t\n\r\f", rest[0]) >= 0:
		n = 1
	case strings.HasPrefix(rest, "--") && !l.noLineEnd:
		n = strings.IndexAny(rest, "\n\r") + 1
		l.noLineEnd = n == 0
	case strings.HasPrefix(rest, "/*"):
		if end := strings.Index(rest[2:], "*/"); end >= 0 {
			n = 2 + end + 2
		}
	}
	l.pos += n
	return n > 0
}

// word measures the word at the front of s, which is not empty.
func (l *lexer) word(s string) (tokenKind, int) {
	switch c := s[0]; {
	case isLetter(c):
		return name(s)
	case isDigit(c), c == '.':
		return number(s)
	case c == '\'':
		return text(s)
	}
	switch {
	case strings.HasPrefix(s, "<>"):
		return tokUnequal, 2
	case strings.HasPrefix(s, ">="):
		return tokGreaterEqual, 2
	case strings.HasPrefix(s, "<="):
		return tokLessEqual, 2
	}
	switch s[0] {
	case '=':
		return tokEqual, 1
	case '>':
		return tokGreater, 1
	case '<':
		return tokLess, 1
	case '(':
		return tokOpen, 1
	case ',':
		return tokComma, 1
	case ')':
		return tokClose, 1
	case '+':
		return tokPlus, 1
	case '-':
		return tokMinus, 1
	}
	return tokBad, 1
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLetter(c byte) bool { return 'a' <= c|0x20 && c|0x20 <= 'z' || c == '_' || c == '$' }

func name(s string) (tokenKind, int) {
	n := 1
	for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
		n++
	}
	for _, k := range keywords {
		if strings.EqualFold(s[:n], k.word) {
			return k.kind, n
		}
	}
	return tokName, n
}

// number measures
//
//	0    17    17L                      tokInteger
//	5.5    5.    .5    5e3    5.e-3     tokFloat
//
// "017" is the two words 0 and 17, "5e" the words 5 and e.
func number(s string) (tokenKind, int) {
	whole := digits(s)
	n := whole
	float := n < len(s) && s[n] == '.'
	if float {
		fraction := digits(s[n+1:])
		if whole+fraction == 0 {
			return tokBad, 1
		}
		n += 1 + fraction
	}
	if e := exponent(s[n:]); e > 0 {
		return tokFloat, n + e
	}
	switch {
	case float:
		return tokFloat, n
	case s[0] == '0':
		return tokInteger, 1
	case n < len(s) && s[n]|0x20 == 'l':
		return tokInteger, n + 1
	}
	return tokInteger, n
}

func digits(s string) int {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

func exponent(s string) int {
	if s == "" || s[0]|0x20 != 'e' {
		return 0
	}
	n := 1
	if n < len(s) && (s[n] == '+' || s[n] == '-') {
		n++
	}
	if d := digits(s[n:]); d > 0 {
		return n + d
	}
	return 0
}

// text measures 'it”s'.
func text(s string) (tokenKind, int) {
	for n := 1; n < len(s); n++ {
		switch {
		case s[n] != '\'':
		case n+1 < len(s) && s[n+1] == '\'':
			n++
		default:
			return tokText, n + 1
		}
	}
	return tokBad, len(s)
}
