package engine

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
)

// putFile makes a file of a store that nobody runs.
func putFile(t *testing.T, mem *mapfile.Mem, name string, data []byte) {
	t.Helper()
	require.NoError(t, mem.MkdirAll(ringmqName))
	f, err := mem.Create(name)
	require.NoError(t, err)
	_, err = f.WriteAt(data, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
}

// FuzzCheckpoints reads anything as the small files beside the log: both checkpoints, the deleted topics, the abort file.
// What is taken is written back the same, and the store opens whatever they say.
func FuzzCheckpoints(f *testing.F) {
	good := mark{sequence: 7, queues: 10, index: 10, anchor: 0, anchorTime: 5, entries: 1, storeTime: 5, indexed: -1, clean: true}
	two := append(good.encode(), make([]byte, markStride-markSize)...)
	f.Add(append(two, good.encode()...), make([]byte, timesSize), tombstoneLine("T", 7)+tombstoneLine("a\n\"b", 9), "ringmq mem-0\n")
	f.Add([]byte("RMQ1"), []byte{1}, "7 00000000 \"T\"\n", "")
	f.Fuzz(func(t *testing.T, marks, times []byte, deleted, abort string) {
		if m, ok := decodeMark(marks); ok {
			require.Equal(t, marks[8:72], m.encode()[8:72]) // CLEAN behind them is anything
		}
		for line := range strings.Lines(deleted) {
			if off, topic, ok := parseTombstone(line); ok {
				require.Equal(t, line, tombstoneLine(topic, off))
			}
		}
		mem := mapfile.NewMem()
		putFile(t, mem, ringmqName+"/"+markFile, marks)
		putFile(t, mem, timesFile, times)
		putFile(t, mem, ringmqName+"/"+tombstoneFile, []byte(deleted))
		putFile(t, mem, abortName, []byte(abort))
		s, err := Open(small(mem))
		require.NoError(t, err)
		got, err := s.Append(s.Queue([]byte("T"), 0), testRecord("T", "x"))
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
		require.NoError(t, s.Close())
		s, err = Open(s.o)
		require.NoError(t, err)
		require.EqualValues(t, 1, s.MaxOffset([]byte("T"), 0))
		require.NoError(t, s.Close())
	})
}
