package message

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFits agrees with Decode on the lengths of a record's parts.
func TestFits(t *testing.T) {
	for flag := range int32(64) {
		r := Record{Topic: []byte("T"), Body: []byte("body"), SysFlag: flag, Properties: Properties(nil).Append("K", "v")}
		four, six := netip.MustParseAddrPort("1.2.3.4:5"), netip.MustParseAddrPort("[1::2]:5")
		r.BornHost, r.StoreHost = four, four
		if flag&FlagBornHostV6 != 0 {
			r.BornHost = six
		}
		if flag&FlagStoreHostV6 != 0 {
			r.StoreHost = six
		}
		b := r.Append(nil)
		require.True(t, Fits(b))
		for i := range b {
			for bit := range 8 {
				b[i] ^= 1 << bit
				var got Record
				if Decode(b, &got) == nil {
					require.True(t, Fits(b), "flag %d, bit %d of byte %d", flag, bit, i)
				} else if size, _, ok := Claims(b); ok && size == len(b) {
					require.False(t, Fits(b), "flag %d, bit %d of byte %d", flag, bit, i)
				}
				b[i] ^= 1 << bit
			}
		}
		require.False(t, Fits(b[:len(b)-1]))
	}
}
