package index

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// machine runs an index beside the list of records it should know.
type machine struct {
	fs      *mapfile.Mem
	o       Options
	x       *Index
	records []modelRecord
	next    message.LogOffset
	time    int64
	min     message.LogOffset // where the log begins
	synced  message.LogOffset // records before it were put before the last Sync
}

type modelRecord struct {
	off    message.LogOffset
	stored int64
	keys   []string
}

func (r modelRecord) hashes() []int32 {
	var hashes []int32
	for _, k := range r.keys {
		hashes = append(hashes, Hash([]byte("T"), []byte(k)))
	}
	return hashes
}

// TestModel compares random runs, with power cuts and kills, with the model.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &machine{fs: mapfile.NewMem(), time: 1_700_000_000_000}
		s.o = Options{
			Slots:   rapid.SampledFrom([]int32{1, 7, 1000}).Draw(t, "slots"),
			Entries: rapid.SampledFrom([]int32{2, 10, 500}).Draw(t, "entries"),
			Clock:   testClock(),
		}
		s.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"put":       s.put,
			"put again": s.putAgain,
			"sync":      s.sync,
			"reopen": func(t *rapid.T) {
				require.NoError(t, s.x.Close())
				s.synced = s.next
				s.open(t)
			},
			"kill":      func(t *rapid.T) { s.fs = s.fs.Kill(); s.open(t) },
			"power cut": s.powerCut,
			"truncate": func(t *rapid.T) {
				s.truncate(t, message.LogOffset(rapid.Int64Range(int64(s.min), int64(s.next)).Draw(t, "to")))
			},
			"expire": func(t *rapid.T) {
				s.min = message.LogOffset(rapid.Int64Range(int64(s.min), int64(s.next)).Draw(t, "min"))
				require.NoError(t, s.x.CorrectMin(s.min))
			},
			"": s.compare,
		})
		require.NoError(t, s.x.Close())
	})
}

func (s *machine) open(t *rapid.T) {
	s.o.FS = s.fs
	var err error
	s.x, err = Open(s.o)
	require.NoError(t, err)
}

func (s *machine) put(t *rapid.T) {
	keys := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 1, 3)
	var batch []Record
	var hashes []int32
	for range rapid.SampledFrom([]int{1, 5, 300}).Draw(t, "count") {
		r := modelRecord{off: s.next, stored: s.time, keys: keys.Draw(t, "keys")}
		hashes = append(hashes, r.hashes()...)
		batch = append(batch, Record{r.off, r.stored, int32(len(hashes))})
		s.records = append(s.records, r)
		s.next += message.LogOffset(rapid.Int64Range(1, 1000).Draw(t, "size"))
		s.time += rapid.Int64Range(0, 3000).Draw(t, "ms")
	}
	done, err := s.x.PutAll(batch, hashes)
	require.NoError(t, err)
	require.Equal(t, len(batch), done)
}

func (s *machine) putAgain(t *rapid.T) {
	if n := len(s.records); n > 0 {
		r := s.records[rapid.IntRange(0, n-1).Draw(t, "record")]
		require.NoError(t, s.x.Put(r.off, r.stored, r.hashes()))
	}
}

func (s *machine) sync(t *rapid.T) {
	_, err := s.x.Sync()
	require.NoError(t, err)
	s.synced = s.next
}

func (s *machine) truncate(t *rapid.T, to message.LogOffset) (lost []modelRecord) {
	require.NoError(t, s.x.TruncateTo(to))
	n := len(s.records)
	for n > 0 && s.records[n-1].off >= to {
		n--
	}
	lost = s.records[n:]
	s.records = s.records[:n:n]
	s.next = to
	s.synced = min(s.synced, to)
	return lost
}

