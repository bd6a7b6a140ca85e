package fastjson

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
)

var errWalk = errors.New("fastjson: the input has too many references")

// reference reads the rest of {"$ref":"$.a.b[0]"} and fills v from what stands at that path of the document.
// A path that leads nowhere counts as null, as in fastjson. A reference that contains itself ends at the
// depth bound.
func (p *parser) reference(v reflect.Value) error {
	if c := p.space(); c != '"' && c != '\'' {
		return p.want("a path")
	}
	path, err := p.text()
	if err != nil {
		return err
	}
	if done, err := p.next('}', false); !done {
		if err == nil {
			err = p.want("'}'")
		}
		return err
	}
	at, err := p.find(path)
	if err != nil || at < 0 {
		p.absent = true
		return err
	}
	back := p.i
	p.i = at
	if err := p.value(v); err != nil {
		return err
	}
	if p.walk -= p.i - at; p.walk < 0 {
		return errWalk
	}
	p.i = back
	return nil
}

// find returns the offset of the value at a path of members and indexes from the root, −1 if there is none.
func (p *parser) find(path []byte) (int, error) {
	if len(path) == 0 || path[0] != '$' {
		return -1, nil // "@" and "..": circles, which RocketMQ's beans do not have
	}
	s := scanner{b: p.b}
	for path = path[1:]; len(path) > 0; {
		name, rest, isIndex := cutStep(path)
		if rest == nil {
			return -1, nil
		}
		path = rest
		start := s.i
		found, err := s.descend(name, isIndex)
		if p.walk -= s.i - start; p.walk < 0 {
			return -1, errWalk
		}
		if err != nil || !found {
			return -1, err
		}
	}
	s.space()
	return s.i, nil
}

// cutStep cuts ".name" or "[3]" off a path; rest is nil if there is neither. A backslash in a name quotes the
// byte behind it.
func cutStep(path []byte) (name, rest []byte, isIndex bool) {
	if path[0] == '[' {
		inside, rest, found := bytes.Cut(path[1:], []byte{']'})
		if !found {
			return nil, nil, false
		}
		return inside, rest, true
	}
	if path[0] != '.' {
		return nil, nil, false
	}
	i := 1
	for ; i < len(path) && path[i] != '.' && path[i] != '['; i++ {
		if path[i] == '\\' && i+1 < len(path) {
			i++
		}
		name = append(name, path[i])
	}
	return name, path[i:], false
}

// descend moves from a container to one of its members. An index step leads into lists and, since fastjson
// prints integer keys alike, into objects.
func (s *scanner) descend(name []byte, isIndex bool) (bool, error) {
	c := s.space()
	if c == '[' && isIndex {
		n, err := strconv.Atoi(string(name))
		if err != nil {
			return false, nil
		}
		return s.nth(n)
	}
	if c != '{' {
		return false, nil
	}
	s.i++
	for first := true; ; first = false {
		done, err := s.next('}', first)
		if done || err != nil {
			return false, err
		}
		key, err := s.name()
		if err == nil {
			err = s.colon()
		}
		if err != nil {
			return false, err
		}
		if bytes.Equal(key, name) {
			return true, nil
		}
		if _, err := s.skip(); err != nil {
			return false, err
		}
	}
}

// nth moves from a list to its element n.
func (s *scanner) nth(n int) (bool, error) {
	s.i++
	for i := 0; ; i++ {
		done, err := s.next(']', i == 0)
		if done || err != nil || i == n {
			return !done && err == nil, err
		}
		if _, err := s.skip(); err != nil {
			return false, err
		}
	}
}
