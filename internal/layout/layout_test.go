package layout

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

var table = Table{{"A", 2}, {"B", 8}, {"C", 1}}

func TestTable(t *testing.T) {
	require.Equal(t, 11, table.Size())
	require.Equal(t, 10, table.Offset("C"))
	require.PanicsWithValue(t, "BUG: no field D", func() { table.Offset("D") })
	require.Equal(t, "//\toffset  width  field\n//\t     0      2  A\n//\t     2      8  B\n//\t    10      1  C\n", table.Grid("field"))
}

func TestCells(t *testing.T) {
	b := []byte{0xFF, 0xFE, 0, 0, 0, 0, 0, 0, 1, 2, 0x80, 7}
	require.Equal(t, []Cell{{table[0], 0, -2}, {table[1], 2, 0x102}, {table[2], 10, -128}}, table.Cells(b))
	require.Len(t, table.Cells(b[:10]), 2)
	require.Empty(t, table.Cells(nil))
}

func TestSeeds(t *testing.T) {
	good := []byte("12345678901rest")
	seeds := slices.Collect(table.Seeds(good))
	require.Len(t, seeds, 7*len(table))
	require.Equal(t, "12345678901rest", string(good))
	require.Contains(t, seeds, []byte("\x7f\xff345678901rest"))
	require.Contains(t, seeds, []byte("12\x80\x00\x00\x00\x00\x00\x00\x001rest"))
	require.Contains(t, seeds, []byte("1234567890\xffrest"))
}

func FuzzCells(f *testing.F) {
	for seed := range table.Seeds([]byte("12345678901rest")) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		end := 0
		for _, c := range table.Cells(b) {
			require.Equal(t, end, c.Offset)
			end += c.Width
		}
		require.LessOrEqual(t, end, len(b))
	})
}
