package offset

import (
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/server/names"
)

func open(t *testing.T, path string) *Table {
	t.Helper()
	table, err := Open(path, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	return table
}

func commit(t *testing.T, table *Table, group, topic string, queueID int32, n int64) {
	t.Helper()
	require.NoError(t, table.Commit([]byte(group), []byte(topic), queueID, n))
}

func TestCommitAndFind(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "o.json"))
	f := func(group, topic string, queueID int32, want int64) {
		t.Helper()
		require.Equal(t, want, table.Find(group, topic, queueID))
		n, ok := table.Offset([]byte(group), []byte(topic), queueID)
		require.Equal(t, want != -1, ok)
		if ok {
			require.Equal(t, want, n)
		}
	}
	f("g", "T", 0, -1)
	commit(t, table, "g", "T", 0, 5)
	commit(t, table, "g", "T", 17, 7)
	commit(t, table, "h", "T", 0, 9)
	commit(t, table, "g", "%RETRY%g", 0, 0)
	f("g", "T", 0, 5)
	f("g", "T", 17, 7)
	f("g", "T", 1, -1)
	f("g", "T", 16, -1)
	f("g", "T", 65535, -1)
	f("g", "T", -1, -1)
	f("h", "T", 0, 9)
	f("g", "U", 0, -1)
	commit(t, table, "g", "T", 0, 2) // backwards is allowed
	f("g", "T", 0, 2)
	require.Equal(t, map[int32]int64{0: 2, 17: 7}, table.Queues("g", "T"))
	require.Empty(t, table.Queues("g", "U"))
	require.Equal(t, []string{"%RETRY%g", "T"}, table.Topics("g"))
	require.Equal(t, []string{"g", "h"}, table.Groups("T"))
	require.Empty(t, table.Groups("g"))

	require.NoError(t, table.Clone("g", "new", "T"))
	require.Equal(t, map[int32]int64{0: 2, 17: 7}, table.Queues("new", "T"))
	commit(t, table, "g", "T", 0, 3)
	f("new", "T", 0, 2)
	require.NoError(t, table.Clone("h", "new", "T"))
	require.Equal(t, map[int32]int64{0: 9}, table.Queues("new", "T"), "a clone replaces")
	require.NoError(t, table.Clone("nosuch", "new", "T"))
	require.ErrorIs(t, table.Clone("g", "a/b", "T"), names.ErrGroupIllegal)

	table.ForgetGroup("g")
	f("g", "T", 0, -1)
	f("h", "T", 0, 9)
	require.Empty(t, table.Topics("g"))
}

func TestRefusals(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "o.json"))
	f := func(group, topic string, queueID int32, want string) {
		t.Helper()
		require.ErrorContains(t, table.Commit([]byte(group), []byte(topic), queueID, 1), want)
	}
	f("a/../x", "T", 0, names.ErrGroupIllegal.Error())
	f("g@T", "T", 0, names.ErrGroupIllegal.Error())
	f("g", "T@g", 0, names.ErrTopicIllegal.Error())
	f("g\x00", "T", 0, names.ErrGroupIllegal.Error())
	f("g", "", 0, names.ErrTopicBlank.Error())
	f("g", strings.Repeat("T", 100_000), 0, names.ErrTopicLong.Error())
	f("g", "T", -1, "queueId[-1] is illegal")
	f("g", "T", math.MaxInt32, "queueId[2147483647] is illegal")
	f("g", "T", names.MaxQueues, "is illegal")
	require.NoError(t, table.Save())
	require.Zero(t, table.pairs.Len())
}

// TestNumbersAreBounded: pages are counted as they come and go, and no client fills the memory with them.
func TestNumbersAreBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.json")
	table := open(t, path)
	commit(t, table, "g", "T", 0, 1)
	commit(t, table, "g", "T", 65_535, 1)
	commit(t, table, "g", "other", 3, 1)
	require.NoError(t, table.Clone("g", "clone", "T"))
	require.NoError(t, table.Clone("g", "clone", "T")) // over itself
	require.EqualValues(t, 5, table.pages.Load())
	require.NoError(t, table.Save())
	table = open(t, path)
	require.EqualValues(t, 5, table.pages.Load())

	table.pages.Store(MaxPages)
	commit(t, table, "g", "T", 15, 1) // of a page that is there
	require.ErrorIs(t, table.Commit([]byte("g"), []byte("T"), 16, 1), errFull)
	require.ErrorIs(t, table.Clone("g", "another", "T"), errFull)
	table.ForgetGroup("clone")
	commit(t, table, "g", "T", 16, 1)
	require.NoError(t, table.Clone("other", "another", "T"))
	require.EqualValues(t, MaxPages-1, table.pages.Load())
}

