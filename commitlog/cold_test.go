package commitlog

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

var discard = slog.New(slog.DiscardHandler)

// coldLog is a log of files, of 4 MiB unless o says otherwise, whose byte at an offset follows from the offset.
func coldLog(t testing.TB, fs mapfile.FS, files int, o Options) *Log {
	t.Helper()
	o.FileSize = cmp.Or(o.FileSize, 4<<20)
	size := int(o.FileSize)
	o.FS, o.Dir = fs, "commitlog"
	o.Log = discard
	l, err := Open(o)
	require.NoError(t, err)
	for i := range files {
		base := message.LogOffset(i * size)
		require.NoError(t, l.Prepare(base))
		f := l.fileAt(base)
		_, err := f.f.WriteAt(pattern(base, size), 0)
		require.NoError(t, err)
		l.written.Store(int64(base) + o.FileSize)
		l.durable.Store(int64(base) + o.FileSize)
	}
	return l
}

func pattern(off message.LogOffset, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		at := uint64(off) + uint64(i)
		b[i] = byte(at ^ at>>8 ^ at>>16)
	}
	return b
}

// fetched reads ranges and waits for them.
func fetched(l *Log, ranges ...Range) []Span {
	done := make(chan struct{})
	ft := l.NewFetch()
	ft.Start(ranges, func() { close(done) })
	<-done
	return ft.Spans(nil)
}

// TestFetch: sparse ranges are read by themselves, dense ones in blocks, and who reads on finds the next block there.
func TestFetch(t *testing.T) {
	for name, open := range map[string]func() mapfile.FS{
		"mem": func() mapfile.FS { return mapfile.NewMem() },
		"dir": func() mapfile.FS {
			fs, err := mapfile.OpenDir(t.TempDir())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, fs.Close()) })
			return fs
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := coldLog(t, open(), 2, Options{})
			defer func() { require.NoError(t, l.Close()) }()

			sparse := []Range{{100, 1000}, {5000, 200}, {1 << 20, 3000}, {4<<20 - 100, 100}, {4 << 20, 70000}}
			spans := fetched(l, sparse...)
			require.Len(t, spans, 4, "neighbours are read at once")
			for _, r := range sparse {
				found := false
				for i := range spans {
					if s := &spans[i]; s.Holds(r.Off, r.Size) {
						require.Equal(t, pattern(r.Off, r.Size), s.Bytes(r.Off, r.Size))
						require.True(t, s.Resident(r.Off, r.Size))
						found = true
					}
				}
				require.True(t, found, "%v", r)
				none := l.Cached(r.Off, r.Size)
				require.True(t, none.Empty())
			}
			for i := range spans {
				spans[i].Unpin()
			}
			require.Zero(t, l.blocks.count.Load())

			require.Empty(t, fetched(l, Range{0, 50000}, Range{50000, 50000}, Range{100000, 50000}))
			s := l.Cached(100, 1000)
			require.Equal(t, pattern(100, 1000), s.Bytes(100, 1000))
			require.EqualValues(t, 1, l.blocks.count.Load())
			s.Unpin()
			s = l.Cached(readBlock-10, 1000)
			require.Equal(t, pattern(readBlock-10, 1000), s.Bytes(readBlock-10, 1000), "overlap")
			s.Unpin()
			settle(l)
			s = l.Cached(readBlock+5000, 100)
			require.Equal(t, pattern(readBlock+5000, 100), s.Bytes(readBlock+5000, 100), "read ahead")
			s.Unpin()
			s = l.Cached(readBlock-10, blockOverlap+11)
			require.True(t, s.Empty(), "longer than the overlap")
			// A range alone counts as one that reads on where the block before is there.
			require.Empty(t, fetched(l, Range{2*readBlock + 100, 100}))
			settle(l)
			for range keptAges {
				require.NotZero(t, l.blocks.count.Load())
				l.Forget()
			}
			require.Zero(t, l.blocks.count.Load(), "not used for a while")
		})
	}
}

