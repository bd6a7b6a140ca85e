package wire

import "ringmq/internal/fastjson"

// decodeJSON reads a JSON header, by its shape if it has been seen before.
func (d *Decoder) decodeJSON(b []byte, c *Command) error {
	slot := d.slot(b, c.Body)
	if slot != nil && *slot != nil {
		if d.match(*slot, b, c) {
			return nil
		}
		d.fields, d.scratch = d.fields[:0], d.scratch[:0]
		*c = Command{Language: LanguageUnknown, Body: c.Body}
	}
	d.spans = d.spans[:0]
	if err := d.scanHeader(b, c); err != nil {
		return err
	}
	c.Ext = d.fields
	if slot != nil {
		d.keep(slot, b, c)
	}
	return nil
}

// scanHeader scans a JSON header in place and notes the places of its values. Keys come in any order, unknown
// ones are skipped. Like fastjson it takes a quoted number for a number and a bare one for text.
func (d *Decoder) scanHeader(b []byte, c *Command) error {
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
		if string(key) == "extFields" {
			i, err = d.extFields(b, next, c)
		} else {
			i, err = d.value(b, next, memberOf(key), nil, c)
		}
		if err != nil {
			return err
		}
	}
}

// extFields reads the object at i, or null, into the Decoder's fields.
func (d *Decoder) extFields(b []byte, i int, c *Command) (int, error) {
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
		var err error
		if i, err = d.value(b, next, memberField, key, c); err != nil {
			return 0, err
		}
	}
}

// value reads the value at i of a member, or of the extension field key, and returns the index behind it.
func (d *Decoder) value(b []byte, i int, m member, key []byte, c *Command) (int, error) {
	before := len(d.scratch)
	text, next := d.scalar(b, i)
	if next < 0 {
		return 0, errJSON
	}
	if text == nil || m == memberOther {
		return next, nil
	}
	if m == memberField && len(d.fields) >= maxFields {
		return 0, errManyFields
	}
	p := span{start: int32(i), end: int32(next), member: m, quoted: b[i] == '"', escaped: len(d.scratch) > before}
	if m == memberField {
		p.field = uint8(len(d.fields)) // a header with more fields than that is never a shape
		d.fields = append(d.fields, Field{key, text})
	} else if !c.set(m, text) {
		return 0, errJSON
	}
	if len(d.spans) <= maxShapeSpans {
		d.spans = append(d.spans, p)
	}
	return next, nil
}

// member is what a value of the header is.
type member uint8

const (
	memberOther member = iota // nothing we use
	memberField               // an extension field
	memberCode
	memberFlag
	memberOpaque
	memberVersion
	memberRemark
	memberLanguage
)

func memberOf(key []byte) member {
	switch string(key) {
	case "code":
		return memberCode
	case "flag":
		return memberFlag
	case "opaque":
		return memberOpaque
	case "version":
		return memberVersion
	case "remark":
		return memberRemark
	case "language":
		return memberLanguage
	}
	return memberOther
}

// set stores the value of a member; false if it is no number where one is due.
func (c *Command) set(m member, text []byte) (ok bool) {
	switch m {
	case memberRemark:
		c.Remark = text
		return true
	case memberLanguage:
		c.Language = languageOf(text)
		return true
	case memberCode:
		c.Code, ok = parseInt32(text)
	case memberFlag:
		c.Flag, ok = parseInt32(text)
	case memberOpaque:
		c.Opaque, ok = parseInt32(text)
	case memberVersion:
		c.Version, ok = parseInt32(text)
	}
	return ok
}

func languageOf(name []byte) Language {
	for l, n := range languageNames {
		if string(name) == n {
			return Language(l)
		}
	}
	return LanguageUnknown
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
	i = skipSpace(b, i)
	if i >= len(b) || b[i] != ':' {
		return nil, -1
	}
	return key, skipSpace(b, i+1)
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
	return d.unescape(b, start)
}

// unescape reads the string that begins at start into the scratch memory. Texts of one header are disjoint and
// never longer than what they are written with, so the first of them makes room for all.
func (d *Decoder) unescape(b []byte, start int) (text []byte, next int) {
	if cap(d.scratch)-len(d.scratch) < len(b)-start+8 {
		d.scratch = make([]byte, 0, len(b)+8)
	}
	from := len(d.scratch)
	d.scratch, next = fastjson.Unescape(d.scratch, b, start, '"')
	return d.scratch[from:len(d.scratch):len(d.scratch)], next
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
