package message

import "encoding/binary"

// Grid is [Layout] as the record at the front of raw fills it: each row with its own offset and
// width. It looks at widths and lengths only, so that a damaged record can be looked at, too;
// where a field would lie behind the end of raw, the rows before it and a [*FormatError] are
// returned.
func Grid(raw []byte) ([]Field, error) {
	rows := make([]Field, 0, len(Layout))
	at, length, sysFlag := 0, 0, int32(0) // length: what the row before said of a variable part
	for _, row := range Layout {
		width := row.Width
		switch {
		case row.Width == 0:
			width = length
		case row.Name == "BORNHOST" && sysFlag&FlagBornHostV6 != 0, row.Name == "STOREHOST" && sysFlag&FlagStoreHostV6 != 0:
			width = hostV6
		}
		if width < 0 || width > len(raw)-at {
			return rows, &FormatError{row.Name, "within the record", int64(width)}
		}
		rows = append(rows, Field{row.Name, at, width})
		length = lengthAt(raw[at : at+width])
		if row.Name == "SYSFLAG" {
			sysFlag = int32(length)
		}
		at += width
	}
	return rows, nil
}

// lengthAt reads a length field as Java does, signed; 0 for what cannot be one.
func lengthAt(b []byte) int {
	switch len(b) {
	case 1:
		return int(int8(b[0]))
	case 2:
		return int(int16(binary.BigEndian.Uint16(b)))
	case 4:
		return int(int32(binary.BigEndian.Uint32(b)))
	}
	return 0
}
