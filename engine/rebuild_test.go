package engine

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// rebuildOptions are those of a small store in a directory of its own.
func rebuildOptions(t *testing.T) Options {
	return Options{
		Dir: t.TempDir(), CommitLogFileSize: 16 << 10, ConsumeQueueFileSize: 400,
		IndexSlots: 20, IndexEntries: 40,
	}
}

// fillRebuild makes a store of several files and queues and closes it.
func fillRebuild(t *testing.T, o Options, n int) {
	t.Helper()
	s, err := Open(o)
	require.NoError(t, err)
	for i := range n {
		r := testRecord(fmt.Sprint("T", i%3), fmt.Sprint("message ", i, strings.Repeat(".", i%200)))
		r.Properties = r.Properties.Append("UNIQ_KEY", fmt.Sprint("u", i)).Append("KEYS", "a b")
		got, err := s.Append(s.Queue(r.Topic, int32(i%2)), r)
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
	}
	require.NoError(t, s.Close())
}

// readTree reads the files below a directory.
func readTree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = string(b)
		return err
	}))
	return files
}

// openQuiet opens the store and returns what recovery had to say.
func openQuiet(t *testing.T, o Options) (*Store, string) {
	t.Helper()
	var log bytes.Buffer
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	s, err := Open(o)
	require.NoError(t, err)
	return s, log.String()
}

func TestRebuild(t *testing.T) {
	for name, spoil := range map[string]func(dir string) error{
		"nothing": func(string) error { return nil },
		"queues":  func(dir string) error { return os.RemoveAll(filepath.Join(dir, consumeQueueName)) },
		"index":   func(dir string) error { return os.RemoveAll(filepath.Join(dir, indexName)) },
		"zeros": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, consumeQueueName, "T0", "0", strings.Repeat("0", 20)), make([]byte, 400), 0o600)
		},
		"foreign file": func(dir string) error {
			return os.WriteFile(filepath.Join(dir, consumeQueueName, "T0", "0", "x"), nil, 0o600)
		},
		"interrupted before": func(dir string) error {
			return os.MkdirAll(filepath.Join(dir, rebuildName, consumeQueueName, "T9", "0"), 0o755)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := rebuildOptions(t)
			fillRebuild(t, o, 100)
			queues := readTree(t, filepath.Join(o.Dir, consumeQueueName))
			indexes := readTree(t, filepath.Join(o.Dir, indexName))
			log := readTree(t, filepath.Join(o.Dir, commitLogName))
			require.NoError(t, spoil(o.Dir))

			last := -1
			got, err := Rebuild(context.Background(), o, RebuildOptions{Progress: func(off message.LogOffset) {
				require.Greater(t, int(off), last)
				last = int(off)
			}})
			require.NoError(t, err)
			require.EqualValues(t, 100, got.Records)
			require.EqualValues(t, 100, got.Entries)
			require.Equal(t, 6, got.Queues)
			require.Zero(t, got.Damage)
			require.EqualValues(t, last, got.Indexed)
			require.Equal(t, queues, readTree(t, filepath.Join(o.Dir, consumeQueueName)))
			require.Equal(t, log, readTree(t, filepath.Join(o.Dir, commitLogName)))
			require.Len(t, readTree(t, filepath.Join(o.Dir, indexName)), len(indexes))
			require.NoDirExists(t, filepath.Join(o.Dir, rebuildName))
			require.NoFileExists(t, filepath.Join(o.Dir, abortName))

			s, said := openQuiet(t, o)
			require.NotContains(t, said, "WARN", "the next start believes it")
			require.Contains(t, said, "records=0", "and makes nothing again")
			require.EqualValues(t, 17, s.MaxOffset([]byte("T0"), 0))
			require.Len(t, s.QueryKey([]byte("T1"), []byte("u1"), 9, 0, 1<<60).Offsets, 1)
			require.NoError(t, s.Close())
		})
	}
}

// TestRebuildOfUnits: entries that are made again have tags codes and no units, which it says, and new ones have units.
func TestRebuildOfUnits(t *testing.T) {
	o := rebuildOptions(t)
	o.ConsumeQueueExt, o.ExtFileSize = true, 4096
	o.FilterBits = func([]byte, message.Properties) []byte { return []byte{1} }
	fillRebuild(t, o, 100)
	require.NotEmpty(t, readTree(t, filepath.Join(o.Dir, consumequeue.DefaultExtDir)))
	got, err := Rebuild(context.Background(), o, RebuildOptions{})
	require.NoError(t, err)
	require.True(t, got.NoUnits)
	require.Empty(t, readTree(t, filepath.Join(o.Dir, consumequeue.DefaultExtDir)))

	s, said := openQuiet(t, o)
	require.NotContains(t, said, "WARN")
	put, err := s.Append(s.Queue([]byte("T0"), 0), testRecord("T0", "one more"))
	require.NoError(t, err)
	require.NoError(t, s.commitTo(put.End()))
	var units int
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("T0"), 0), MaxMsgs: 32, Unit: func(*consumequeue.Unit) bool { units++; return true }}, res)
	require.Equal(t, 18, res.Count)
	require.Equal(t, 1, units)
	res.Release()
	require.NoError(t, s.Close())
	got, err = Rebuild(context.Background(), rebuildOptions(t), RebuildOptions{})
	require.NoError(t, err)
	require.False(t, got.NoUnits)
}

