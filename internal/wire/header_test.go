package wire

import (
	"errors"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"
)

// decodable is a header that reads itself.
type decodable interface{ Decode(Ext) error }

// shortNames reads a send header's one-letter names.
type shortNames struct{ *SendMessageRequest }

func (s shortNames) Decode(ext Ext) error            { return s.DecodeV2(ext) }
func (s shortNames) AppendExt(w ExtWriter) ExtWriter { return s.AppendExtV2(w) }

// encodeSeed returns the frame of a seed, without its length prefix.
func encodeSeed(seed headerSeed, s Serialize, body []byte) []byte {
	if seed.response {
		return AppendResponseTo(nil, s, 7, StatusSuccess, "done", seed.full, body)[4:]
	}
	return AppendRequest(nil, s, seed.code, 7, FlagOneway, seed.full, body)[4:]
}

func TestHeadersRoundTrip(t *testing.T) {
	var d Decoder
	for _, s := range []Serialize{JSON, RocketMQ} {
		for _, seed := range headerSeeds {
			frame := encodeSeed(seed, s, []byte("body"))
			var c Command
			require.NoError(t, d.Decode(frame, &c), "%v", seed.code)
			require.Equal(t, s, c.Serialize)
			require.Equal(t, int32(7), c.Opaque)
			require.Equal(t, "body", string(c.Body))
			require.Equal(t, Version, c.Version)
			require.Equal(t, LanguageJava, c.Language)
			require.Equal(t, seed.response, c.IsResponse())
			require.Equal(t, !seed.response, c.IsOneway())
			got := seed.blank()
			require.NoError(t, got.Decode(c.Ext), "%v", seed.code)
			again := seed
			again.full = got.(Header)
			require.Equal(t, string(frame), string(encodeSeed(again, s, []byte("body"))), "%v", seed.code)
			require.Len(t, c.Ext, countFields(seed), "%v: a field got lost", seed.code)
		}
	}
}

// countFields counts the fields of a seed's struct that stand on the wire under its names.
func countFields(seed headerSeed) int {
	v := reflect.ValueOf(seed.blank())
	if s, ok := v.Interface().(shortNames); ok {
		v = reflect.ValueOf(s.SendMessageRequest)
	}
	n := 0
	for i := range v.Elem().NumField() {
		name := v.Elem().Type().Field(i).Name
		if _, optional := v.Elem().Type().FieldByName("Has" + name); optional || len(name) < 4 || name[:3] != "Has" {
			n++
		}
	}
	if !seed.short && v.Type() == reflect.TypeFor[*SendMessageRequest]() {
		n-- // BrokerName has only a short name
	}
	return n
}

// TestMissingFields takes each field out of each header: the error names it, or it is optional.
func TestMissingFields(t *testing.T) {
	var d Decoder
	required := 0
	for _, seed := range headerSeeds {
		var c Command
		require.NoError(t, d.Decode(encodeSeed(seed, JSON, nil), &c))
		for i, f := range c.Ext {
			rest := append(append(Ext{}, c.Ext[:i]...), c.Ext[i+1:]...)
			err := seed.blank().Decode(rest)
			if err == nil {
				continue
			}
			required++
			var fe *FieldError
			require.True(t, errors.As(err, &fe))
			require.Equal(t, string(f.Key), fe.Field)
			require.True(t, fe.Absent)
			require.Contains(t, fe.Error(), "is missing")
		}
	}
	require.Greater(t, required, 170)
}

func TestBadNumbers(t *testing.T) {
	var d Decoder
	numbers := 0
	for _, seed := range headerSeeds {
		var c Command
		require.NoError(t, d.Decode(encodeSeed(seed, JSON, nil), &c))
		for i, f := range c.Ext {
			c.Ext[i].Value = []byte("12x")
			if err := seed.blank().Decode(c.Ext); err != nil {
				var fe *FieldError
				require.True(t, errors.As(err, &fe))
				require.Equal(t, FieldError{Header: fe.Header, Field: string(f.Key), Value: "12x"}, *fe)
				numbers++
			}
			c.Ext[i].Value = f.Value
		}
	}
	require.Greater(t, numbers, 100)
}

func TestNumbers(t *testing.T) {
	for _, c := range []struct {
		text    string
		i64     int64
		ok, i32 bool
	}{
		{"0", 0, true, true},
		{"-0", 0, true, true},
		{"+7", 7, true, true},
		{"007", 7, true, true},
		{"2147483647", 2147483647, true, true},
		{"2147483648", 2147483648, true, false},
		{"-2147483648", -2147483648, true, true},
		{"-2147483649", -2147483649, true, false},
		{"9223372036854775807", 9223372036854775807, true, false},
		{"-9223372036854775808", -9223372036854775808, true, false},
		{"9223372036854775808", 0, false, false},
		{"-9223372036854775809", 0, false, false},
		{"99999999999999999999999", 0, false, false},
		{"", 0, false, false},
		{"-", 0, false, false},
		{"+", 0, false, false},
		{"1.0", 0, false, false},
		{" 1", 0, false, false},
		{"1_0", 0, false, false},
	} {
		n, ok := parseInt64([]byte(c.text))
		require.Equal(t, c.ok, ok, "%q", c.text)
		if ok {
			require.Equal(t, c.i64, n, "%q", c.text)
		}
		m, ok := parseInt32([]byte(c.text))
		require.Equal(t, c.i32, ok, "%q", c.text)
		if ok {
			require.Equal(t, int32(c.i64), m, "%q", c.text)
		}
	}
}

func TestBools(t *testing.T) {
	for text, want := range map[string]bool{"true": true, "TRUE": true, "tRuE": true, "false": false, "": false, "1": false, "yes": false, "true ": false} {
		require.Equal(t, want, parseBool([]byte(text)), "%q", text)
	}
}
