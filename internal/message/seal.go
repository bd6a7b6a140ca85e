package message

import (
	"fmt"
	"hash/crc32"
)

// A seal is a checksum over the whole record, as RocketMQ 5 appends it with enabledAppendPropCRC: the
// last property, which is a property like others to who does not know it.
//
//	│ record up to here: its CRC-32, sign bit cleared │ __CRC32# │ 0x01 │ 10 digits, the lowest first │ 0x02 │
//
// TOTALSIZE and PROPERTIESLENGTH count the seal.
const (
	// PropertyCRC is its name (MessageConst.PROPERTY_CRC32).
	PropertyCRC = "__CRC32#"
	sealDigits  = 10
	sealSize    = len(PropertyCRC) + 1 + sealDigits + 1
	// MaxSeal is the most that a seal adds to the properties.
	MaxSeal = sealSize + 1
)

// sealRoom is how many bytes the seal adds: it may need a separator in front.
func (r *Record) sealRoom() int {
	switch n := len(r.Properties); {
	case !r.Seal:
		return 0
	case n > 0 && r.Properties[n-1] != PropertySeparator:
		return sealSize + 1
	}
	return sealSize
}

// putSeal fills the last bytes of an encoded record, as many as sealRoom said.
func putSeal(dst []byte, room int) {
	at := len(dst) - sealSize
	if room > sealSize {
		dst[at-1] = PropertySeparator
	}
	crc := crc32.ChecksumIEEE(dst[:at]) & 0x7FFFFFFF
	at += copy(dst[at:], PropertyCRC)
	dst[at] = NameSeparator
	for i := range sealDigits {
		dst[at+1+i] = '0' + byte(crc%10)
		crc /= 10
	}
	dst[len(dst)-1] = PropertySeparator
}

// Sealed tells whether the properties end with a seal, right or wrong: only its frame is looked at.
func (p Properties) Sealed() bool {
	n := len(p) - sealSize
	return n >= 0 && p[len(p)-1] == PropertySeparator &&
		string(p[n:n+len(PropertyCRC)]) == PropertyCRC && p[n+len(PropertyCRC)] == NameSeparator
}

// Unsealed is the properties without the seal at their end: one that was made for another record, or by a
// client.
func (p Properties) Unsealed() Properties {
	if !p.Sealed() {
		return p
	}
	return p[:len(p)-sealSize]
}

// CheckSeal compares the seal of the whole record b with its bytes; p are its properties. A record without a seal is
// right.
func CheckSeal(b []byte, p Properties) error {
	if !p.Sealed() {
		return nil
	}
	var got int64
	for i := range sealDigits {
		got = got*10 + int64(b[len(b)-2-i]) - '0'
	}
	if want := int64(crc32.ChecksumIEEE(b[:len(b)-sealSize]) & 0x7FFFFFFF); got != want {
		return &FormatError{PropertyCRC, fmt.Sprint(want), got}
	}
	return nil
}
