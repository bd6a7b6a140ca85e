package consumequeue

import (
	"fmt"
	"math"
	"path"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// A script changes a queue of 35 entries (files of 10) on the disk and says what Open makes
// of it: how many entries are left, and from which record on dispatch must run again.
func TestDamage(t *testing.T) {
	type script struct {
		do      func(s *damage)
		max     int
		redo    message.LogOffset // after a clean stop
		crashed message.LogOffset // after a crash, with synced at 3400; 0: the same as redo
	}
	const end = 3500
	for name, c := range map[string]script{
		"nothing":                        {do: func(*damage) {}, max: 35, redo: end, crashed: 3400},
		"entry zeroed":                   {do: func(s *damage) { s.entry(33, Entry{}) }, max: 33, redo: 3300, crashed: 3400},
		"two entries zeroed":             {do: func(s *damage) { s.entry(31, Entry{}); s.entry(32, Entry{}) }, max: 31, redo: 3100},
		"entry points too low":           {do: func(s *damage) { s.entry(33, nth(5)) }, max: 32, redo: 3200},
		"entry points too high":          {do: func(s *damage) { s.entry(32, nth(900)) }, max: 32, redo: 3200},
		"size flipped":                   {do: func(s *damage) { s.entry(32, Entry{3200, -100, 1}) }, max: 32, redo: 3200},
		"last entry is garbage":          {do: func(s *damage) { s.entry(34, Entry{3400, -100, 1}) }, max: 34, redo: 3400},
		"last entry is gone":             {do: func(s *damage) { s.entry(34, Entry{}) }, max: 34, redo: end, crashed: 3400},
		"blank among entries":            {do: func(s *damage) { s.entry(32, blank) }, max: 31, redo: 3100},
		"first of file":                  {do: func(s *damage) { s.entry(30, Entry{}) }, max: 30, redo: 3000},
		"file zeroed":                    {do: func(s *damage) { s.zero(3) }, max: 30, redo: end, crashed: 3400},
		"file empty":                     {do: func(s *damage) { s.empty(3) }, max: 30, redo: 3000, crashed: 3400},
		"file gone":                      {do: func(s *damage) { s.remove(3) }, max: 30, redo: end, crashed: 3400},
		"file before the last is gone":   {do: func(s *damage) { s.remove(2) }, max: 20, redo: 2000},
		"file before the last is empty":  {do: func(s *damage) { s.empty(2) }, max: 20, redo: 2000},
		"file before the last is zeroed": {do: func(s *damage) { s.zero(2) }, max: 20, redo: 2000},
		"hole at the end of a file":      {do: func(s *damage) { s.entry(29, Entry{}) }, max: 29, redo: 2900},
		"first files gone":               {do: func(s *damage) { s.remove(0); s.remove(1) }, max: 35, redo: end, crashed: 3400},
		"all empty":                      {do: func(s *damage) { s.empty(0); s.empty(1); s.empty(2); s.empty(3) }, max: 0, redo: 0, crashed: 3400},
	} {
		for _, crashed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, crashed), func(t *testing.T) {
				fs := mapfile.NewMem()
				s := &damage{t: t, fs: fs, perFile: 10}
				table := openTable(t, Options{FS: fs})
				fill(t, table.Queue([]byte("T"), 0), 0, 35)
				require.NoError(t, table.Close())
				c.do(s)

				table = openTable(t, Options{FS: fs, Crashed: crashed})
				q := table.Lookup([]byte("T"), 0)
				require.EqualValues(t, c.max, q.Max())
				synced, want := message.LogOffset(end), c.redo
				if crashed {
					synced = 3400
					if c.crashed != 0 {
						want = c.crashed
					}
				}
				require.Equal(t, want, table.Redo(synced))
				// Dispatched again from there, the queue is whole, and stays so.
				first := min(c.max, int(want)/100)
				fill(t, q, first, 35)
				require.NoError(t, table.Close())
				table = openTable(t, Options{FS: fs})
				q = table.Lookup([]byte("T"), 0)
				requireEntries(t, q, int(q.Min()), 35)
				require.NoError(t, table.Close())
			})
		}
	}
}