// TestRebuildOfDamage: what a damaged record leaves is a hole, as recovery makes it, and a report.
func TestRebuildOfDamage(t *testing.T) {
	o := rebuildOptions(t)
	fillRebuild(t, o, 100)
	name := filepath.Join(o.Dir, commitLogName, strings.Repeat("0", 20))
	b, err := os.ReadFile(name)
	require.NoError(t, err)
	b[bytes.Index(b, []byte("message 10"))] ^= 1
	require.NoError(t, os.WriteFile(name, b, 0o600))

	got, err := Rebuild(context.Background(), o, RebuildOptions{Keep: true})
	require.NoError(t, err)
	require.EqualValues(t, 99, got.Records)
	require.EqualValues(t, 100, got.Entries, "a hole for the lost message")
	require.EqualValues(t, 1, got.Damage)
	require.DirExists(t, filepath.Join(o.Dir, rebuildName, consumeQueueName), "the old ones are kept")
	s, said := openQuiet(t, o)
	require.NotContains(t, said, "WARN")
	require.EqualValues(t, 16, s.MaxOffset([]byte("T1"), 0))
	require.NoError(t, s.Close())
}

func TestRebuildRefuses(t *testing.T) {
	o := rebuildOptions(t)
	fillRebuild(t, o, 100)
	before := readTree(t, o.Dir)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err := Rebuild(ctx, o, RebuildOptions{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, before, readTree(t, o.Dir))

	other := o
	other.CommitLogFileSize *= 2
	_, err = Rebuild(context.Background(), other, RebuildOptions{})
	require.ErrorContains(t, err, "mappedFileSizeCommitLog")
	require.Equal(t, before, readTree(t, o.Dir))

	s, err := Open(o)
	require.NoError(t, err)
	_, err = Rebuild(context.Background(), o, RebuildOptions{})
	require.ErrorIs(t, err, errSecond)
	require.NoError(t, s.Close())
}

// TestRebuildAfterCrash: the next start still knows that nobody closed the store.
func TestRebuildAfterCrash(t *testing.T) {
	for _, abort := range []string{"", "ringmq another boot\n"} {
		o := rebuildOptions(t)
		fillRebuild(t, o, 100)
		require.NoError(t, os.WriteFile(filepath.Join(o.Dir, abortName), []byte(abort), 0o600))
		_, err := Rebuild(context.Background(), o, RebuildOptions{})
		require.NoError(t, err)
		require.FileExists(t, filepath.Join(o.Dir, abortName))
		s, said := openQuiet(t, o)
		require.NotContains(t, said, "WARN")
		require.NotContains(t, said, "clean stop")
		require.EqualValues(t, 16, s.MaxOffset([]byte("T1"), 0))
		require.NoError(t, s.Close())
	}
}

// TestRebuildOfNothing: an empty store is one, too.
func TestRebuildOfNothing(t *testing.T) {
	o := rebuildOptions(t)
	got, err := Rebuild(context.Background(), o, RebuildOptions{})
	require.NoError(t, err)
	require.Zero(t, got.Records)
	require.EqualValues(t, -1, got.Indexed)
	s, said := openQuiet(t, o)
	require.NotContains(t, said, "WARN")
	require.NoError(t, s.Close())
}

// TestRebuildOfTopicMadeAnew: the records of before are indexed and not queued.
func TestRebuildOfTopicMadeAnew(t *testing.T) {
	o := rebuildOptions(t)
	fillRebuild(t, o, 100)
	require.NoError(t, os.RemoveAll(filepath.Join(o.Dir, consumeQueueName)))
	_, err := Rebuild(context.Background(), o, RebuildOptions{Stale: func(topic []byte, queue int32, off message.LogOffset) bool {
		return string(topic) == "T1"
	}})
	require.NoError(t, err)
	s, said := openQuiet(t, o)
	require.NotContains(t, said, "WARN")
	require.EqualValues(t, 17, s.MaxOffset([]byte("T0"), 0))
	require.Zero(t, s.MaxOffset([]byte("T1"), 0))
	require.Len(t, s.QueryKey([]byte("T1"), []byte("u1"), 9, 0, 1<<60).Offsets, 1)
	require.NoError(t, s.Close())
}

// TestRebuildAfterFailedWrite: what may not be on the device must be written again first.
func TestRebuildAfterFailedWrite(t *testing.T) {
	o := rebuildOptions(t)
	fillRebuild(t, o, 10)
	root, err := mapfile.OpenDir(o.Dir)
	require.NoError(t, err)
	require.NoError(t, writeAbort(root))
	s := &Store{root: root}
	s.noteFailure()
	require.NoError(t, root.Close())
	_, err = Rebuild(context.Background(), o, RebuildOptions{})
	require.ErrorIs(t, err, ErrWriteFailed)
}
