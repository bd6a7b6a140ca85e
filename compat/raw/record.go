package raw

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"
	"strings"
)

// Record is one message as the commit log stores it and a pull returns it (magic 0xDAA320A7).
type Record struct {
	Queue          int32
	Flag           int32
	QueueOffset    int64
	Offset         int64 // in the commit log
	SysFlag        int32
	Born           int64 // ms
	BornHost       netip.AddrPort
	Stored         int64 // ms
	StoreHost      netip.AddrPort
	Reconsumed     int32
	PreparedOffset int64
	Body           []byte
	Topic          string
	Properties     map[string]string
	// Raw is the whole record, to compare stores byte for byte.
	Raw []byte
}

const (
	recordMagic = 0xDAA320A7
	bornIPv6    = 0x10
	storeIPv6   = 0x20
)

// ErrBody is what Records says of a damaged body.
var ErrBody = errors.New("the body does not fit its CRC")

// Records splits the body of a pull answer.
func Records(b []byte) ([]Record, error) {
	var out []Record
	for len(b) > 0 {
		if len(b) < 4 {
			return out, fmt.Errorf("%d stray bytes after the last record", len(b))
		}
		size := binary.BigEndian.Uint32(b)
		if uint64(size) > uint64(len(b)) {
			return out, fmt.Errorf("record of %d bytes with %d left", size, len(b))
		}
		r, err := decodeRecord(b[:size])
		if err != nil {
			return out, err
		}
		out = append(out, r)
		b = b[size:]
	}
	return out, nil
}

// cursor reads big-endian fields and remembers the first lack of bytes.
type cursor struct {
	b     []byte
	short bool
}

func (c *cursor) take(n int) []byte {
	if c.short || n < 0 || n > len(c.b) {
		c.short = true
		return make([]byte, 16) // callers read at most 16 bytes of it
	}
	field := c.b[:n]
	c.b = c.b[n:]
	return field
}

func (c *cursor) i32() int32 { return int32(binary.BigEndian.Uint32(c.take(4))) }
func (c *cursor) i64() int64 { return int64(binary.BigEndian.Uint64(c.take(8))) }

func (c *cursor) host(ipv6 bool) netip.AddrPort {
	size := 4
	if ipv6 {
		size = 16
	}
	ip, _ := netip.AddrFromSlice(c.take(size)[:size])
	return netip.AddrPortFrom(ip, uint16(c.i32()))
}

func decodeRecord(b []byte) (Record, error) {
	c := &cursor{b: b}
	r := Record{Raw: b}
	c.i32() // the size: b has been cut by it
	magic, crc := uint32(c.i32()), uint32(c.i32())
	r.Queue, r.Flag, r.QueueOffset, r.Offset, r.SysFlag, r.Born = c.i32(), c.i32(), c.i64(), c.i64(), c.i32(), c.i64()
	r.BornHost = c.host(r.SysFlag&bornIPv6 != 0)
	r.Stored = c.i64()
	r.StoreHost = c.host(r.SysFlag&storeIPv6 != 0)
	r.Reconsumed, r.PreparedOffset = c.i32(), c.i64()
	if body := c.i32(); body != 0 {
		r.Body = c.take(int(body))
	}
	r.Topic = string(c.take(int(c.take(1)[0])))
	properties := c.take(int(binary.BigEndian.Uint16(c.take(2))))
	switch {
	case c.short:
		return r, fmt.Errorf("record of %d bytes ends inside a field", len(b))
	case magic != recordMagic:
		return r, fmt.Errorf("record has magic %#x, want %#x", magic, uint32(recordMagic))
	case len(c.b) != 0:
		return r, fmt.Errorf("record has %d bytes after its last field", len(c.b))
	case crc != crc32.ChecksumIEEE(r.Body)&0x7FFFFFFF:
		return r, fmt.Errorf("record at %s:%d@%d: %w", r.Topic, r.Queue, r.QueueOffset, ErrBody)
	}
	r.Properties = parseProperties(string(properties))
	return r, nil
}

// The bytes between a name and its value, and between two properties.
const (
	nameValue = "\x01"
	property  = "\x02"
)

func parseProperties(text string) map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(text, property) {
		if name, value, ok := strings.Cut(pair, nameValue); ok {
			out[name] = value
		}
	}
	return out
}

// Properties renders properties for a send request, in the order given: name, value, name, value, ….
func Properties(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			b.WriteString(property)
		}
		b.WriteString(pairs[i] + nameValue + pairs[i+1])
	}
	return b.String()
}