// What stands behind a damaged place must not come back once that place is written anew.
func TestOldEntriesDoNotComeBack(t *testing.T) {
	for _, crashed := range []bool{false, true} {
		fs := mapfile.NewMem()
		s := &damage{t: t, fs: fs, perFile: 5000}
		o := Options{FS: fs, FileSize: 5000 * EntrySize, Crashed: crashed}
		table := openTable(t, o)
		fill(t, table.Queue([]byte("T"), 0), 0, 4000)
		require.NoError(t, table.Close())
		// A hole as a power cut leaves it, longer than what Open looks at behind the end.
		hole := 1000
		if !crashed {
			hole = 1
		}
		for n := 1000; n < 1000+hole; n++ {
			s.entry(n, Entry{})
		}
		table = openTable(t, o)
		q := table.Lookup([]byte("T"), 0)
		requireEntries(t, q, 0, 1000)
		fill(t, q, 1000, 1000+hole)
		require.NoError(t, table.Close())
		table = openTable(t, o)
		requireEntries(t, table.Lookup([]byte("T"), 0), 0, 1000+hole)
		require.NoError(t, table.Close())
	}
}

// damage changes the files of queue T/0.
type damage struct {
	t       testing.TB
	fs      mapfile.FS
	perFile int
}

func (s *damage) path(file int) string {
	return path.Join(DefaultDir, "T/0", fmt.Sprintf("%020d", file*s.perFile*EntrySize))
}

func (s *damage) change(file int, fn func(mapfile.File) error) {
	f, err := s.fs.Open(s.path(file))
	require.NoError(s.t, err)
	require.NoError(s.t, fn(f))
	require.NoError(s.t, f.Close())
}

func (s *damage) entry(n int, e Entry) {
	s.change(n/s.perFile, func(f mapfile.File) error {
		_, err := f.WriteAt(appendEntry(nil, e), int64(n%s.perFile*EntrySize))
		return err
	})
}

func (s *damage) empty(file int) {
	s.change(file, func(f mapfile.File) error { return f.Truncate(0) })
}

func (s *damage) zero(file int) {
	s.empty(file)
	s.change(file, func(f mapfile.File) error { return f.Truncate(int64(s.perFile * EntrySize)) })
}

func (s *damage) remove(file int) { require.NoError(s.t, s.fs.Remove(s.path(file))) }

// FuzzOpen opens a queue of two files with arbitrary bytes. Whatever they are, the queue
// that Open makes of them is in order, can be read and goes on, and is the same when it is
// opened again.
func FuzzOpen(f *testing.F) {
	var good []byte
	for n := range 20 {
		good = appendEntry(good, nth(n))
	}
	torn := append([]byte(nil), good[:15*EntrySize]...)
	torn = append(torn[:13*EntrySize+5], make([]byte, 7*EntrySize-5)...)
	blanks := append([]byte(nil), good...)
	for n := range 3 {
		copy(blanks[n*EntrySize:], appendEntry(nil, blank))
	}
	for _, b := range [][]byte{nil, good, torn, blanks, good[:7]} {
		f.Add(b, false)
		f.Add(b, true)
	}
	f.Fuzz(func(t *testing.T, bytes []byte, crashed bool) {
		fs := mapfile.NewMem()
		require.NoError(t, fs.MkdirAll("consumequeue/T/0"))
		content := make([]byte, 2*testFileSize)
		copy(content, bytes)
		for i := range 2 {
			file, err := fs.Create(fmt.Sprintf("consumequeue/T/0/%020d", i*testFileSize))
			require.NoError(t, err)
			_, err = file.WriteAt(content[i*testFileSize:(i+1)*testFileSize], 0)
			require.NoError(t, err)
			require.NoError(t, file.Close())
		}
		table := openTable(t, Options{FS: fs, Crashed: crashed})
		q := table.Lookup([]byte("T"), 0)
		entries := readAll(t, q)
		end := table.MaxLogOffset()
		if end < math.MaxInt64-100 {
			next := Entry{LogOffset: end, Size: 100}
			require.NoError(t, q.Put(q.Max(), next))
			entries = append(entries, next)
		}
		if len(entries) > 0 {
			require.Equal(t, entries[len(entries)-1].end(), table.MaxLogOffset())
		}
		require.NoError(t, table.Close())

		table = openTable(t, Options{FS: fs})
		again := table.Lookup([]byte("T"), 0)
		require.Equal(t, q.Max(), again.Max())
		require.Equal(t, q.Min(), again.Min())
		require.Equal(t, entries, readAll(t, again))
		require.NoError(t, table.Close())
	})
}

// readAll reads the queue from Min to Max.
func readAll(t testing.TB, q *Queue) []Entry {
	t.Helper()
	entries := make([]Entry, q.Max()-q.Min())
	n, err := q.Read(q.Min(), entries)
	require.NoError(t, err)
	require.Len(t, entries, n)
	return entries
}
