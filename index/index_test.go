package index

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// still is a clock that stands.
type still struct {
	clock.Clock
	at time.Time
}

func (c still) Now() time.Time { return c.at }

func testClock() clock.Clock {
	return still{at: time.Date(2026, 11, 22, 8, 30, 59, 999_000_000, time.Local)}
}

// openIndex opens an index with files of 7 slots and 9 entries.
func openIndex(t testing.TB, fs mapfile.FS) *Index {
	t.Helper()
	x, err := Open(Options{FS: fs, Slots: 7, Entries: 10, Clock: testClock()})
	require.NoError(t, err)
	return x
}

// second is the store time of the n-th record.
func second(n int) int64 { return 1_700_000_000_000 + int64(n)*1000 }

// put puts the records first to last-1: each is at offset 100·n, stored at second n, and has
// the keys kN and "all".
func put(t testing.TB, x *Index, first, last int) {
	t.Helper()
	for n := first; n < last; n++ {
		require.NoError(t, x.Put(message.LogOffset(100*n), second(n), hashesOf(n)))
	}
}

func hashesOf(n int) []int32 {
	return AppendHashes(nil, []byte("T"), fmt.Appendf(nil, "k%d", n), []byte("all"))
}

// requireRecords checks that the records first to last-1 are found, each once, and no other.
func requireRecords(t testing.TB, x *Index, first, last int) {
	t.Helper()
	var want []message.LogOffset
	for n := last - 1; n >= first; n-- {
		want = append(want, message.LogOffset(100*n))
	}
	got := x.Query([]byte("T"), []byte("all"), 1<<20, 0, 1<<60)
	require.Equal(t, want, got.Offsets)
	for n := first; n < last; n++ {
		got := x.Query([]byte("T"), fmt.Appendf(nil, "k%d", n), 64, 0, 1<<60)
		require.Equal(t, []message.LogOffset{message.LogOffset(100 * n)}, got.Offsets)
	}
	if last > first {
		require.EqualValues(t, 100*(last-1), got.LastOffset)
		require.EqualValues(t, 100*(last-1), x.EndOffset())
	}
}

func names(t testing.TB, fs mapfile.FS) []string {
	entries, err := fs.ReadDir(DefaultDir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name)
	}
	return names
}

func TestPutAndQuery(t *testing.T) {
	fs := mapfile.NewMem()
	x := openIndex(t, fs)
	require.EqualValues(t, -1, x.EndOffset())
	require.Empty(t, x.Query([]byte("T"), []byte("all"), 64, 0, 1<<60))
	require.NoError(t, x.Put(5, 5, nil), "no keys: no entry")
	require.EqualValues(t, -1, x.EndOffset())
	put(t, x, 0, 30)
	requireRecords(t, x, 0, 30)
	put(t, x, 0, 30) // dispatched again
	requireRecords(t, x, 0, 30)
	// The clock stands, so each file is named a millisecond behind the one before, over the minute too.
	require.Equal(t, []string{"20261122083059999", "20261122083100000", "20261122083100001"}, names(t, fs)[:3])
	require.NoError(t, x.Close())
	x = openIndex(t, fs)
	requireRecords(t, x, 0, 30)
	put(t, x, 30, 40)
	requireRecords(t, x, 0, 40)
	require.NoError(t, x.Close())
}

func TestQueryTimes(t *testing.T) {
	x := openIndex(t, mapfile.NewMem())
	put(t, x, 0, 20)
	for _, c := range []struct {
		begin, end int64
		limit      int
		want       []int
	}{
		{second(0), second(19), 64, []int{19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0}},
		{second(18), second(30), 64, []int{19, 18}},
		{second(5), second(6), 64, []int{6, 5}},
		{second(5), second(6), 1, []int{6}},
		{second(0), second(0), 64, []int{0}},
		{second(0), second(19), 3, []int{19, 18, 17}},
		{second(20), second(30), 64, nil},
		{0, second(-1), 64, nil},
		{second(6), second(5), 64, nil},
		{second(0), second(19), 0, nil},
	} {
		var want []message.LogOffset
		for _, n := range c.want {
			want = append(want, message.LogOffset(100*n))
		}
		require.Equal(t, want, x.Query([]byte("T"), []byte("all"), c.limit, c.begin, c.end).Offsets, "%+v", c)
	}
	require.NoError(t, x.Close())
}

func TestCorrectMin(t *testing.T) {
	fs := mapfile.NewMem()
	x := openIndex(t, fs)
	put(t, x, 0, 20) // 40 entries in 5 files
	require.Len(t, names(t, fs), 5)
	for _, c := range []struct {
		log   message.LogOffset
		files int
	}{{0, 5}, {400, 5}, {401, 4}, {1000, 3}, {99999, 1}} {
		require.NoError(t, x.CorrectMin(c.log))
		require.Len(t, names(t, fs), c.files, "log begins at %d", c.log)
	}
	require.EqualValues(t, 1900, x.Query([]byte("T"), []byte("all"), 64, 0, 1<<60).LastOffset)
	require.NoError(t, x.Close())
}

func TestFullDisk(t *testing.T) {
	fs := mapfile.NewMem()
	x, err := Open(Options{FS: fs, Slots: 50, Entries: 2000, Clock: testClock()})
	require.NoError(t, err)
	fs.Capacity = 4 * 4096
	require.ErrorIs(t, x.Put(0, second(0), hashesOf(0)), syscall.ENOSPC)
	require.Empty(t, names(t, fs), "nothing is left of the attempt")
	fs.Capacity = 0
	put(t, x, 0, 5)
	requireRecords(t, x, 0, 5)
	require.NoError(t, x.Close())
}

