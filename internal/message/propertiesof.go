package message

import "encoding/binary"

// PropertiesOf finds the properties of the record that b is, and looks at nothing else of it; ok is false where they do not
// lie within b. They alias b.
func PropertiesOf(b []byte) (p Properties, ok bool) {
	be := binary.BigEndian
	at := posBodyLength
	if len(b) < HeadSize+1 {
		return propertiesOfShort(b)
	}
	sysFlag := int32(be.Uint32(b[posSysFlag:]))
	if sysFlag&FlagBornHostV6 != 0 {
		at += hostV6 - hostV4
	}
	if sysFlag&FlagStoreHostV6 != 0 {
		at += hostV6 - hostV4
	}
	at += 4 + int(be.Uint32(b[at:])) // at most 2³²: no overflow
	if at >= len(b) {
		return nil, false
	}
	at += 1 + int(b[at])
	if at > len(b)-2 {
		return nil, false
	}
	n := int(be.Uint16(b[at:]))
	at += 2
	if n > len(b)-at {
		return nil, false
	}
	return b[at : at+n : at+n], true
}

// propertiesOfShort is PropertiesOf for a record without much in it.
func propertiesOfShort(b []byte) (Properties, bool) {
	var r Record
	if Decode(b, &r) != nil {
		return nil, false
	}
	return r.Properties, true
}
