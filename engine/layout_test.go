package engine

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/layout"
)

// TestLayouts holds the grids in the comments, and the codecs, against the tables.
func TestLayouts(t *testing.T) {
	for file, table := range map[string]layout.Table{"checkpoint.go": MarkLayout, "javacheckpoint.go": TimesLayout} {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		// Behind a field's name its comment says what it is.
		plain := regexp.MustCompile(`(?m)^(//\t +\d+ +\d+ +\w+) .*$`).ReplaceAllString(string(source), "$1")
		require.Contains(t, plain, table.Grid("field"))
	}
	m := mark{sequence: 1, queues: 2, index: 3, anchor: 4, anchorTime: 5, entries: 6, storeTime: 7, indexed: 8, clean: true}
	var values []int64
	for _, c := range MarkLayout.Cells(m.encode()) {
		if c.Name != "CRC" {
			values = append(values, c.Value)
		}
	}
	require.Equal(t, []int64{markMagic, 1, 2, 3, 4, 5, 6, 7, 8, 1}, values)
	require.Equal(t, markSize, MarkLayout.Size())
	times := DecodeTimes([]byte(strings.Repeat("\x00\x00\x00\x00\x00\x00\x00\x01", 2) + "\x00\x00\x00\x00\x00\x00\x01\x00"))
	require.Equal(t, Times{1, 1, 256}, times)
	require.Equal(t, 16, TimesLayout.Offset("INDEXMSGTIMESTAMP"))
}

// FuzzMark: what is taken for a mark is one, and encodes to what it was.
func FuzzMark(f *testing.F) {
	m := mark{sequence: 9, queues: 1 << 40, anchor: -1, indexed: -1}
	for seed := range MarkLayout.Seeds(m.encode()) {
		f.Add(seed)
	}
	f.Add(m.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		m, ok := decodeMark(b)
		if !ok {
			return
		}
		again, ok := decodeMark(m.encode())
		require.True(t, ok)
		require.Equal(t, m, again)
	})
}
