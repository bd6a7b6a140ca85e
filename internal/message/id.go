package message

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
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
	return appendHex(appendHost(dst, storeHost), uint64(off))
}

// IDPrefix is what the message ids of one store host begin with.
type IDPrefix []byte

// NewIDPrefix is the prefix of the ids of a store host.
func NewIDPrefix(storeHost netip.AddrPort) IDPrefix { return appendHost(nil, storeHost) }

// AppendID appends the id of the record at off.
func (p IDPrefix) AppendID(dst []byte, off LogOffset) []byte {
	return appendHex(append(dst, p...), uint64(off))
}

func appendHost(dst []byte, host netip.AddrPort) []byte {
	var raw [hostV6]byte
	for _, c := range raw[:putHost(raw[:], 0, host)] {
		dst = binary.LittleEndian.AppendUint16(dst, hexPairs[c])
	}
	return dst
}

func appendHex(dst []byte, v uint64) []byte {
	at := len(dst)
	dst = append(dst, "0000000000000000"...)
	for b := dst[at : at+16]; v != 0 && len(b) >= 2; v >>= 8 {
		binary.LittleEndian.PutUint16(b[len(b)-2:], hexPairs[byte(v)])
		b = b[:len(b)-2]
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
