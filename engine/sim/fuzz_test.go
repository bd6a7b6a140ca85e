package sim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParts: the parts of the walks together are all of their runs, each once.
func TestParts(t *testing.T) {
	walk := func(name string, runs uint64) Walk { return Walk{Name: name, Len: func() uint64 { return runs }} }
	for parts := range uint64(9) {
		taken := map[string]map[uint64]int{"a": {}, "b": {}}
		for part := range max(parts, 1) {
			f := fuzz{
				o:     FuzzOptions{NoSeeds: true, Part: part, Parts: parts},
				walks: []Walk{walk("a", 5), walk("b", 16)},
			}
			for w, n, ok := f.take(); ok; w, n, ok = f.take() {
				taken[w.Name][n]++
			}
		}
		for name, runs := range map[string]int{"a": 5, "b": 16} {
			require.Len(t, taken[name], runs, "%d parts of %s", parts, name)
			for n, times := range taken[name] {
				require.Equal(t, 1, times, "%d parts: %s/%d", parts, name, n)
			}
		}
	}
}