// A record is indexed by all of its keys or by none.
func TestFailureWithinARecord(t *testing.T) {
	fs := mapfile.NewMem()
	x := openIndex(t, fs)
	put(t, x, 0, 4)
	fs.Fault = func(op mapfile.Op) error {
		if op.Kind == mapfile.OpAllocate || op.Kind == mapfile.OpCreate {
			return syscall.ENOSPC
		}
		return nil
	}
	for range 2 {
		require.ErrorIs(t, x.Put(400, second(4), hashesOf(4)), syscall.ENOSPC, "its second key needs a new file")
		requireRecords(t, x, 0, 4)
	}
	fs.Fault = nil
	put(t, x, 4, 12)
	requireRecords(t, x, 0, 12)
	require.NoError(t, x.Close())
}

func TestFailedSyncIsFinal(t *testing.T) {
	fs := mapfile.NewMem()
	x := openIndex(t, fs)
	put(t, x, 0, 4)
	broken := errors.New("device error")
	fs.Fault = func(op mapfile.Op) error {
		if op.Kind == mapfile.OpSync {
			return broken
		}
		return nil
	}
	_, err := x.Sync()
	require.ErrorIs(t, err, broken)
	fs.Fault = nil
	_, err = x.Sync()
	require.ErrorIs(t, err, broken)
	require.ErrorIs(t, x.Close(), broken)
}

// Sync tells the store time of the last record in a full file, as Java's checkpoint wants it.
func TestSyncTellsFullFile(t *testing.T) {
	x := openIndex(t, mapfile.NewMem())
	for _, c := range []struct {
		records int
		want    int64
	}{{0, 0}, {4, 0}, {5, second(4)}, {8, second(4)}, {9, second(8)}} {
		put(t, x, 0, c.records)
		full, err := x.Sync()
		require.NoError(t, err)
		require.Equal(t, c.want, full, "%d records", c.records)
	}
	require.NoError(t, x.Close())
}

// A process that is killed within PutAll leaves entries that slots lead to and the header does not count: no more than
// Open looks for.
func TestInterruptedPut(t *testing.T) {
	for _, uncounted := range []int{1, mostKeys / 3, mostKeys} {
		t.Run(fmt.Sprint(uncounted), func(t *testing.T) {
			fs := mapfile.NewMem()
			o := Options{FS: fs, Slots: 7000, Entries: 100_000, Clock: testClock()}
			x, err := Open(o)
			require.NoError(t, err)
			put(t, x, 0, 20)
			for n := 20; n < 20+uncounted; n++ {
				require.NoError(t, x.put(message.LogOffset(100*n), second(n), hashesOf(n)))
			}
			o.FS = fs.Kill()
			x, err = Open(o)
			require.NoError(t, err)
			kept := int(x.EndOffset()/100) + 1
			require.GreaterOrEqual(t, kept, 20)
			requireRecords(t, x, 0, kept)
			put(t, x, kept, kept+5)
			requireRecords(t, x, 0, kept+5)
			require.NoError(t, x.Close())
			require.NoError(t, fs.Close())
		})
	}
}

func TestSetAside(t *testing.T) {
	var log bytes.Buffer
	fs := mapfile.NewMem()
	require.NoError(t, fs.MkdirAll(DefaultDir))
	create := func(name string, size int64, h *header) {
		f, err := fs.Create(path.Join(DefaultDir, name))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(size))
		if h != nil {
			b := make([]byte, headerSize)
			h.encode(b)
			_, err = f.WriteAt(b, 0)
			require.NoError(t, err)
		}
		require.NoError(t, f.Close())
	}
	size := shape{7, 10}.size()
	create("20260101000000000", size+1, nil)
	create("20260101000000001", size, &header{nextEntry: 11})
	create("20260101000000002", 0, nil)
	create("20260101000000003", size, &header{nextEntry: 1})
	create("notes.txt", 5, nil)
	x, err := Open(Options{FS: fs, Slots: 7, Entries: 10, Clock: testClock(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	require.NoError(t, err)
	require.Equal(t, []string{"20260101000000003", "notes.txt"}, names(t, fs))
	aside, err := fs.ReadDir("index.aside")
	require.NoError(t, err)
	require.Len(t, aside, 2)
	require.Contains(t, log.String(), "maxHashSlotNum")
	require.Contains(t, log.String(), "counts 11 entries of 10")
	require.Equal(t, 3, strings.Count(log.String(), "level=WARN"))
	put(t, x, 0, 3)
	requireRecords(t, x, 0, 3)
	require.NoError(t, x.Close())
}

func TestQueriesBesideWriter(t *testing.T) {
	const last = 3000
	fs, err := mapfile.OpenDir(t.TempDir())
	require.NoError(t, err)
	x, err := Open(Options{FS: fs, Slots: 7, Entries: 1000, Clock: testClock()})
	require.NoError(t, err)
	var wg sync.WaitGroup
	started := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			<-started
			for found := 0; found < last; {
				r := x.Query([]byte("T"), fmt.Appendf(nil, "k%d", last-1), 10, 0, 1<<60)
				if len(r.Offsets) > 0 {
					require.EqualValues(t, 100*(last-1), r.Offsets[0])
					found = last
				}
				all := x.Query([]byte("T"), []byte("all"), 50, 0, 1<<60).Offsets
				for i := 1; i < len(all); i++ {
					require.Equal(t, all[i-1]-100, all[i])
				}
			}
		})
	}
	wg.Go(func() {
		<-started
		for x.Query([]byte("T"), fmt.Appendf(nil, "k%d", last-1), 10, 0, 1<<60).Offsets == nil {
			_, err := x.Sync()
			require.NoError(t, err)
		}
	})
	put(t, x, 0, 1)
	close(started)
	put(t, x, 1, last)
	wg.Wait()
	require.NoError(t, errors.Join(x.Close(), fs.Close()))
}
