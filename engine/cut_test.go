package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
)

// cuts runs work on copies of a disk and cuts the power before each of its operations that changes something; then
// check looks at what a start makes of it, also at one that is killed there.
func cuts(t *testing.T, disk func() *mapfile.Mem, work func(mem *mapfile.Mem), check func(n int, mem *mapfile.Mem)) {
	t.Helper()
	for n := 0; ; n++ {
		mem := disk()
		var images []*mapfile.Mem
		left := n
		mem.Fault = func(mapfile.Op) error {
			if left--; left == -1 {
				images = append(images, mem.Kill(), mem.Crash(rand.New(rand.NewPCG(uint64(n), 1))), mem.Crash(rand.New(rand.NewPCG(uint64(n), 2))))
			}
			return nil
		}
		work(mem)
		mem.Fault = nil
		if images == nil {
			require.Greater(t, n, 5, "there was something to cut")
			return
		}
		for _, image := range images {
			check(n, image)
		}
	}
}

// TestCutWhileQueuesAreMadeAnew: a recovery that drops a deleted topic's queue, keeps damage and makes the index
// again is cut anywhere; the next one comes to the same.
func TestCutWhileQueuesAreMadeAnew(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.IndexEntries = 20 })
	send(t, s, "B", "old0 x", "old1 x", "old2 x")
	places := fill(t, s, 6)
	require.NoError(t, s.DeleteTopic("B"))
	send(t, s, "B", "new0 x", "new1 x")
	send(t, s, "A", "A6 x")
	require.NoError(t, s.Close())
	o := s.o
	for _, name := range []string{ringmqName, consumeQueueName, indexName} {
		remove(t, mem, name)
	}
	pokeLog(t, s, mem, places[6].LogOffset, 0x70) // A2
	require.NoError(t, mem.SyncAll())
	base := mem.Kill()
	cuts(t, func() *mapfile.Mem { return base.Kill() }, func(mem *mapfile.Mem) {
		o.FS = mem
		again, err := Open(o)
		require.NoError(t, err)
		require.NoError(t, again.Close())
	}, func(n int, image *mapfile.Mem) {
		o.FS = image
		again, err := Open(o)
		require.NoError(t, err, "cut at %d", n)
		require.Equal(t, "new0 new1", words(t, again, "B"), "cut at %d", n)
		require.Equal(t, "A0 A1 - A3 A4 A5 A6", words(t, again, "A"), "cut at %d", n)
		require.Equal(t, numbered("C", 0, 6), words(t, again, "C"), "cut at %d", n)
		require.Len(t, again.QueryKey([]byte("A"), []byte("key-A6"), 9, 0, o.Clock.Now().UnixMilli()+1).Offsets, 1, "cut at %d", n)
		require.NoError(t, again.Close())
	})
}

// TestCutWhileFilesExpire: retention is cut anywhere; what is left begins at one place, in log and queues.
func TestCutWhileFilesExpire(t *testing.T) {
	now := time.Date(2026, 1, 2, 4, 0, 0, 0, time.Local)
	s, mem := openSmall(t, func(o *Options) { o.Retention = Retention{Reserved: time.Hour}; o.ConsumeQueueFileSize = 100 })
	mem.Now = func() time.Time { return now.Add(-2 * time.Hour) }
	fill(t, s, 40)
	require.NoError(t, s.Close())
	o := s.o
	require.NoError(t, mem.SyncAll())
	base := mem.Kill()
	cuts(t, func() *mapfile.Mem { return base.Kill() }, func(mem *mapfile.Mem) {
		o.FS = mem
		again, err := Open(o)
		require.NoError(t, err)
		require.NoError(t, again.DeleteExpired(now, false))
		require.NoError(t, again.Close())
	}, func(n int, image *mapfile.Mem) {
		o.FS = image
		again, err := Open(o)
		require.NoError(t, err, "cut at %d", n)
		for _, topic := range []string{"A", "B", "C"} {
			q := again.Lookup([]byte(topic), 0)
			require.NotNil(t, q)
			require.EqualValues(t, 40, q.Max(), "cut at %d", n)
			require.Equal(t, numbered(topic, int(q.Min()), 40), words(t, again, topic), "cut at %d", n)
		}
		require.NoError(t, again.Close())
	})
}