// settle waits until nothing is being read.
func settle(l *Log) {
	bs := &l.blocks
	for {
		bs.mu.Lock()
		var wait chan struct{}
		for _, b := range bs.byBase {
			if !b.ready {
				wait = make(chan struct{})
				b.then = append(b.then, func() { close(wait) })
				break
			}
		}
		bs.mu.Unlock()
		if wait == nil {
			return
		}
		<-wait
	}
}

// TestReadOn reads a whole log in small steps: only the first has to wait, however small the cache.
func TestReadOn(t *testing.T) {
	fs, err := mapfile.OpenDir(t.TempDir())
	require.NoError(t, err)
	l := coldLog(t, fs, 3, Options{})
	const step = 7000
	waited := 0
	for off := message.LogOffset(0); off < l.Written(); off += step {
		n := int(min(step, l.Written()-off))
		if f := l.fileAt(off); !f.holds(off, n) {
			n = int(f.end() - off)
		}
		settle(l)
		s := l.Cached(off, n)
		if s.Empty() {
			waited++
			if spans := fetched(l, Range{off, n / 3}, Range{off + step/3, n / 3}, Range{off + 2*step/3, n / 3}); len(spans) > 0 {
				s = spans[0]
			} else {
				s = l.Cached(off, n)
			}
		}
		require.True(t, bytes.Equal(pattern(off, n), s.Bytes(off, n)), "at %d", off)
		s.Unpin()
		require.LessOrEqual(t, int(l.blocks.count.Load()), l.blocks.limit)
	}
	require.LessOrEqual(t, waited, 3, "at the beginning and at most where files meet")
	require.NoError(t, l.Close())
	require.NoError(t, fs.Close())
}

// TestReadAhead: the longer somebody reads on, the more is there before it comes to it, also in the next file, and in files that
// are no whole number of blocks; who reads a single block has at most one read for nothing.
func TestReadAhead(t *testing.T) {
	const size = 5*readBlock + 100_000
	l := coldLog(t, mapfile.NewMem(), 4, Options{FileSize: size, ColdBytes: 64 << 20})
	there := func() int { return int(l.blocks.count.Load()) }
	require.Empty(t, fetched(l, Range{0, 300}, Range{300, 300}, Range{600, 300}))
	require.Equal(t, 1, there())
	touch := func(off message.LogOffset) {
		s := l.Cached(off, 100)
		require.Equal(t, pattern(off, 100), s.Bytes(off, 100), "at %d", off)
		s.Unpin()
	}
	touch(readBlock/2 - 1)
	require.Equal(t, 1, there(), "may be all that is wanted")
	for i, want := range []int{2, 4, 6, 8, 9, 10, 11} { // 6 blocks a file, the last of which is short
		off := message.LogOffset(i/6*size + i%6*readBlock)
		if i == 0 {
			off += readBlock / 2
		}
		touch(off)
		require.Equal(t, want, there(), "at block %d", i)
		touch(off + 1000)
		require.Equal(t, want, there(), "once for each block")
	}
	require.NoError(t, l.Close())
}

// TestReadersDoNotEvictEachOther: what was read ahead of a reader and not used yet is younger than what others are done with.
func TestReadersDoNotEvictEachOther(t *testing.T) {
	const limit = 2 * 2 * (1 + maxAhead) // what a reader has done with is younger than what it comes to last
	l := coldLog(t, mapfile.NewMem(), 8, Options{ColdBytes: limit * (readBlock + blockOverlap)})
	waited := 0
	for at := message.LogOffset(0); at < 12<<20; at += readBlock / 4 {
		for _, off := range []message.LogOffset{at, at + 16<<20} { // two readers
			s := l.Cached(off, 300)
			if s.Empty() {
				waited++
				require.Empty(t, fetched(l, Range{off, 100}, Range{off + 100, 100}, Range{off + 200, 100}))
			}
			s.Unpin()
			require.LessOrEqual(t, int(l.blocks.count.Load()), limit)
		}
	}
	require.Equal(t, 2, waited, "at the beginning")
	require.NoError(t, l.Close())
}

