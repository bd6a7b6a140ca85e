package javahash

import (
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
)

// The wanted numbers were printed by a JVM.
func TestString(t *testing.T) {
	for _, c := range []struct {
		text string
		want int32
	}{
		{"", 0},
		{"TagA", 2598919},
		{"TagB", 2598920},
		{"a", 97},
		{"polygenelubricants", -2147483648},
		{"中文", 646394},
		{"😀", 1772899},
		{"a😀b", 57849694},
	} {
		require.Equal(t, c.want, String([]byte(c.text)), "%q", c.text)
		require.Equal(t, int64(c.want), TagsCode([]byte(c.text)), "%q", c.text)
	}
	require.Zero(t, TagsCode(nil))
}

// TestAppend: a text hashes as its units do, one by one, wherever it is cut.
func TestAppend(t *testing.T) {
	text := []byte("7F00000100015D5B4AAC0000~\x7f\x00\x01中a😀7F00000100015D5B4AAC000\xff7F00000100015D5B")
	for from := range text {
		want := int32(0)
		for _, unit := range utf16.Encode([]rune(string(text[from:]))) {
			want = 31*want + int32(unit)
		}
		require.Equal(t, want, String(text[from:]))
	}
	for cut := range 24 { // among ASCII
		require.Equal(t, String(text), Append(String(text[:cut]), text[cut:]))
	}
}

func BenchmarkKey(b *testing.B) {
	key := []byte("7F00000100015D5B4AAC000000000000")
	for b.Loop() {
		Append(7, key)
	}
}

func TestStringDoesNotAllocate(t *testing.T) {
	tags := []byte("TagA中😀")
	require.Zero(t, testing.AllocsPerRun(100, func() { String(tags) }))
}
