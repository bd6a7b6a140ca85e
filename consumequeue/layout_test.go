package consumequeue

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

// TestLayout holds the positions in the code and the grid in the package comment against
// the table of fields.
func TestLayout(t *testing.T) {
	positions := []int{posLogOffset, posSize, posTagsCode}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for i, f := range Layout {
		require.Equal(t, positions[i], Layout.Offset(f.Name), f.Name)
	}
	grid := Layout.Grid("field")
	require.Equal(t, EntrySize, Layout.Size())
	require.True(t, strings.Contains(string(doc), grid), "the package comment must hold:\n%s", grid)
}

func TestEntry(t *testing.T) {
	e := Entry{LogOffset: 0x0102030405060708, Size: 0x0A0B0C0D, TagsCode: -2}
	b := appendEntry(nil, e)
	require.Equal(t, "\x01\x02\x03\x04\x05\x06\x07\x08\x0A\x0B\x0C\x0D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", string(b))
	require.Equal(t, e, DecodeEntry(b))
	for _, c := range []struct {
		e     Entry
		valid bool
	}{
		{Entry{}, false},
		{Entry{LogOffset: 0, Size: 1}, true},
		{Entry{LogOffset: 100, Size: 0, TagsCode: 5}, false},
		{Entry{LogOffset: -1, Size: 10}, false},
		{Entry{LogOffset: 1, Size: -10}, false},
		{Entry{LogOffset: 1<<63 - 2, Size: 10}, false},
		{blank, true},
	} {
		require.Equal(t, c.valid, c.e.IsValid(), "%+v", c.e)
	}
}

// FuzzEntry: an entry encodes to the bytes that it was read from, and what it is called fits.
func FuzzEntry(f *testing.F) {
	for seed := range Layout.Seeds(appendEntry(nil, Entry{LogOffset: 4096, Size: 100, TagsCode: 7})) {
		f.Add(seed)
	}
	f.Add(appendEntry(nil, blank))
	f.Add(appendEntry(nil, Hole(Entry{LogOffset: 4096, Size: 100})))
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < EntrySize {
			return
		}
		e := DecodeEntry(b)
		require.Equal(t, b[:EntrySize], appendEntry(nil, e))
		require.False(t, e.IsBlank() && e.IsHole())
		if e.IsValid() {
			require.GreaterOrEqual(t, e.end(), message.LogOffset(0))
		}
	})
}
