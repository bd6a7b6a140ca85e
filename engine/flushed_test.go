package engine

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
)

// noted makes a store with 3 × 5 messages below the checkpoint, as many that only the files have, and one that is nowhere but
// in the log.
func noted(t *testing.T) (*Store, *mapfile.Mem) {
	s, mem := openSmall(t, nil)
	for _, note := range []func() error{func() error { return s.checkpointStep(false) }, s.noteFlushed} {
		fill(t, s, 5)
		require.NoError(t, s.indexer.drain())
		require.NoError(t, note())
	}
	send(t, s, "A", "last")
	return s, mem
}

// allKept is a power cut that took nothing, which nobody can know.
func allKept(mem *mapfile.Mem) *mapfile.Mem { return mem.CrashKeeping(rand.New(rand.NewPCG(1, 1)), 1) }

// TestKilledGoesOnFromTheFiles: after a kill what is in the files is not read again, device or not; after a power cut it is.
func TestKilledGoesOnFromTheFiles(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(mem *mapfile.Mem) *mapfile.Mem
		want string
	}{
		{"killed", (*mapfile.Mem).Kill, "records=1 "},
		{"power cut", allKept, "records=16 "},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, mem := noted(t)
			var log bytes.Buffer
			s.o.Log = slog.New(slog.NewTextHandler(&log, nil))
			s = reopen(t, s, c.end(mem))
			require.Contains(t, log.String(), c.want)
			require.Equal(t, numbered("A", 0, 5)+" "+numbered("A", 0, 5)+" last", words(t, s, "A"))
			require.NoError(t, s.Close())
		})
	}
}

// TestWhatTheFilesHaveIsForgotten: a note of what was in the files says nothing once the machine went down, also to the starts
// after the next one.
func TestWhatTheFilesHaveIsForgotten(t *testing.T) {
	s, mem := noted(t)
	mem = allKept(mem)
	s = reopen(t, s, mem)
	require.Equal(t, noMark, s.marks.flushed)
	mem = mem.Kill()
	ms, err := openMarks(mem)
	require.NoError(t, err)
	require.Equal(t, noMark.queues, ms.flushed.queues)
	require.Less(t, ms.flushed.queues, ms.last.queues)
	s = reopen(t, s, mem)
	require.Equal(t, numbered("A", 0, 5)+" "+numbered("A", 0, 5)+" last", words(t, s, "A"))
	require.NoError(t, s.Close())
}
