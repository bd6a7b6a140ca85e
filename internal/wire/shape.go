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
	header  []byte
	spans   []span
	command Command // the header's members other than fields
	fields  []Field // in the order of their spans; the keys stay, the values are those of the last match
	keys    []byte  // behind the fields' keys
}

// span is where one value stands in a shape's header, with its quotes.
type span struct {
	start, end int32
	member     member
	field      int32 // the index of an extension field
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
	if !c.IsResponse() && (row == nil || !row.Hot) || len(d.spans) > maxShapeSpans || doubled(d.spans) {
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
	s.command = Command{Code: c.Code, Language: c.Language, Version: c.Version, Opaque: c.Opaque, Flag: c.Flag}
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

// match reads b with the shape s; false if b is of another shape, or no header.
func (d *Decoder) match(s *shape, b []byte, c *Command) bool {
	m := s.header
	body := c.Body
	*c = s.command
	c.Body = body
	shift := 0 // a place of m is that place plus shift in b, up to same
	same := mismatch(m, b)
	for i := range s.spans {
		p := &s.spans[i]
		start, end := int(p.start), int(p.end)
		if start > same {
			return false
		}
		if end < same && !p.escaped { // the byte behind the value is equal too, so it ends there
			if p.quoted {
				start, end = start+1, end-1
			}
			if p.member == memberField {
				s.fields[p.field].Value = b[start+shift : end+shift : end+shift]
			} else if p.member == memberRemark {
				c.Remark = b[start+shift : end+shift : end+shift]
			}
			continue // other members are in the shape's command
		}
		text, next := d.scalar(b, start+shift)
		if next < 0 || text == nil { // null is no value
			return false
		}
		shift = next - end
		same = end + mismatch(m[end:], b[next:])
		if p.member == memberField {
			s.fields[p.field].Value = text
		} else if !c.set(p.member, text) {
			return false
		}
	}
	c.Ext = s.fields
	return same == len(m)
}

// mismatch returns the length of the common front of a and b.
func mismatch(a, b []byte) int {
	i, n := 0, min(len(a), len(b))
	for ; i+8 <= n; i += 8 {
		if x := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); x != 0 {
			return i + bits.TrailingZeros64(x)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