// TestFetchAtTheEnd: a block that was read while the log was shorter is read again.
func TestFetchAtTheEnd(t *testing.T) {
	l := coldLog(t, mapfile.NewMem(), 1, Options{})
	l.written.Store(readBlock + 1000)
	dense := []Range{{readBlock, 300}, {readBlock + 300, 300}, {readBlock + 600, 300}}
	require.Empty(t, fetched(l, dense...))
	old := l.Cached(readBlock, 900)
	require.False(t, old.Empty())
	none := l.Cached(readBlock+900, 200)
	require.True(t, none.Empty())
	l.written.Store(4 << 20)
	dense[2].Size = 5000
	require.Empty(t, fetched(l, dense...))
	s := l.Cached(readBlock+600, 5000)
	require.Equal(t, pattern(readBlock+600, 5000), s.Bytes(readBlock+600, 5000))
	require.Equal(t, pattern(readBlock, 900), old.Bytes(readBlock, 900), "still its reader's")
	old.Unpin()
	s.Unpin()
	require.EqualValues(t, 1, l.blocks.count.Load())
	require.NoError(t, l.Close())
}

// TestFetchFaults: what the device does not give is not there, and its memory and place are free again.
func TestFetchFaults(t *testing.T) {
	mem := mapfile.NewMem()
	l := coldLog(t, mem, 1, Options{})
	broken := errors.New("broken")
	mem.FaultReads, mem.Fault = true, func(op mapfile.Op) error {
		if op.Kind == mapfile.OpRead {
			return broken
		}
		return nil
	}
	require.Empty(t, fetched(l, Range{0, 50000}, Range{50000, 50000}, Range{100000, 50000}))
	require.Empty(t, fetched(l, Range{0, 100}, Range{1 << 20, 100}))
	require.Zero(t, l.blocks.count.Load())
	require.Zero(t, l.blocks.reading)
	_, err := l.Load(100, 100)
	require.ErrorIs(t, err, broken)
	mem.Fault = nil
	s, err := l.Load(100, 100)
	require.NoError(t, err)
	require.Equal(t, pattern(100, 100), s.Bytes(100, 100))
	s.Unpin()
	require.Empty(t, fetched(l, Range{1 << 40, 100}), "not in the log")
	require.NoError(t, l.Close())
}

// TestViewsAreBounded: readers all over a log of 64 GiB have little of it mapped, and the page tables
// that go with it, of which 128 MiB would be needed otherwise, stay small.
func TestViewsAreBounded(t *testing.T) {
	fs, err := mapfile.OpenDir(t.TempDir())
	require.NoError(t, err)
	const size, files = 1 << 30, 64
	l, err := Open(Options{FS: fs, Dir: "commitlog", FileSize: size, Log: discard, MapBytes: 128 << 20})
	require.NoError(t, err)
	for i := range files {
		f, err := fs.Create(l.name(message.LogOffset(i * size)))
		require.NoError(t, err)
		require.NoError(t, f.Truncate(size)) // sparse
		l.add(newFile(f, message.LogOffset(i*size), size))
	}
	before := pageTables(t)
	random := rand.New(rand.NewPCG(1, 2))
	var pinned []Span
	touch := func(off message.LogOffset, n int) {
		s, err := l.Pin(off, n)
		require.NoError(t, err)
		if s.Empty() {
			require.False(t, l.fileAt(off).holds(off, n))
			return
		}
		require.True(t, s.Holds(off, n))
		require.Zero(t, s.Bytes(off, n)[n-1])
		require.LessOrEqual(t, l.MappedBytes(), int64(128<<20))
		if pinned = append(pinned, s); len(pinned) > 8 {
			pinned[0].Unpin()
			pinned = pinned[1:]
		}
	}
	for off := message.LogOffset(0); off < files*size; off += 2 << 20 { // one page table each
		touch(off, 100)
		touch(message.LogOffset(random.Int64N(files*size)), 1+random.IntN(2<<20))
	}
	require.Less(t, pageTables(t)-before, 4<<20)
	for i := range pinned {
		pinned[i].Unpin()
	}
	require.NoError(t, l.Close())
	require.Zero(t, l.MappedBytes())
	require.NoError(t, fs.Close())
}

