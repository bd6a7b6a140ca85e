package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"net/netip"
)

// ErrBlank is returned where the file-end mark stands instead of a record.
var ErrBlank = errors.New("message: end of commit log file")

// FormatError says which field of a record is wrong.
type FormatError struct {
	Field string
	Want  string
	Got   int64
}

// Error implements error.
func (e *FormatError) Error() string {
	return fmt.Sprintf("message: %s is %d, want %s", e.Field, e.Got, e.Want)
}

// Head is what the fixed front of a record says of it.
type Head struct {
	Size           int // TOTALSIZE, at least MinSize; not compared with anything
	QueueOffset    QueueOffset
	LogOffset      LogOffset
	SysFlag        int32
	StoreTimestamp int64
}

// Peek reads the head of the record at the front of b, which needs [HeadSize] bytes or the
// whole record. It returns [ErrBlank] at the end of a file and a [*FormatError] where no
// record begins.
func Peek(b []byte) (Head, error) {
	if len(b) < BlankSize {
		return Head{}, tooShort(len(b))
	}
	be := binary.BigEndian
	size := int32(be.Uint32(b[posTotalSize:]))
	switch magic := be.Uint32(b[posMagic:]); {
	case magic == BlankMagic:
		return Head{Size: int(size)}, ErrBlank
	case magic != Magic:
		return Head{}, &FormatError{"MAGIC", "0xDAA320A7", int64(magic)}
	case size < MinSize:
		return Head{}, &FormatError{"TOTALSIZE", fmt.Sprintf("at least %d", MinSize), int64(size)}
	case len(b) < posBody:
		return Head{}, tooShort(len(b))
	}
	h := Head{
		Size:        int(size),
		QueueOffset: QueueOffset(be.Uint64(b[posQueueOffset:])),
		LogOffset:   LogOffset(be.Uint64(b[posLogOffset:])),
		SysFlag:     int32(be.Uint32(b[posSysFlag:])),
	}
	p := posStoreTime
	if h.SysFlag&FlagBornHostV6 != 0 {
		p += hostV6 - hostV4
	}
	h.StoreTimestamp = int64(be.Uint64(b[p:])) // p+8 <= posBody
	return h, nil
}

func tooShort(n int) error {
	return &FormatError{"TOTALSIZE", "a record within the bytes at hand", int64(n)}
}

// Decode reads the record at the front of b, which may be longer than the record. The
// record's slices alias b. It checks magic and that the parts add up to TOTALSIZE, which
// must lie within b; [CheckBody] compares the checksum.
func Decode(b []byte, r *Record) error {
	h, err := Peek(b)
	if err != nil {
		return err
	}
	if h.Size > len(b) {
		return tooShort(len(b))
	}
	b = b[:h.Size:h.Size]
	d := decoder{b: b, p: posBornHost}
	be := binary.BigEndian
	r.QueueID = int32(be.Uint32(b[posQueueID:]))
	r.Flag = int32(be.Uint32(b[posFlag:]))
	r.SysFlag = h.SysFlag
	r.QueueOffset = h.QueueOffset
	r.LogOffset = h.LogOffset
	r.BornTimestamp = int64(be.Uint64(b[posBornTimestamp:]))
	r.BornHost = d.host(h.SysFlag&FlagBornHostV6 != 0)
	r.StoreTimestamp = int64(d.uint(8))
	r.StoreHost = d.host(h.SysFlag&FlagStoreHostV6 != 0)
	r.ReconsumeTimes = int32(d.uint(4))
	r.PreparedTransactionOffset = LogOffset(d.uint(8))
	r.Body = d.take("BODYLENGTH", int64(int32(d.uint(4))))
	r.Topic = d.take("TOPICLENGTH", int64(int8(d.uint(1))))
	r.Properties = d.take("PROPERTIESLENGTH", int64(int16(d.uint(2))))
	if d.err != nil {
		return d.err
	}
	if d.p != h.Size {
		return &FormatError{"TOTALSIZE", fmt.Sprintf("%d, the sum of the parts", d.p), int64(h.Size)}
	}
	return nil
}

