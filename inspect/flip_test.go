package inspect

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExplore(t *testing.T) {
	if os.Getenv("EXPLORE") == "" {
		t.Skip()
	}
	dir := makeStore(t, 60)
	missed := map[string][]int{}
	lines := map[int]int{}
	total := 0
	many := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if d.IsDir() {
			return nil
		}
		rel, _ := filepath.Rel(dir, path)
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		for i := range b {
			if i > 2000 && strings.HasPrefix(rel, "commitlog") {
				break
			}
			b[i] ^= 0x10
			require.NoError(t, os.WriteFile(path, b, 0o600))
			r, l := check(t, dir, CheckOptions{})
			total++
			if r.Problems == 0 {
				missed[rel] = append(missed[rel], i)
			}
			lines[len(l)]++
			if len(l) > 3 {
				many[fmt.Sprint(rel, " ", i)] = strings.Join(l, "\n   ")
			}
			b[i] ^= 0x10
		}
		require.NoError(t, os.WriteFile(path, b, 0o600))
		return nil
	}))
	var names []string
	for n := range missed {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Println(n, len(missed[n]), ranges(missed[n]))
	}
	fmt.Println(total, lines)
	n := 0
	for k, v := range many {
		fmt.Println(k, "\n  ", v)
		if n++; n > 25 {
			break
		}
	}
}

func ranges(l []int) string {
	var b strings.Builder
	for i := 0; i < len(l); {
		j := i
		for j+1 < len(l) && l[j+1] == l[j]+1 {
			j++
		}
		fmt.Fprintf(&b, "%d-%d ", l[i], l[j])
		i = j + 1
	}
	return b.String()
}
