package engine

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestRetention removes expired files; queues and index follow, before and after a restart.
func TestRetention(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Retention = Retention{Reserved: time.Hour, Hours: []int{3}} })
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

// TestEntryBelowBegin: a queue entry that a flipped bit makes point below the log's begin is no message that has expired,
// if those before it have not.
func TestEntryBelowBegin(t *testing.T) {
	s, mem := openSmall(t, nil)
	expireAll(t, s, mem)
	fill(t, s, 40) // the last file of a queue is checked by each start
	min, max, want := s.MinOffset([]byte("A"), 0), s.MaxOffset([]byte("A"), 0), words(t, s, "A")
	require.NoError(t, s.Close())
	for _, hit := range []message.QueueOffset{min + 1, min + 5, max - 20} {
		image := mem.Kill()
		perFile := message.QueueOffset(s.o.ConsumeQueueFileSize / consumequeue.EntrySize)
		name := fmt.Sprintf("consumequeue/A/0/%020d", int64(hit/perFile)*s.o.ConsumeQueueFileSize)
		poke(t, image, name, int64(hit%perFile)*consumequeue.EntrySize, 0, 0, 0, 0, 0, 0, 0, 100)
		again := reopen(t, s, image)
		q := again.Queue([]byte("A"), 0)
		for at := min; at < max; {
			res := NewGetResult()
			again.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 32}, res)
			if res.Cold {
				require.NoError(t, res.Warm())
			}
			require.EqualValues(t, res.Count, res.Next-at, "each is there, before %d", hit)
			at = res.Next
			res.Release()
		}
		require.Equal(t, want, words(t, again, "A"))
		require.EqualValues(t, 1, again.Stats().Damage)
		require.NoError(t, again.Close())
	}
}

func TestDiskNearlyFullRemovesYoungFiles(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Retention = Retention{Forcibly: true} })
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

// TestRetentionRules: what goes when, by how full the disk is, the hour and the trigger.
func TestRetentionRules(t *testing.T) {
	night := time.Date(2026, 1, 2, 4, 59, 0, 0, time.Local)
	day := night.Add(time.Minute)
	for _, c := range []struct {
		name   string
		rules  Retention
		now    time.Time
		used   int64 // percent of the disk
		manual bool
		young  bool
		rounds int
		want   int // files that go, of 14 that can
	}{
		{name: "the hour", now: night, rounds: 1, want: 10},
		{name: "the hour, two looks", now: night, rounds: 2, want: 14},
		{name: "not the hour", now: day, rounds: 3},
		{name: "another hour", rules: Retention{Hours: []int{1, 5}}, now: day, rounds: 2, want: 14},
		{name: "the hour, but young", now: night, young: true, rounds: 1},
		{name: "a fuller disk", now: day, used: 78, rounds: 1, want: 10},
		{name: "a fuller disk, but young", now: day, used: 78, young: true, rounds: 1},
		{name: "a disk as full as it may be", rules: Retention{ExpirePercent: 80}, now: day, used: 78, rounds: 1},
		{name: "a nearly full disk", rules: Retention{Forcibly: true}, now: day, used: 87, young: true, rounds: 1, want: 10},
		{name: "a nearly full disk, not forcibly", now: day, used: 87, young: true, rounds: 1},
		{name: "a trigger", now: day, manual: true, rounds: 1, want: 10},
		{name: "a trigger lasts", now: day, manual: true, rounds: 20, want: 14},
		{name: "a trigger, but young", now: day, manual: true, young: true, rounds: 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.rules.Reserved = time.Hour
			s, mem := openSmall(t, func(o *Options) { o.Retention = c.rules; o.CommitLogFileSize = 1024 })
			mem.Now = func() time.Time { return c.now.Add(-30 * time.Minute) }
			if !c.young {
				mem.Now = func() time.Time { return c.now.Add(-time.Hour) }
			}
			for s.log.Files() < 15 {
				fill(t, s, 1)
			}
			require.NoError(t, s.log.Sync())
			if c.used > 0 {
				space, err := mem.Space()
				require.NoError(t, err)
				mem.Capacity = (space.Total - space.Free) * 100 / c.used
				defer func() { mem.Capacity = 0 }()
			}
			if c.manual {
				s.manual.Store(manualRounds)
			}
			pauses := 0
			for range c.rounds {
				require.NoError(t, s.deleteExpired(c.now, func(time.Duration) { pauses++ }))
				if c.used > 0 {
					space, err := mem.Space()
					require.NoError(t, err)
					mem.Capacity = (space.Total - space.Free) * 100 / c.used
				}
			}
			require.Equal(t, c.want, 15-s.log.Files())
			require.GreaterOrEqual(t, pauses, c.want)
			require.LessOrEqual(t, s.manual.Load(), int32(manualRounds-c.rounds))
			mem.Capacity = 0
			require.NoError(t, s.Close())
		})
	}
}