func (s *machine) powerCut(t *rapid.T) {
	s.fs = s.fs.Crash(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "chance"), 0)))
	s.open(t)
	end := s.next
	lost := s.truncate(t, max(s.synced, s.min))
	s.compare(t)
	n := rapid.IntRange(0, len(lost)).Draw(t, "left")
	for _, r := range lost[:n] {
		require.NoError(t, s.x.Put(r.off, r.stored, r.hashes()))
		s.records = append(s.records, r)
		s.next = end
	}
	if n < len(lost) && n > 0 {
		s.next = lost[n].off
	}
}

// compare checks the chains of every key from the log's begin on, and, but for the whole seconds
// that times are kept in, a range of time.
func (s *machine) compare(t *rapid.T) {
	from, to := rapid.Int64Range(1_700_000_000_000, s.time).Draw(t, "from"), s.time
	for _, key := range []string{"a", "b", "c", "d"} {
		var want, wantFrom []message.LogOffset
		for _, r := range slices.Backward(s.records) {
			if r.off < s.min {
				break
			}
			for _, k := range r.keys {
				if k == key {
					want = append(want, r.off)
					if r.stored >= from+1000 {
						wantFrom = append(wantFrom, r.off)
					}
				}
			}
		}
		got := s.x.Query([]byte("T"), []byte(key), 1<<20, 0, 1<<60).Offsets
		got = slices.DeleteFunc(got, func(off message.LogOffset) bool { return off < s.min })
		require.True(t, slices.Equal(want, got), "%s: want %v, got %v", key, want, got)
		got = s.x.Query([]byte("T"), []byte(key), 1<<20, from, to).Offsets
		for _, off := range wantFrom {
			require.Contains(t, got, off, fmt.Sprint(key, " from ", from))
		}
	}
}

// FuzzOpen opens and uses a file of arbitrary bytes: whatever they are, there is no panic and no
// endless chain, and what is put afterwards is found.
func FuzzOpen(f *testing.F) {
	s := shape{slots: 7, entries: 10}
	fs := mapfile.NewMem()
	x := openIndex(f, fs)
	put(f, x, 0, 4)
	require.NoError(f, x.Close())
	good := make([]byte, s.size())
	file, err := fs.Open(path0(f, fs))
	require.NoError(f, err)
	_, err = file.ReadAt(good, 0)
	require.NoError(f, err)
	f.Add(good, false)
	f.Add(good, true)
	f.Add(good[:100], true)
	for seed := range HeaderLayout.Seeds(good) {
		f.Add(seed, true)
	}
	at := s.entriesAt() + entrySize // the first one
	for seed := range EntryLayout.Seeds(good[at:]) {
		f.Add(append(slices.Clone(good[:at]), seed...), false)
	}
	circle := slices.Clone(good)
	table{s, circle}.setEntry(3, entry{hash: 1, offset: 100, previous: 3})
	f.Add(circle, false)
	f.Fuzz(func(t *testing.T, bytes []byte, truncate bool) {
		fs := mapfile.NewMem()
		require.NoError(t, fs.MkdirAll(DefaultDir))
		file, err := fs.Create(DefaultDir + "/20260101000000000")
		require.NoError(t, err)
		content := make([]byte, s.size())
		copy(content, bytes)
		_, err = file.WriteAt(content, 0)
		require.NoError(t, err)
		x := openIndex(t, fs)
		if truncate {
			require.NoError(t, x.TruncateTo(1000))
			require.Less(t, x.EndOffset(), message.LogOffset(1000))
		}
		for h := range int32(20) {
			x.Query([]byte("T"), []byte{byte(h)}, 100, 0, math.MaxInt64)
		}
		end := x.EndOffset()
		if end > 1<<62 {
			return
		}
		require.NoError(t, x.Put(end+1, second(5), []int32{Hash([]byte("T"), []byte("new"))}))
		require.Contains(t, x.Query([]byte("T"), []byte("new"), 1000, 0, math.MaxInt64).Offsets, end+1)
		require.NoError(t, x.Close())
	})
}

func path0(t testing.TB, fs mapfile.FS) string { return DefaultDir + "/" + names(t, fs)[0] }
