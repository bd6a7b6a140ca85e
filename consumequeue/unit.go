package consumequeue

import (
	"encoding/binary"
	"math"

	"ringmq/internal/layout"
)

// Unit is what the ext files keep of a message beside its entry, which then holds the unit's address where its
// tags code would be (ConsumeQueueExt.CqExtUnit). The units back to back, big endian:
//
//	 0      2          10          18           20
//	+------+----------+-----------+------------+-------+
//	| SIZE | TAGSCODE | STORETIME | BITMAPSIZE | BITS… |
//	+------+----------+-----------+------------+-------+
//
// SIZE counts itself. Where a unit does not fit, with 4 bytes to spare, -1 stands for SIZE and the next file follows.
type Unit struct {
	// TagsCode is what the entry would have.
	TagsCode int64
	// StoreTime is the message's, ms.
	StoreTime int64
	// Bits says which filters may want the message, as far as they were known when it was stored; none where
	// that was not computed.
	Bits []byte
}

// UnitLayout is the head of a unit, field by field; the grid above and the positions below are this table.
var UnitLayout = layout.Table{
	{Name: "SIZE", Width: 2},
	{Name: "TAGSCODE", Width: 8},
	{Name: "STORETIME", Width: 8},
	{Name: "BITMAPSIZE", Width: 2},
}

// Positions of a unit's fields; a test holds them against the rows above.
const (
	posUnitSize   = 0
	posUnitCode   = 2
	posUnitTime   = 10
	posUnitBitLen = 18
	unitHead      = 20

	maxUnit = math.MaxInt16
	// unitSpare is what stays free at a file's end for the mark (ConsumeQueueExt.END_BLANK_DATA_LENGTH).
	unitSpare = 4
)

// endMark stands for SIZE behind a file's last unit: -1.
const endMark uint16 = 0xFFFF

// Addresses of units are their places in the row of ext files, counted from the lowest number.
const (
	firstAddress = math.MinInt64
	lastAddress  = math.MinInt32 - 1 // what lies above can be a tags code
)

// IsAddress tells whether what an entry holds for a tags code is a unit's address: no hash and no time is
// that low (ConsumeQueueExt.isExtAddr).
func IsAddress(tagsCode int64) bool { return tagsCode <= lastAddress }

// UnitPlace is where in the row of ext files an address leads.
func UnitPlace(address int64) int64 { return address - firstAddress }

// size is the encoded length.
func (u *Unit) size() int { return unitHead + len(u.Bits) }

// appendUnit appends the encoded unit, which is at most maxUnit bytes long.
func appendUnit(dst []byte, u *Unit) []byte {
	be := binary.BigEndian
	dst = be.AppendUint16(dst, uint16(u.size()))
	dst = be.AppendUint64(dst, uint64(u.TagsCode))
	dst = be.AppendUint64(dst, uint64(u.StoreTime))
	dst = be.AppendUint16(dst, uint16(len(u.Bits)))
	return append(dst, u.Bits...)
}

// DecodeUnit reads the unit at the front of b and returns its length. u's Bits alias b. ok is false where no unit
// stands, or one that b does not hold whole.
func DecodeUnit(b []byte, u *Unit) (size int, ok bool) {
	if len(b) < unitHead {
		return 0, false
	}
	be := binary.BigEndian
	size = int(int16(be.Uint16(b[posUnitSize:])))
	bits := int(int16(be.Uint16(b[posUnitBitLen:])))
	if size < unitHead || bits < 0 || unitHead+bits > size || size > len(b) {
		return size, false
	}
	*u = Unit{int64(be.Uint64(b[posUnitCode:])), int64(be.Uint64(b[posUnitTime:])), b[unitHead : unitHead+bits : unitHead+bits]}
	return size, true
}
