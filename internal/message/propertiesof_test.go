package message

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPropertiesOf(t *testing.T) {
	for _, host := range []string{"10.0.0.1:1", "[::1]:1"} {
		for _, body := range []string{"", "x", "a longer body than that"} {
			for _, props := range []Properties{nil, Properties(nil).Append("a", "b"), Properties(nil).Append("name", "a value")} {
				r := Record{Topic: []byte("T"), Body: []byte(body), Properties: props, StoreHost: netip.MustParseAddrPort(host)}
				raw := r.Append(nil)
				got, ok := PropertiesOf(raw)
				require.True(t, ok)
				require.Equal(t, string(props), string(got))
				for n := range raw {
					if got, ok := PropertiesOf(raw[:n]); ok {
						require.Equal(t, string(props), string(got), n)
					}
				}
			}
		}
	}
}

// FuzzPropertiesOf: what it says of a record is what Decode says.
func FuzzPropertiesOf(f *testing.F) {
	r := Record{Topic: []byte("T"), Body: []byte("body"), Properties: Properties(nil).Append("a", "b")}
	f.Add(r.Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var r Record
		got, ok := PropertiesOf(b)
		if Decode(b, &r) == nil {
			require.True(t, ok)
			require.Equal(t, string(r.Properties), string(got))
		}
	})
}
