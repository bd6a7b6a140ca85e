package fastjson

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// SyntaxError tells where input stops being JSON that fastjson would read.
type SyntaxError struct {
	Offset int // in bytes
	Want   string
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("fastjson: wanted %s at offset %d", e.Want, e.Offset)
}

// scanner walks over a document without making anything of it.
type scanner struct {
	b []byte
	i int // the next byte
}

func (s *scanner) want(what string) error { return &SyntaxError{s.i, what} }

// space skips white space and comments and returns the next byte, 0 at the end.
func (s *scanner) space() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c <= ' ':
			s.i++
		case c == '/' && s.comment():
		default:
			return c
		}
	}
	return 0
}

// comment skips one comment; false if there is none or it does not end.
func (s *scanner) comment() bool {
	rest := s.b[s.i:]
	if bytes.HasPrefix(rest, []byte("//")) {
		n := bytes.IndexByte(rest, '\n')
		if n < 0 {
			n = len(rest) - 1
		}
		s.i += n + 1
		return true
	}
	if !bytes.HasPrefix(rest, []byte("/*")) {
		return false
	}
	n := bytes.Index(rest[2:], []byte("*/"))
	if n < 0 {
		return false
	}
	s.i += n + 4
	return true
}

// next moves to the next member of an object or list, past commas, of which fastjson takes any number.
// first is true right behind the opening bracket, where no comma is due. done means that closing was read.
func (s *scanner) next(closing byte, first bool) (done bool, err error) {
	comma := first
	for s.space() == ',' {
		comma = true
		s.i++
	}
	switch {
	case s.i >= len(s.b):
		return false, s.want("'" + string(closing) + "'")
	case s.b[s.i] == closing:
		s.i++
		return true, nil
	case !comma:
		return false, s.want("a comma or '" + string(closing) + "'")
	}
	return false, nil
}

// colon reads what separates a key from its value.
func (s *scanner) colon() error {
	if s.space() != ':' {
		return s.want("a colon")
	}
	s.i++
	return nil
}

// text reads a string in either kind of quotes and returns its inside. The result aliases the input if
// nothing in it was escaped, and all of it is UTF-8.
func (s *scanner) text() ([]byte, error) {
	quote := s.b[s.i]
	start := s.i + 1
	i := IndexSpecial(s.b, start, quote)
	if i < len(s.b) && s.b[i] == quote {
		s.i = i + 1
		return valid(s.b[start:i:i]), nil
	}
	// A text is as long as the input between its quotes at most, so the memory is in proportion.
	end := *s
	if err := end.skipText(); err != nil {
		return nil, err
	}
	inside := s.b[start:end.i:end.i]
	out, next := Unescape(make([]byte, 0, len(inside)+8), inside, 0, quote)
	if next < 0 {
		return nil, s.want("a string of known escapes")
	}
	s.i = end.i
	return valid(out), nil
}

// valid is text with a replacement character for each byte that is not UTF-8, as Java's decoder has it, and as it would be written.
func valid(text []byte) []byte {
	if utf8.Valid(text) {
		return text
	}
	return []byte(string([]rune(string(text))))
}

// bare reads an unquoted word or number.
func (s *scanner) bare() ([]byte, error) {
	start := s.i
	for s.i < len(s.b) && isBare(s.b[s.i]) {
		s.i++
	}
	if s.i == start {
		return nil, s.want("a value")
	}
	return valid(s.b[start:s.i:s.i]), nil
}

func isBare(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' ||
		c == '_' || c == '$' || c == '-' || c == '+' || c == '.' || c >= 0x80
}

// name reads an object's key as text, whatever it is.
func (s *scanner) name() ([]byte, error) {
	switch s.space() {
	case '"', '\'':
		return s.text()
	case '{', '[':
		return s.skip()
	}
	return s.bare()
}

// skip passes over one value and returns it raw.
func (s *scanner) skip() ([]byte, error) {
	c := s.space()
	start := s.i
	switch c {
	case '"', '\'':
		if err := s.skipText(); err != nil {
			return nil, err
		}
	case '{', '[':
		if err := s.skipNested(); err != nil {
			return nil, err
		}
	default:
		if _, err := s.bare(); err != nil {
			return nil, err
		}
	}
	return s.b[start:s.i:s.i], nil
}

func (s *scanner) skipText() error {
	quote := s.b[s.i]
	for i := s.i + 1; ; i += 2 {
		if i = IndexSpecial(s.b, i, quote); i >= len(s.b) {
			return s.want("a string that ends")
		}
		if s.b[i] == quote {
			s.i = i + 1
			return nil
		}
	}
}

// skipNested passes over an object or list, whose inside it only counts brackets of.
func (s *scanner) skipNested() error {
	start := s.i
	for depth := 0; s.i < len(s.b); {
		switch s.b[s.i] {
		case '{', '[':
			if depth++; depth > maxDepth {
				return s.want("less nesting")
			}
		case '}', ']':
			if depth--; depth == 0 {
				s.i++
				return nil
			}
		case '"', '\'':
			if err := s.skipText(); err != nil {
				return err
			}
			continue
		}
		s.i++
	}
	s.i = start
	return s.want("an object or list that ends")
}
