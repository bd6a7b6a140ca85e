package message

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sealed is a record with a seal, encoded.
func sealed(t testing.TB, properties string) []byte {
	r := sample()
	r.Properties, r.Seal = Properties(properties), true
	require.NoError(t, r.Check())
	b := r.Append(nil)
	require.Len(t, b, r.Size())
	return b
}

func TestSeal(t *testing.T) {
	for _, properties := range []string{"", "TAGS\x01a", "TAGS\x01a\x02", strings.Repeat("x", MaxProperties-MaxSeal)} {
		b := sealed(t, properties)
		var r Record
		require.NoError(t, Decode(b, &r))
		require.NoError(t, CheckBody(b, &r))
		require.NoError(t, CheckSeal(b, r.Properties))
		require.Len(t, r.Properties.Get(PropertyCRC), 10)
		require.Equal(t, strings.TrimSuffix(properties, "\x02"), strings.TrimSuffix(string(r.Properties.Unsealed()), "\x02"))
		// Stored again it gets a seal of its own.
		again := r
		again.LogOffset, again.Properties, again.Seal = 8192, r.Properties.Unsealed(), true
		c := again.Append(nil)
		require.Len(t, c, len(b))
		require.NoError(t, Decode(c, &again))
		require.NoError(t, CheckSeal(c, again.Properties))
	}
	r := sample()
	r.Properties, r.Seal = make(Properties, MaxProperties-MaxSeal+1), true
	require.ErrorIs(t, r.Check(), ErrPropertiesLength)
}

// TestSealSeesEveryBit that the other checks do not.
func TestSealSeesEveryBit(t *testing.T) {
	good := sealed(t, "TAGS\x01a")
	for i := range 8 * len(good) {
		b := bytes.Clone(good)
		b[i/8] ^= 1 << (i % 8)
		var r Record
		err := Decode(b, &r)
		if err == nil {
			err = CheckSeal(b, r.Properties)
		}
		// A changed seal may be none any more; what it covers is as it was then.
		if err == nil {
			require.False(t, r.Properties.Sealed())
			require.GreaterOrEqual(t, i/8, len(good)-sealSize, "bit %d", i)
		}
	}
}

func TestUnsealed(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"TAGS\x01a", "TAGS\x01a"},
		{"TAGS\x01a\x02__CRC32#\x010123456789\x02", "TAGS\x01a\x02"},
		{"__CRC32#\x010123456789\x02", ""},
		{"__CRC32#\x01012345678x\x02", ""},
		{"__CRC32#\x01012345678\x02", "__CRC32#\x01012345678\x02"},
		{"__CRC32#\x010123456789\x02TAGS\x01a", "__CRC32#\x010123456789\x02TAGS\x01a"},
		{"a__CRC32#\x010123456789\x02", "a"},
	} {
		require.Equal(t, c.want, string(Properties(c.in).Unsealed()))
	}
}

func FuzzSeal(f *testing.F) {
	f.Add([]byte("TAGS\x01a"))
	f.Add([]byte("__CRC32#\x010123456789\x02"))
	f.Fuzz(func(t *testing.T, properties []byte) {
		if len(properties) > MaxProperties-MaxSeal {
			return
		}
		b := sealed(t, string(properties))
		var r Record
		require.NoError(t, Decode(b, &r))
		require.True(t, r.Properties.Sealed())
		require.NoError(t, CheckSeal(b, r.Properties))
	})
}

func BenchmarkSeal(b *testing.B) {
	r := sample()
	r.Body, r.Seal = make([]byte, 1024), true
	dst := make([]byte, r.Size())
	crc := BodyCRC(r.Body)
	for b.Loop() {
		r.Encode(dst, crc)
	}
}

// TestSealOfJava: records that a Java broker 5.4.0 stored with enabledAppendPropCRC=true have the same bytes as
// ours. Recorded by sending four messages to it and taking the front of its commit log.
func TestSealOfJava(t *testing.T) {
	b, err := os.ReadFile("testdata/java-5.4.0/sealed.bin")
	require.NoError(t, err)
	var bodies []string
	for len(b) > 0 {
		var r Record
		require.NoError(t, Decode(b, &r))
		raw := b[:r.Size()]
		b = b[len(raw):]
		require.True(t, r.Properties.Sealed())
		require.NoError(t, CheckSeal(raw, r.Properties))
		bodies = append(bodies, string(r.Body))
		r.Properties, r.Seal = r.Properties.Unsealed(), true
		require.Equal(t, raw, r.Append(nil))
	}
	require.Equal(t, []string{"hello", "with tags", "with a last separator", "forged"}, bodies)
}
