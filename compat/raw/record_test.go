package raw

import (
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// javaRecord was stored by the Java broker 4.9.7.
const javaRecord = `
	000000b5 daa320a7 3610a686 00000001 00000007 0000000000000000 0000000000000000 00000000
	000001a20273c0b1 7f000001 0000c85a 000001a20273c15c 7f000001 000054e6 00000000 0000000000000000
	00000005 68656c6c6f 01 54 0054
	4b455953 01 6b657931 02 554e49515f4b4559 01 3746303030303031303030303030303030303030303030303030303030304131 02
	434c5553544552 01 44656661756c74436c7573746572 02 54414753 01 54616741`

func javaBytes(t testing.TB) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(javaRecord), ""))
	require.NoError(t, err)
	return b
}

func TestRecordOfJava(t *testing.T) {
	b := javaBytes(t)
	records, err := Records(slices.Concat(b, b))
	require.NoError(t, err)
	require.Len(t, records, 2)
	host := netip.MustParseAddrPort("127.0.0.1:21734")
	require.Equal(t, Record{
		Queue: 1, Flag: 7, Born: 1795337470129, BornHost: netip.MustParseAddrPort("127.0.0.1:51290"), Stored: 1795337470300, StoreHost: host,
		Body: []byte("hello"), Topic: "T", Raw: b,
		Properties: map[string]string{"KEYS": "key1", "UNIQ_KEY": "7F0000010000000000000000000000A1", "CLUSTER": "DefaultCluster", "TAGS": "TagA"},
	}, records[1])
}

func TestDamagedRecords(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(b []byte) []byte
		want  string
	}{
		{"cut short", func(b []byte) []byte { return b[:len(b)-1] }, "record of 181 bytes with 180 left"},
		{"a byte of the body changed", func(b []byte) []byte { b[89] ^= 1; return b }, "does not fit its CRC"},
		{"no magic", func(b []byte) []byte { b[4] = 0; return b }, "has magic"},
		{"a body longer than the record", func(b []byte) []byte { b[85] = 0x7F; return b }, "ends inside a field"},
		{"properties shorter than the rest", func(b []byte) []byte { b[96]--; return b }, "1 bytes after its last field"},
		{"a size of 0", func([]byte) []byte { return make([]byte, 8) }, "ends inside a field"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := Records(tc.spoil(javaBytes(t)))
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func FuzzRecords(f *testing.F) {
	f.Add(javaBytes(f))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := Records(b)
		size := 0
		for _, r := range records {
			size += len(r.Raw)
		}
		require.True(t, err != nil || size == len(b), "%d bytes of %d in records, and no error", size, len(b))
	})
}
