package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Bounds on what one header may make us keep.
const (
	maxFields   = 1024     // extension fields of one frame; RocketMQ's own requests have at most 20
	keepScratch = 64 << 10 // scratch above this is given back at the next frame
	maxNesting  = 32       // of a JSON value that is skipped
)

// What makes a frame undecodable; the connection it came on is to be closed.
var (
	errShort      = errors.New("frame: shorter than its own lengths say")
	errLong       = fmt.Errorf("frame: longer than %d bytes", MaxFrame)
	errJSON       = errors.New("frame: the JSON header does not parse")
	errManyFields = fmt.Errorf("frame: more than %d extension fields", maxFields)
)

// Decoder decodes frames. Its zero value is ready; it belongs to one goroutine at a time.
//
// It owns the memory behind the [Command.Ext] slice and behind every text that had to be unescaped, and
// uses both again for the next frame. It remembers the shapes of the last JSON headers, see [shape].
type Decoder struct {
	fields  []Field
	scratch []byte
	spans   []span // of the header being scanned
	shapes  [shapeSlots]*shape
	number  uint32 // of the last shape
}

// Decode reads a frame, the bytes after its four-byte length prefix. The command's texts alias frame and
// the Decoder until its next Decode. An error means that the sender does not speak the protocol: close the
// connection, as RocketMQ does.
func (d *Decoder) Decode(frame []byte, c *Command) error {
	if len(frame) < 4 {
		return errShort
	}
	if len(frame) > MaxFrame {
		return errLong
	}
	word := binary.BigEndian.Uint32(frame)
	serialize, size := Serialize(word>>24), int(word&0xffffff)
	if size > len(frame)-4 {
		return errShort
	}
	d.fields = d.fields[:0]
	if cap(d.scratch) > keepScratch {
		d.scratch = nil
	}
	d.scratch = d.scratch[:0]
	*c = Command{Serialize: serialize, Language: LanguageUnknown}
	header, body := frame[4:4+size:4+size], frame[4+size:]
	if len(body) > 0 {
		c.Body = body[:len(body):len(body)]
	}
	var err error
	switch serialize {
	case JSON:
		err = d.decodeJSON(header, c)
	case RocketMQ:
		err = d.decodeBinary(header, c)
	default:
		err = fmt.Errorf("frame: unknown serialization %d", serialize)
	}
	return err
}

// add keeps a field. A nil value is Java's null, which is as good as no field.
func (d *Decoder) add(key, value []byte) error {
	if value == nil {
		return nil
	}
	if len(d.fields) >= maxFields {
		return errManyFields
	}
	d.fields = append(d.fields, Field{key, value})
	return nil
}

// binaryFixed is the part of a ROCKETMQ header in front of the remark: code, language, version, opaque, flag.
const binaryFixed = 2 + 1 + 2 + 4 + 4

func (d *Decoder) decodeBinary(h []byte, c *Command) error {
	if len(h) < binaryFixed+4+4 {
		return errShort
	}
	c.Code = int32(int16(binary.BigEndian.Uint16(h)))
	if int(h[2]) < len(languageNames) {
		c.Language = Language(h[2])
	}
	c.Version = int32(int16(binary.BigEndian.Uint16(h[3:])))
	c.Opaque = int32(binary.BigEndian.Uint32(h[5:]))
	c.Flag = int32(binary.BigEndian.Uint32(h[9:]))
	var ok bool
	if c.Remark, h, ok = cutText32(h[binaryFixed:]); !ok || len(h) < 4 {
		return errShort
	}
	size := int32(binary.BigEndian.Uint32(h))
	if size <= 0 {
		return nil // Java takes a negative size for none
	}
	if int(size) > len(h)-4 {
		return errShort
	}
	err := d.decodeEntries(h[4 : 4+size])
	c.Ext = d.fields
	return err
}

// decodeEntries reads the extension block: entries of a 16-bit key length, key, 32-bit value length, value.
func (d *Decoder) decodeEntries(h []byte) error {
	for len(h) > 0 {
		if len(h) < 2 {
			return errShort
		}
		n := int(binary.BigEndian.Uint16(h))
		if n > len(h)-2 {
			return errShort
		}
		key := h[2 : 2+n]
		value, rest, ok := cutText32(h[2+n:])
		if !ok {
			return errShort
		}
		if err := d.add(key, value); err != nil {
			return err
		}
		h = rest
	}
	return nil
}

// cutText32 cuts a text with a 32-bit length off the front; length 0 is Java's null.
func cutText32(h []byte) (text, rest []byte, ok bool) {
	if len(h) < 4 {
		return nil, nil, false
	}
	n := binary.BigEndian.Uint32(h)
	if uint64(n) > uint64(len(h)-4) {
		return nil, nil, false
	}
	if n == 0 {
		return nil, h[4:], true
	}
	return h[4 : 4+n : 4+n], h[4+n:], true
}