// TestManualTriggerEnds after twenty looks.
func TestManualTriggerEnds(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Retention = Retention{Reserved: time.Hour} })
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.Local)
	mem.Now = func() time.Time { return noon }
	fill(t, s, 60)
	require.NoError(t, s.log.Sync())
	files := s.log.Files()
	require.NoError(t, s.DeleteExpired(noon, true))
	for range manualRounds - 1 {
		require.NoError(t, s.DeleteExpired(noon, false))
	}
	require.NoError(t, s.DeleteExpired(noon.Add(time.Hour), false))
	require.Equal(t, files, s.log.Files())
	require.NoError(t, s.DeleteExpired(noon.Add(time.Hour), true))
	require.Less(t, s.log.Files(), files)
	require.NoError(t, s.Close())
}

// TestFullDisk: messages are refused with the disk's name, reads go on, and it passes.
func TestFullDisk(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Retention = Retention{Reserved: time.Hour, Forcibly: true} })
	fill(t, s, 40)
	require.NoError(t, s.log.Sync())
	space, err := mem.Space()
	require.NoError(t, err)
	mem.Capacity = (space.Total - space.Free) * 100 / 95
	require.NoError(t, s.CheckDisk())
	q := s.Queue([]byte("A"), 0)
	_, err = s.Append(q, testRecord("A", "x"))
	require.ErrorIs(t, err, ErrDiskFull)
	require.ErrorContains(t, err, "mem")
	require.Equal(t, numbered("A", 0, 40), words(t, s, "A"))
	// The caretaker makes room: young files go, ten at a time.
	for s.Writable() != nil {
		files := s.log.Files()
		require.NoError(t, s.DeleteExpired(time.Now(), false))
		require.NoError(t, s.CheckDisk())
		require.Less(t, s.log.Files(), files)
	}
	send(t, s, "A", "A40 x")
	min := int(s.MinOffset([]byte("A"), 0))
	require.NotZero(t, min)
	require.Equal(t, numbered("A", min, 41), words(t, s, "A"))
	mem.Capacity = 0
	require.NoError(t, s.Close())
}

// TestHungFile: a file that is still read goes, and is told of until its reader lets go.
func TestHungFile(t *testing.T) {
	var lines bytes.Buffer
	s, mem := openSmall(t, func(o *Options) {
		o.Retention = Retention{Reserved: time.Hour}
		o.Log = slog.New(slog.NewTextHandler(&lines, nil))
	})
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.Local)
	mem.Now = func() time.Time { return noon.Add(-time.Hour) }
	fill(t, s, 60)
	require.NoError(t, s.log.Sync())
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("A"), 0), MaxMsgs: 1}, res)
	require.Equal(t, Found, res.Status)
	require.NoError(t, s.DeleteExpired(noon, true))
	told := func(now time.Time) bool {
		lines.Reset()
		s.tellHung(now, now.Add(-2*time.Minute))
		return strings.Contains(lines.String(), "still read")
	}
	require.False(t, told(noon.Add(119*time.Second)))
	require.True(t, told(noon.Add(2*time.Minute)))
	require.Equal(t, "A0", wordOf(t, res.Buffers()[0], 0), "the reader keeps its bytes")
	res.Release()
	require.False(t, told(noon.Add(2*time.Minute)))
	require.NoError(t, s.Close())
}
