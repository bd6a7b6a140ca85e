package wire

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A connection's requests resemble each other: clients write the same keys in the same order, and most values
// stand from frame to frame. A shape is a header that was scanned once, with the places of its values. The next
// header is compared with it, and only values that have differed before, the loose ones, are read:
//
//	shape   {"code":310,"extFields":{"a":"PG","b":"T","e":"1","g":"1700…01"},"opaque":41}
//	span         ‹›               ‹  ›    ‹ ›    ‹ ›    ‹         ›            ‹›
//	loose                                        ‹ ›    ‹         ›            ‹›
//	header  {"code":310,"extFields":{"a":"PG","b":"T","e":"2","g":"1700…05"},"opaque":42}
//	equal   ════════════════════════════════════╡   ╞══╡           ╞══════════╡  ╞═
//
// Whatever lies between loose values must be equal byte by byte. Where it is not because of another value, that one is loose
// from then on. Any other header is scanned as if there were no shapes, and becomes the shape of its slot;
// so both ways read the same, which a fuzzer checks.
type shape struct {
	number  uint32 // Command.Shape; never used again
	header  []byte
	spans   []span
	command Command // the header's members other than fields
	fields  []Field // in the order of their spans; the keys stay, the values are the shape's but for the loose ones
	loose   uint32  // the spans that are read from every header
	changed uint32  // the fields among them
	keys    []byte  // behind the fields' keys
}

// span is where one value stands in a shape's header, with its quotes.
type span struct {
	start, end int32
	member     member
	field      uint8 // the index of an extension field
	quoted     bool
	escaped    bool // the shape's value is not what stands there
}

const (
	shapeSlots    = 16
	shapeHash     = 24      // bytes in front of a header that choose its slot; they hold code and first key
	maxShape      = 4 << 10 // longer headers are not kept
	maxShapeSpans = 32
	maxShapeBody  = 64 << 10
)

// slot returns the place of a header's shape, nil if it gets none. Frames with a large body get none, for a
// shape's values keep the last frame's memory from being freed.
func (d *Decoder) slot(b, body []byte) **shape {
	if len(b) < shapeHash || len(b) > maxShape || len(body) > maxShapeBody {
		return nil
	}
	x := binary.LittleEndian.Uint64(b[8:])*0x9e3779b97f4a7c15 ^ binary.LittleEndian.Uint64(b[16:])
	return &d.shapes[x*0x9e3779b97f4a7c15>>60]
}

// keep makes b, which has just been scanned with d.spans as its values, the shape at a slot. Only requests that
// come once per message and answers are worth the memory; a connection that idles with heartbeats has none.
func (d *Decoder) keep(slot **shape, b []byte, c *Command) {
	row := c.Row()
	if !c.IsResponse() && (row == nil || !row.Hot) || len(d.spans) > maxShapeSpans || doubled(d.spans) || doubledField(d.fields) {
		return
	}
	if *slot == nil {
		*slot = new(shape)
	}
	s := *slot
	s.header = append(s.header[:0], b...)
	s.spans = append(s.spans[:0], d.spans...)
	s.fields = append(s.fields[:0], d.fields...)
	s.keys = slices.Grow(s.keys[:0], len(b)) // so that it stays in place
	for i := range s.fields {
		at := len(s.keys)
		s.keys = append(s.keys, s.fields[i].Key...)
		s.fields[i] = Field{Key: s.keys[at:len(s.keys):len(s.keys)]}
	}
	s.loose, s.changed = 0, 0
	for i := range s.spans {
		p := &s.spans[i]
		if p.escaped || p.member == memberRemark { // the shape does not keep these
			s.loosen(i)
		} else if p.member == memberField {
			s.fields[p.field].Value = s.value(p)
		}
	}
	if d.number++; d.number == 0 { // 0 is none
		d.number++
	}
	s.number = d.number
	s.command = Command{Code: c.Code, Language: c.Language, Version: c.Version, Opaque: c.Opaque, Flag: c.Flag, Shape: s.number}
}