// pageTables is the memory of this process's page tables in bytes.
func pageTables(t *testing.T) int {
	status, err := os.ReadFile("/proc/self/status")
	require.NoError(t, err)
	var kib int
	_, rest, _ := strings.Cut(string(status), "VmPTE:")
	_, err = fmt.Sscanf(rest, "%d kB", &kib)
	require.NoError(t, err)
	return kib << 10
}

// TestResident: the kernel is asked once for a chunk, and again after Forget.
func TestResident(t *testing.T) {
	mem := mapfile.NewMem()
	l := coldLog(t, mem, 1, Options{})
	s, err := l.Pin(100, 100)
	require.NoError(t, err)
	mem.Cold.Store(true)
	require.False(t, s.Resident(100, 100))
	mem.Cold.Store(false)
	require.True(t, s.Resident(100, chunkBytes))
	mem.Cold.Store(true)
	require.True(t, s.Resident(200, chunkBytes), "known")
	require.False(t, s.Resident(3*chunkBytes, 100))
	l.Forget()
	require.False(t, s.Resident(100, 100))
	s.Unpin()
	require.NoError(t, l.Close())
}

func TestPinDoesNotAllocate(t *testing.T) {
	l := coldLog(t, mapfile.NewMem(), 1, Options{})
	require.Empty(t, fetched(l, Range{0, 50000}, Range{50000, 50000}, Range{100000, 50000}))
	require.Zero(t, testing.AllocsPerRun(100, func() {
		s, _ := l.Pin(100, 1000)
		s.Resident(100, 1000)
		s.Unpin()
		s = l.Cached(100, 1000)
		s.Unpin()
	}))
	require.NoError(t, l.Close())
}

// TestReadersShareBlocks: readers that go through more of the log than the cache holds, beside each other, see what is
// there, whatever is evicted meanwhile.
func TestReadersShareBlocks(t *testing.T) {
	fs, err := mapfile.OpenDir(t.TempDir())
	require.NoError(t, err)
	l := coldLog(t, fs, 2, Options{})
	var readers sync.WaitGroup
	for reader := range 4 {
		readers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(reader), 1))
			for range 300 {
				off := message.LogOffset(random.Int64N(8<<20 - 20000))
				ranges := []Range{{off, 1000}, {off + 1000, 1000}, {off + 2000, 1000}}
				spans := fetched(l, ranges...)
				s := l.Cached(off+1000, 1000)
				if !s.Empty() && !bytes.Equal(pattern(off+1000, 1000), s.Bytes(off+1000, 1000)) {
					t.Errorf("at %d", off+1000)
				}
				s.Unpin()
				for i := range spans {
					spans[i].Unpin()
				}
			}
		})
	}
	readers.Wait()
	settle(l)
	require.Zero(t, l.blocks.reading)
	for _, b := range l.blocks.byBase {
		require.Zero(t, b.pins)
	}
	require.NoError(t, l.Close())
	require.NoError(t, fs.Close())
}

// TestCloseEndsFetches: those in flight finish, the others fail, and all are told.
func TestCloseEndsFetches(t *testing.T) {
	fs, err := mapfile.OpenDir(t.TempDir())
	require.NoError(t, err)
	l := coldLog(t, fs, 2, Options{})
	var told sync.WaitGroup
	start := func() {
		for i := range message.LogOffset(50) {
			told.Add(1)
			ft := l.NewFetch()
			ft.Start([]Range{{i * 100_000, 100}}, func() { told.Done() })
		}
	}
	start()
	l.blocks.close()
	start()
	told.Wait()
	require.Zero(t, l.blocks.reading)
	require.Empty(t, l.blocks.queue)
	require.NoError(t, l.Close())
	require.NoError(t, fs.Close())
}

// TestRecent: what another process has written may long have left the memory; who touched it as if it had not would wait for the device
// at each record.
func TestRecent(t *testing.T) {
	l := newTest(t)
	before := l.add(500).LogOffset
	l.write()
	require.True(t, l.Recent(before))
	require.NoError(t, l.Close())
	again := openTest(t, l.mem)
	again.resume()
	require.False(t, again.Recent(before))
	after := again.add(500).LogOffset
	again.write()
	require.False(t, again.Recent(before))
	require.True(t, again.Recent(after))
}