// CheckBody compares the checksum of the record at the front of b with its body, as Decode
// found it in r.
func CheckBody(b []byte, r *Record) error {
	want := BodyCRC(r.Body)
	if got := binary.BigEndian.Uint32(b[posBodyCRC:]); got != want {
		return &FormatError{"BODYCRC", fmt.Sprint(want), int64(got)}
	}
	return nil
}

// At tells whether the record says of itself that it lies at off.
func (r *Record) At(off LogOffset) error {
	if r.LogOffset != off {
		return &FormatError{"PHYSICALOFFSET", fmt.Sprint(int64(off)), int64(r.LogOffset)}
	}
	return nil
}

// decoder walks the part of a record that has no fixed positions; the first error stays.
type decoder struct {
	b   []byte
	p   int
	err error
}

// uint reads a big-endian number of n bytes; 0 behind the end.
func (d *decoder) uint(n int) (v uint64) {
	if d.err != nil || n > len(d.b)-d.p {
		d.fail("TOTALSIZE", "room for every field", int64(len(d.b)))
		return 0
	}
	for _, c := range d.b[d.p : d.p+n] {
		v = v<<8 | uint64(c)
	}
	d.p += n
	return v
}

// take returns the next n bytes, a length read from the record's field.
func (d *decoder) take(field string, n int64) []byte {
	if d.err != nil || n < 0 || n > int64(len(d.b)-d.p) {
		d.fail(field, fmt.Sprintf("0 to %d", len(d.b)-d.p), n)
		return nil
	}
	s := d.b[d.p : d.p+int(n) : d.p+int(n)]
	d.p += int(n)
	return s
}

func (d *decoder) host(v6 bool) netip.AddrPort {
	var addr netip.Addr
	if v6 {
		var a [16]byte
		d.p += copy(a[:], d.b[min(d.p, len(d.b)):])
		addr = netip.AddrFrom16(a)
	} else {
		var a [4]byte
		d.p += copy(a[:], d.b[min(d.p, len(d.b)):])
		addr = netip.AddrFrom4(a)
	}
	return netip.AddrPortFrom(addr, uint16(d.uint(4)))
}

func (d *decoder) fail(field, want string, got int64) {
	if d.err == nil {
		d.err = &FormatError{field, want, got}
	}
}

// Claims is the quick look at what begins at the front of b: the length and the log offset that it says
// it has, if it says that it is a record.
func Claims(b []byte) (size int, off LogOffset, ok bool) {
	if len(b) < posBody {
		return 0, 0, false
	}
	be := binary.BigEndian
	return int(int32(be.Uint32(b[posTotalSize:]))), LogOffset(be.Uint64(b[posLogOffset:])), be.Uint32(b[posMagic:]) == Magic
}

// Fits tells whether the lengths that a record says its parts have add up to that of b: if they do not, nobody who is given
// it can read it. Only the lengths are looked at.
func Fits(b []byte) bool {
	if len(b) < posBody {
		return false
	}
	be := binary.BigEndian
	p := posBodyLength
	if flag := int32(be.Uint32(b[posSysFlag:])); flag&(FlagBornHostV6|FlagStoreHostV6) != 0 {
		p += (hostV6 - hostV4) * bits.OnesCount32(uint32(flag&(FlagBornHostV6|FlagStoreHostV6)))
	}
	if p+4 > len(b) {
		return false
	}
	p += 4 + int(be.Uint32(b[p:]))
	if p >= len(b) {
		return false
	}
	p += 1 + int(b[p])
	return p+2 <= len(b) && p+2+int(be.Uint16(b[p:])) == len(b)
}

// Place is the queue, and the offset in it, that a record of at least MinSize bytes says it has.
func Place(b []byte) (queue int32, at QueueOffset) {
	be := binary.BigEndian
	return int32(be.Uint32(b[posQueueID:])), QueueOffset(be.Uint64(b[posQueueOffset:]))
}