// loosen has a span read from every header.
func (s *shape) loosen(i int) {
	s.loose |= 1 << i
	if p := &s.spans[i]; p.member == memberField {
		s.changed |= 1 << p.field
	}
}

// value is the text at p of the shape's header.
func (s *shape) value(p *span) []byte {
	start, end := p.start, p.end
	if p.quoted {
		start, end = start+1, end-1
	}
	return s.header[start:end:end]
}

// doubled tells whether a member of the command stands twice: the last one counts, and match would not know.
func doubled(spans []span) bool {
	seen := uint32(0)
	for i := range spans {
		bit := uint32(1) << spans[i].member
		if spans[i].member != memberField && seen&bit != 0 {
			return true
		}
		seen |= bit
	}
	return false
}

// doubledField tells whether a field stands twice.
func doubledField(fields []Field) bool {
	for i := range fields {
		for k := range fields[:i] {
			if string(fields[i].Key) == string(fields[k].Key) {
				return true
			}
		}
	}
	return false
}

// match reads b with the shape s; false if b is of another shape, or no header.
func (d *Decoder) match(s *shape, b []byte, c *Command) bool {
	for {
		differs := d.matchLoose(s, b, c)
		if differs < 0 {
			return true
		}
		i := s.firm(differs)
		if i < 0 {
			return false
		}
		s.loosen(i)
	}
}

// matchLoose reads the loose values of b. It returns −1 if all between them is equal, else a place in the shape's header
// where it is not; of a value that cannot be read, the place is its own.
func (d *Decoder) matchLoose(s *shape, b []byte, c *Command) (differs int) {
	d.scratch = d.scratch[:0]
	body := c.Body
	*c = s.command
	c.Body, c.Ext, c.Changed = body, s.fields, s.changed
	at, rest := 0, b // rest is what is left of b, from the place that is at in the shape's header
	for loose := s.loose; loose != 0; loose &= loose - 1 {
		p := &s.spans[bits.TrailingZeros32(loose)]
		n := int(p.start) - at
		if n >= len(rest) || string(rest[:n]) != string(s.header[at:p.start]) {
			return at + mismatch(s.header[at:], rest)
		}
		text, next := d.looseValue(rest, n, p)
		if next < 0 || text == nil { // null is no value
			return int(p.start)
		}
		if p.member == memberField {
			s.fields[p.field].Value = text
		} else if !c.set(p.member, text) {
			return int(p.start)
		}
		at, rest = int(p.end), rest[next:]
	}
	if string(rest) != string(s.header[at:]) {
		return at + mismatch(s.header[at:], rest)
	}
	return -1
}

// looseValue reads the value at i that is p in the shape.
func (d *Decoder) looseValue(b []byte, i int, p *span) (text []byte, next int) {
	if p.escaped && b[i] == '"' { // so it probably is again
		return d.unescape(b, i+1)
	}
	return d.scalar(b, i)
}

// firm finds the value at a place, or just before it: a number may go on there. It is −1 if there is none that is not
// loose.
func (s *shape) firm(at int) int {
	for i := range s.spans {
		if p := &s.spans[i]; s.loose>>i&1 == 0 && int(p.start) <= at && at <= int(p.end) {
			return i
		}
	}
	return -1
}

// mismatch returns the length of the common front of a and b.
func mismatch(a, b []byte) int {
	n := min(len(a), len(b))
	a, b = a[:n], b[:n]
	for len(a) >= 16 && len(b) >= 16 {
		x := binary.LittleEndian.Uint64(a) ^ binary.LittleEndian.Uint64(b)
		y := binary.LittleEndian.Uint64(a[8:]) ^ binary.LittleEndian.Uint64(b[8:])
		if x != 0 {
			return n - len(a) + bits.TrailingZeros64(x)/8
		}
		if y != 0 {
			return n - len(a) + 8 + bits.TrailingZeros64(y)/8
		}
		a, b = a[16:], b[16:]
	}
	for i := range a {
		if a[i] != b[i] {
			return n - len(a) + i
		}
	}
	return n
}
