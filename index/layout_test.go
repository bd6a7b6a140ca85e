package index

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/layout"
)

// TestLayout holds the positions in the code and the grids in the package comment against
// the tables of fields.
func TestLayout(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for _, c := range []struct {
		name      string
		fields    layout.Table
		positions []int
		size      int
	}{
		{"header", HeaderLayout, []int{posBeginTimestamp, posEndTimestamp, posBeginLogOffset, posEndLogOffset, posUsedSlots, posNextEntry}, headerSize},
		{"entry", EntryLayout, []int{posHash, posLogOffset, posSeconds, posPrevious}, entrySize},
	} {
		for i, f := range c.fields {
			require.Equal(t, c.positions[i], c.fields.Offset(f.Name), f.Name)
		}
		require.Equal(t, c.size, c.fields.Size())
		require.Contains(t, string(doc), c.fields.Grid(c.name))
	}
	require.EqualValues(t, 420_000_040, shape{DefaultSlots, DefaultEntries}.size())
}

func TestCodecs(t *testing.T) {
	h := header{1, 2, 3, 4, 5, 6}
	b := make([]byte, headerSize)
	h.encode(b)
	require.Equal(t, h, decodeHeader(b))
	require.EqualValues(t, 1, decodeHeader(make([]byte, headerSize)).nextEntry)

	s := shape{slots: 3, entries: 4}
	table := table{s, make([]byte, s.size())}
	e := entry{hash: 0x01020304, offset: 0x05060708090a0b0c, seconds: 0x0d0e0f10, previous: 0x11121314}
	table.setEntry(2, e)
	require.Equal(t, e, table.entry(2))
	require.Equal(t, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20},
		table.data[headerSize+3*slotSize+2*entrySize:][:entrySize])
	table.setSlot(1, 0x01020304)
	require.EqualValues(t, 0x01020304, table.slot(1))
	require.Equal(t, []byte{1, 2, 3, 4}, table.data[headerSize+slotSize:][:slotSize])
}

// The wanted numbers were printed by a JVM.
func TestHash(t *testing.T) {
	for _, c := range []struct {
		topic, key string
		want       int32
	}{
		{"TopicA", "order-1", 12101377},
		{"", "", 35},
		{"中文", "😀", 2078661004},
		{"T", "polygenelubricants", 1620724593},
		{"%RETRY%G", "AC1100", 1347859456},
	} {
		require.Equal(t, c.want, Hash([]byte(c.topic), []byte(c.key)), "%s#%s", c.topic, c.key)
	}
	require.Equal(t, []int32{Hash([]byte("T"), []byte("u")), Hash([]byte("T"), []byte("a")), Hash([]byte("T"), []byte("b"))},
		AppendHashes(nil, []byte("T"), []byte("u"), []byte("  a  b ")))
	require.Empty(t, AppendHashes(nil, []byte("T"), nil, []byte("  ")))
}

// Math.abs leaves the smallest int negative; IndexFile then takes 0.
func TestAbsHash(t *testing.T) {
	for _, c := range []struct{ code, want int32 }{{-1 << 31, 0}, {-5, 5}, {5, 5}, {0, 0}} {
		require.Equal(t, c.want, absHash(c.code))
	}
}

func TestChecks(t *testing.T) {
	s := shape{slots: 10, entries: 20}
	for _, c := range []struct {
		h    header
		want string
	}{
		{header{nextEntry: 1}, ""},
		{header{1, 2, 3, 4, 5, 20}, ""},
		{header{nextEntry: 21}, "counts 21 entries of 20"},
		{header{usedSlots: 6, nextEntry: 6}, "used slots"},
		{header{usedSlots: -1, nextEntry: 6}, "used slots"},
		{header{beginOffset: 5, endOffset: 4, nextEntry: 6}, "log from 5 to 4"},
		{header{beginOffset: -1, nextEntry: 6}, "log from -1"},
		{header{endTimestamp: -1, nextEntry: 6}, "before 1970"},
	} {
		if got := c.h.check(s); c.want == "" {
			require.Empty(t, got)
		} else {
			require.Contains(t, got, c.want)
		}
	}
	_, err := Open(Options{Slots: -1})
	require.ErrorContains(t, err, "maxHashSlotNum")
}
