package wire

import "ringmq/internal/fastjson"

// decodeJSON scans a JSON header in place. Keys come in any order, unknown ones are skipped.
// Like fastjson it takes a quoted number for a number and a bare one for text.
func (d *Decoder) decodeJSON(b []byte, c *Command) error {
	i := skipSpace(b, 0)
	if i >= len(b) || b[i] != '{' {
		return errJSON
	}
	i++
	for {
		key, next := d.key(b, i)
		if next < 0 {
			return errJSON
		}
		if key == nil { // the closing brace
			return nil
		}
		var err error
		if i, err = d.member(b, next, key, c); err != nil {
			return err
		}
	}
}

// member reads the value at i of the header's member key.
func (d *Decoder) member(b []byte, i int, key []byte, c *Command) (int, error) {
	if string(key) == "extFields" {
		return d.extFields(b, i)
	}
	text, next := d.scalar(b, i)
	if next < 0 {
		return 0, errJSON
	}
	var n *int32
	switch string(key) {
	case "code":
		n = &c.Code
	case "flag":
		n = &c.Flag
	case "opaque":
		n = &c.Opaque
	case "version":
		n = &c.Version
	case "remark":
		c.Remark = text
	case "language":
		c.Language = languageOf(text)
	}
	if n != nil && text != nil {
		v, ok := parseInt32(text)
		if !ok {
			return 0, errJSON
		}
		*n = v
	}
	return next, nil
}

func languageOf(name []byte) Language {
	for l, n := range languageNames {
		if string(name) == n {
			return Language(l)
		}
	}
	return LanguageUnknown
}

// extFields reads the object at i, or null, into the Decoder's fields.
func (d *Decoder) extFields(b []byte, i int) (int, error) {
	if i >= len(b) || b[i] != '{' {
		text, next := d.scalar(b, i)
		if next < 0 || text != nil {
			return 0, errJSON
		}
		return next, nil
	}
	i++
	for {
		key, next := d.key(b, i)
		if next < 0 {
			return 0, errJSON
		}
		if key == nil {
			return next, nil
		}
		value, end := d.scalar(b, next)
		if end < 0 {
			return 0, errJSON
		}
		if err := d.add(key, value); err != nil {
			return 0, err
		}
		i = end
	}
}

// key reads from behind an opening brace or a value: commas, a key and its colon. next is the index of the
// value, or −1 for a syntax error. A nil key means that the object closes, next is behind the brace.
func (d *Decoder) key(b []byte, i int) (key []byte, next int) {
	for i < len(b) && (b[i] == ',' || b[i] <= ' ') {
		i++
	}
	if i >= len(b) {
		return nil, -1
	}
	if b[i] == '}' {
		return nil, i + 1
	}
	if b[i] != '"' {
		return nil, -1
	}
	key, i = d.text(b, i+1)
	if i < 0 {
		return nil, -1
	}
	if i < len(b) && b[i] != ':' {
		i = skipSpace(b, i)
	}
	if i >= len(b) || b[i] != ':' {
		return nil, -1
	}
	i++
	if i < len(b) && b[i] <= ' ' {
		i = skipSpace(b, i)
	}
	return key, i
}

// scalar reads a value as text: a string without its quotes, a number or boolean as it stands, an object or
// array raw. null is nil. next is −1 for a syntax error.
func (d *Decoder) scalar(b []byte, i int) (text []byte, next int) {
	if i >= len(b) {
		return nil, -1
	}
	switch b[i] {
	case '"':
		return d.text(b, i+1)
	case '{', '[':
		next = skipNested(b, i)
		if next < 0 {
			return nil, -1
		}
		return b[i:next:next], next
	}
	start := i
	for i < len(b) && b[i] > ' ' && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] != '"' && b[i] != ':' {
		i++
	}
	if i == start {
		return nil, -1
	}
	if string(b[start:i]) == "null" {
		return nil, i
	}
	return b[start:i:i], i
}

// text reads a string from behind its opening quote; next is behind the closing one, −1 if there is none.
// The text is never nil.
func (d *Decoder) text(b []byte, i int) (text []byte, next int) {
	start := i
	i = fastjson.IndexSpecial(b, i, '"')
	if i >= len(b) {
		return nil, -1
	}
	if b[i] == '"' {
		return b[start:i:i], i + 1
	}
	return d.unescape(b, start, i)
}

// unescape copies the string at start, whose first backslash stands at i, into the scratch memory.
// Scratch that is moved by growing stays valid for the texts that were cut from it before.
func (d *Decoder) unescape(b []byte, start, i int) (text []byte, next int) {
	from := len(d.scratch)
	out := d.scratch
	for {
		out = append(out, b[start:i]...)
		if b[i] == '"' {
			d.scratch = out
			return out[from:len(out):len(out)], i + 1
		}
		if out, i = fastjson.AppendUnescaped(out, b, i+1); i < 0 {
			return nil, -1
		}
		start = i
		if i = fastjson.IndexSpecial(b, i, '"'); i >= len(b) {
			return nil, -1
		}
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		i++
	}
	return i
}

// skipNested returns the index behind the object or array at i, −1 if it does not close or nests too deep.
func skipNested(b []byte, i int) int {
	depth := 0
	for ; i < len(b); i++ {
		switch b[i] {
		case '{', '[':
			if depth++; depth > maxNesting {
				return -1
			}
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		case '"':
			if i = skipString(b, i+1); i < 0 {
				return -1
			}
		}
	}
	return -1
}

// skipString returns the index of the quote that closes the string whose inside starts at i, −1 if none does.
func skipString(b []byte, i int) int {
	for {
		if i = fastjson.IndexSpecial(b, i, '"'); i >= len(b) {
			return -1
		}
		if b[i] == '"' {
			return i
		}
		i += 2
	}
}
