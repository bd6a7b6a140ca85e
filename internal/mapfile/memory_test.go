package mapfile

import (
	"math"
	"os"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGroupLimit(t *testing.T) {
	files := map[string]string{
		"/sys/fs/cgroup/pod/memory.max":                    "1000\n",
		"/sys/fs/cgroup/pod/box/memory.max":                "max\n",
		"/sys/fs/cgroup/pod/small/memory.max":              "10\n",
		"/sys/fs/cgroup/memory/memory.limit_in_bytes":      "9223372036854771712\n",
		"/sys/fs/cgroup/memory/old/memory.limit_in_bytes":  "500\n",
		"/sys/fs/cgroup/memory/odd/memory.limit_in_bytes":  "nonsense",
		"/sys/fs/cgroup/memory/etc/../memory.limit_in_byt": "1",
	}
	read := func(name string) ([]byte, error) {
		if b, ok := files[name]; ok {
			return []byte(b), nil
		}
		return nil, os.ErrNotExist
	}
	for groups, want := range map[string]int64{
		"":                            math.MaxInt64,
		"0::/\n":                      math.MaxInt64,
		"0::/pod/box\n":               1000,
		"0::/pod/small\n":             10,
		"0::/../../pod/gone\n":        1000,
		"5:cpu:/old\n4:memory:/old\n": 500,
		"4:memory:/old\n0::/pod\n":    500,
		"4:memory:/odd\n":             9223372036854771712,
		"no colons":                   math.MaxInt64,
	} {
		require.Equal(t, want, groupLimit(groups, read), "%q", groups)
	}
}

func TestUsableMemory(t *testing.T) {
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 30))
	require.LessOrEqual(t, UsableMemory(), int64(1<<30))
	require.Positive(t, UsableMemory())
	debug.SetMemoryLimit(math.MaxInt64)
	require.LessOrEqual(t, UsableMemory(), PhysicalMemory())
}
