package message

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
)

// Lengths of an offset message id.
const (
	idLenV4 = 2 * (hostV4 + 8)
	idLenV6 = 2 * (hostV6 + 8)
)

const hexDigits = "0123456789ABCDEF"

// AppendID appends the offset message id of a record: store host, port and log offset as
// upper-case hex, 32 characters for IPv4 and 56 for IPv6 (MessageDecoder.createMessageId).
func AppendID(dst []byte, storeHost netip.AddrPort, off LogOffset) []byte {
	var raw [hostV6 + 8]byte
	p := putHost(raw[:], 0, storeHost)
	binary.BigEndian.PutUint64(raw[p:], uint64(off))
	at := len(dst)
	dst = slices.Grow(dst, 2*p+16)[:at+2*p+16]
	for i, c := range raw[:p+8] {
		binary.LittleEndian.PutUint16(dst[at+2*i:], hexPairs[c])
	}
	return dst
}

// hexPairs are the two digits of each byte, the first one lower.
var hexPairs = func() (t [256]uint16) {
	for i := range t {
		t[i] = uint16(hexDigits[i>>4]) | uint16(hexDigits[i&15])<<8
	}
	return t
}()

// ParseID reads what [AppendID] wrote; lower-case digits are fine too.
func ParseID(id string) (netip.AddrPort, LogOffset, error) {
	if len(id) != idLenV4 && len(id) != idLenV6 {
		return netip.AddrPort{}, 0, fmt.Errorf("message id %.60q: %d characters, want %d or %d", id, len(id), idLenV4, idLenV6)
	}
	raw, err := hex.DecodeString(id)
	if err != nil {
		return netip.AddrPort{}, 0, fmt.Errorf("message id %q: %w", id, err)
	}
	d := decoder{b: raw}
	host := d.host(len(id) == idLenV6)
	return host, LogOffset(d.uint(8)), nil
}
