package javahash

import (
	"testing"

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

func TestStringDoesNotAllocate(t *testing.T) {
	tags := []byte("TagA中😀")
	require.Zero(t, testing.AllocsPerRun(100, func() { String(tags) }))
}
