package wire

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// A connection's requests resemble each other: clients write the same keys in the same order, and most values
// stand from frame to frame. A shape is a header that was scanned once, with the places of its values. The next
// header is compared with it, eight bytes at a time, and only values that differ are read:
//
//	shape   {"code":310,"extFields":{"a":"PG","b":"T","e":"1","g":"1700…01"},"opaque":41}
//	span         ‹›               ‹  ›    ‹ ›    ‹ ›    ‹         ›            ‹›
//	header  {"code":310,"extFields":{"a":"PG","b":"T","e":"2","g":"1700…05"},"opaque":42}
//	equal   ══════════════════════════════════════════╡ ╞════════════╡ ╞══════════════╡ ╞═
//
// Whatever lies between values must be equal byte by byte. A header that is not is scanned as if there were no
// shapes, and becomes the shape of its slot; so both ways read the same, which a fuzzer checks.
type shape struct {
	number  uint32 // Command.Shape; never used again
	header  []byte
	spans   []span
	command Command // the header's members other than fields
	fields  []Field // in the order of their spans; the keys stay, the values are the shape's but for the changed ones
	changed uint32  // the fields whose values are of the header that matched last
	keys    []byte  // behind the fields' keys
}

// span is where one value stands in a shape's header, with its quotes.
type span struct {
	start, end int32
	member     member
	field      uint8 // the index of an extension field
	quoted     bool
	escaped    bool // the value is never taken as it stands
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
	s.changed = 0
	for i := range s.spans {
		s.restore(&s.spans[i])
	}
	if d.number++; d.number == 0 { // 0 is none
		d.number++
	}
	s.number = d.number
	s.command = Command{Code: c.Code, Language: c.Language, Version: c.Version, Opaque: c.Opaque, Flag: c.Flag, Shape: s.number}
}

// restore makes a field's value the shape's own. An escaped one has none: it is read anew from every header.
func (s *shape) restore(p *span) {
	if p.member == memberField && !p.escaped {
		s.fields[p.field].Value = s.value(s.header, p, 0)
	}
}

// value is the text at p, shifted, of a header.
func (s *shape) value(b []byte, p *span, shift int) []byte {
	start, end := int(p.start)+shift, int(p.end)+shift
	if p.quoted {
		start, end = start+1, end-1
	}
	return b[start:end:end]
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
	m := s.header
	body := c.Body
	*c = s.command
	c.Body = body
	last, changed := s.changed, uint32(0)
	s.changed = ^uint32(0) >> (32 - maxShapeSpans) // should it not match, anything may be in the fields
	shift := 0                                     // a place of m is that place plus shift in b, up to same
	same := mismatch(m, b)
	for i := range s.spans {
		p := &s.spans[i]
		end := int(p.end)
		if int(p.start) > same {
			return false
		}
		if end < same && !p.escaped { // the byte behind the value is equal too, so it ends there
			switch {
			case p.member == memberRemark:
				c.Remark = s.value(b, p, shift)
			case last>>p.field&1 != 0: // other members are in the shape's command
				s.restore(p)
			}
			continue
		}
		text, next := d.scalar(b, int(p.start)+shift)
		if next < 0 || text == nil { // null is no value
			return false
		}
		shift = next - end
		same = end + mismatch(m[end:], b[next:])
		if p.member == memberField {
			s.fields[p.field].Value = text
			changed |= 1 << p.field
		} else if !c.set(p.member, text) {
			return false
		}
	}
	c.Ext, c.Changed = s.fields, changed
	s.changed = changed
	return same == len(m)
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
