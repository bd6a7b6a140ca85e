package offset

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLightFileAsJava reads lmqConsumerOffset.json of a Java broker with enableLmq, and writes the same.
func TestLightFileAsJava(t *testing.T) {
	golden, err := os.ReadFile("testdata/java-4.9.7/lmqConsumerOffset.json")
	require.NoError(t, err)
	dir := t.TempDir()
	path := filepath.Join(dir, "lmqConsumerOffset.json")
	require.NoError(t, os.WriteFile(path, golden, 0o600))
	table, err := OpenLight(path, filepath.Join(dir, "consumerOffset.json"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.EqualValues(t, 1, table.Find("%LMQ%g", "%LMQ%a", 0))
	require.EqualValues(t, 7, table.Find("%LMQ%g", "T", 3), "a light group has one number for a topic")
	require.EqualValues(t, 2, table.Find("CG", "%LMQ%b", 0))
	require.EqualValues(t, -1, table.Find("CG", "%LMQ%b", 1))

	commit(t, table, "%LMQ%g", "T", 5, 9)
	n, ok := table.Offset([]byte("%LMQ%g"), []byte("T"), 1)
	require.True(t, ok)
	require.EqualValues(t, 9, n)
	commit(t, table, "%LMQ%g", "T", 0, 7)
	require.NoError(t, table.Save())
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ElementsMatch(t, lines(golden), lines(written))
}

// A broker that gets light queues goes on with the offsets it had; Java begins without.
func TestLightTableTakesOver(t *testing.T) {
	dir := t.TempDir()
	before := filepath.Join(dir, "consumerOffset.json")
	old := open(t, before)
	commit(t, old, "CG", "T", 2, 5)
	require.NoError(t, old.Save())
	path := filepath.Join(dir, "lmqConsumerOffset.json")
	table, err := OpenLight(path, before, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.EqualValues(t, 5, table.Find("CG", "T", 2))
	commit(t, table, "CG", "T", 2, 6)
	require.NoError(t, table.Save())

	again, err := OpenLight(path, before, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	require.EqualValues(t, 6, again.Find("CG", "T", 2), "its own file counts now")
	require.EqualValues(t, 5, open(t, before).Find("CG", "T", 2), "the old file is as it was")
}