func TestCorrection(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "o.json"))
	for _, c := range []struct {
		group string
		queue int32
		n     int64
	}{{"a", 0, 10}, {"b", 0, 20}, {"b", 1, 30}, {"c", 0, 5}, {"c", 1, 2}, {"c", 2, 8}} {
		commit(t, table, c.group, "T", c.queue, c.n)
	}
	commit(t, table, "a", "U", 0, 1)
	minimum := func(queueID int32) int64 { return []int64{0, 25, 0}[queueID] }
	require.Equal(t, map[int32]int64{0: 5, 1: 30, 2: 8}, table.Correction("T", "", nil, minimum))
	require.Equal(t, map[int32]int64{0: 10, 1: 30}, table.Correction("T", "", []string{"c"}, minimum))
	require.Equal(t, map[int32]int64{0: math.MaxInt64, 1: math.MaxInt64}, table.Correction("T", "c", []string{"c"}, minimum))
	require.Equal(t, map[int32]int64{0: 5, 1: 30, 2: 8}, table.Correction("T", "b", nil, minimum))
	require.EqualValues(t, 5, table.Find("c", "T", 0), "asking deletes nothing")
}

// TestFileAsJava compares with a file that a Java broker wrote and reads it back.
func TestFileAsJava(t *testing.T) {
	golden, err := os.ReadFile("testdata/java-4.9.7/consumerOffset.json")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "o.json")
	require.NoError(t, os.WriteFile(path, golden, 0o600))
	table := open(t, path)
	require.Positive(t, table.pairs.Len())
	table.dirty.Store(true)
	require.NoError(t, table.Save())
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.ElementsMatch(t, lines(golden), lines(written))
}

// lines are a file's lines without the commas between entries: Java's maps have another order.
func lines(data []byte) []string {
	return strings.Split(strings.ReplaceAll(string(data), ",\n", "\n"), "\n")
}

func TestSaveAndReopen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.json")
	table := open(t, path)
	require.NoError(t, table.Save())
	require.NoFileExists(t, path, "nothing changed, nothing written")
	commit(t, table, "CG", "TopicA", 0, 2)
	commit(t, table, "CG", "TopicA", 1, 2)
	require.NoError(t, table.Save())
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "{\n\t\"offsetTable\":{\n\t\t\"TopicA@CG\":{0:2,1:2\n\t\t}\n\t}\n}", string(data))

	require.Equal(t, map[int32]int64{0: 2, 1: 2}, open(t, path).Queues("CG", "TopicA"))

	// A damaged file falls back to .bak; a failed save is tried again.
	commit(t, table, "CG", "TopicA", 0, 3)
	require.NoError(t, table.Save())
	require.NoError(t, os.WriteFile(path, []byte(`{"offsetTable":{`), 0o600))
	require.Equal(t, map[int32]int64{0: 2, 1: 2}, open(t, path).Queues("CG", "TopicA"))
	require.NoError(t, os.RemoveAll(filepath.Dir(path)))
	require.NoError(t, os.WriteFile(filepath.Dir(path), nil, 0o600))
	commit(t, table, "CG", "TopicA", 0, 4)
	require.Error(t, table.Save())
	require.NoError(t, os.Remove(filepath.Dir(path)))
	require.NoError(t, table.Save())
	require.Equal(t, map[int32]int64{0: 4, 1: 2}, open(t, path).Queues("CG", "TopicA"))
}

func TestLoadOddFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"offsetTable":{"T@g":{"0":1,2147483647:5,-1:5},"a@b@c":{0:1},"x":{0:2}}}`), 0o600))
	table := open(t, path)
	require.Equal(t, map[int32]int64{0: 1}, table.Queues("g", "T"))
	require.Len(t, table.Snapshot().OffsetTable, 3, "keys that are no topic@group are kept")
	require.Empty(t, table.Topics(""))
	require.Empty(t, table.Groups(""))
}

// TestConcurrent: no commit is lost when pairs and pages are added under it.
func TestConcurrent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "o.json")
	table := open(t, path)
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range int32(200) {
				_ = table.Commit([]byte("g"), []byte("T"), i*4+int32(w), int64(i))
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			_ = table.Save()
		}
	})
	wg.Wait()
	require.Len(t, table.Queues("g", "T"), 800)
	require.NoError(t, table.Save())
	require.Len(t, open(t, path).Queues("g", "T"), 800)
}

func TestKnownQueueDoesNotAllocate(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "o.json"))
	g, topic := []byte("group"), []byte("topic")
	n := int64(0)
	f := func() {
		n++
		if table.Commit(g, topic, 3, n) != nil {
			t.Fatal("refused")
		}
		if got, ok := table.Offset(g, topic, 3); !ok || got != n {
			t.Fatal("lost")
		}
	}
	f()
	require.Zero(t, testing.AllocsPerRun(100, f))
}

func BenchmarkCommit(b *testing.B) {
	table, err := Open(filepath.Join(b.TempDir(), "o.json"), slog.New(slog.DiscardHandler))
	require.NoError(b, err)
	g, topic := []byte("group"), []byte("topic")
	b.ReportAllocs()
	for n := int64(0); b.Loop(); n++ {
		if err := table.Commit(g, topic, 3, n); err != nil {
			b.Fatal(err)
		}
	}
}
