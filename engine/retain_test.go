package engine

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
)

// TestRetention removes expired files; queues and index follow, before and after a restart.
func TestRetention(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.FileReserved = time.Hour; o.DeleteHours = []int{3} })
	day := time.Date(2026, 1, 1, 0, 0, 0, 0, time.Local)
	mem.Now = func() time.Time { return day }
	fill(t, s, 60)
	require.NoError(t, s.log.Sync())
	files := s.log.Files()
	require.Greater(t, files, 3)
	require.NoError(t, s.DeleteExpired(day.Add(4*time.Hour), false))
	require.Equal(t, files, s.log.Files(), "not the hour")
	require.NoError(t, s.DeleteExpired(day.Add(30*time.Minute), true))
	require.Equal(t, files, s.log.Files(), "too young")
	require.NoError(t, s.DeleteExpired(day.Add(3*time.Hour), false))
	require.Equal(t, 1, s.log.Files(), "the last file stays")
	min := s.MinOffset([]byte("A"), 0)
	require.NotZero(t, min)
	require.Equal(t, numbered("A", int(min), 60), words(t, s, "A"))
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("A"), 0), MaxMsgs: 32}, res)
	require.Equal(t, OffsetTooSmall, res.Status)
	require.Equal(t, min, res.Next)
	res.Release()
	for _, image := range []*mapfile.Mem{mem.Kill(), mem.Crash(rand.New(rand.NewPCG(1, 1)))} {
		again := reopen(t, s, image)
		require.Equal(t, min, again.MinOffset([]byte("A"), 0))
		require.Equal(t, numbered("A", int(min), 60), words(t, again, "A"))
		require.NoError(t, again.Close())
	}
	require.NoError(t, s.Close())
}

func TestDiskNearlyFullRemovesYoungFiles(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.DiskCleanPercent = 85 })
	fill(t, s, 60)
	require.NoError(t, s.log.Sync())
	files := s.log.Files()
	space, err := mem.Space()
	require.NoError(t, err)
	mem.Capacity = (space.Total - space.Free) * 100 / 80
	require.NoError(t, s.DeleteExpired(time.Now(), false))
	require.Equal(t, files, s.log.Files())
	mem.Capacity = (space.Total - space.Free) * 100 / 90
	require.NoError(t, s.DeleteExpired(time.Now(), false))
	require.Less(t, s.log.Files(), files)
	mem.Capacity = 0
	require.NoError(t, s.Close())
}
