package consumequeue

import (
	"fmt"
	iofs "io/fs"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// testFileSize makes files of 10 entries.
const testFileSize = 10 * EntrySize

func openTable(t testing.TB, o Options) *Table {
	t.Helper()
	if o.FileSize == 0 {
		o.FileSize = testFileSize
	}
	table, err := Open(o)
	require.NoError(t, err)
	return table
}

// nth is the entry of the record number n of a log of records of 100 bytes.
func nth(n int) Entry {
	return Entry{LogOffset: message.LogOffset(n * 100), Size: 100, TagsCode: int64(n) * 7}
}

// fill puts records first to last-1 at offsets of the same numbers.
func fill(t testing.TB, q *Queue, first, last int) {
	t.Helper()
	for n := first; n < last; n++ {
		require.NoError(t, q.Put(message.QueueOffset(n), nth(n)))
	}
}

func requireMissing(t testing.TB, fs mapfile.FS, name string) {
	t.Helper()
	_, err := fs.Stat(name)
	require.ErrorIs(t, err, iofs.ErrNotExist)
}

// requireEntries compares everything between first and last-1 with what fill put.
func requireEntries(t testing.TB, q *Queue, first, last int) {
	t.Helper()
	require.EqualValues(t, first, q.Min())
	require.EqualValues(t, last, q.Max())
	got := make([]Entry, last-first+5)
	n, err := q.Read(q.Min(), got)
	require.NoError(t, err)
	require.Equal(t, last-first, n)
	for i, e := range got[:n] {
		require.Equal(t, nth(first+i), e, "offset %d", first+i)
	}
}

func TestPut(t *testing.T) {
	table := openTable(t, Options{FS: mapfile.NewMem()})
	q := table.Queue([]byte("T"), 0)
	require.ErrorIs(t, q.Put(0, Entry{}), ErrEntry)
	require.ErrorIs(t, q.Put(-1, nth(1)), ErrEntry)
	fill(t, q, 0, 3)
	require.NoError(t, q.Put(1, Entry{LogOffset: 5, Size: 5}), "below Max: changes nothing")
	require.ErrorIs(t, q.Put(4, nth(4)), ErrGap)
	requireEntries(t, q, 0, 3)
	require.EqualValues(t, 300, table.MaxLogOffset())

	late := table.Queue([]byte("T"), 1)
	fill(t, late, 25, 28)
	require.ErrorIs(t, late.Put(29, nth(29)), ErrGap)
	requireEntries(t, late, 25, 28)
	require.NoError(t, table.Flush())
	requireEntries(t, late, 25, 28)
	n, err := late.Read(24, make([]Entry, 1))
	require.NoError(t, err)
	require.Zero(t, n, "below Min")
	n, err = late.Read(28, make([]Entry, 1))
	require.NoError(t, err)
	require.Zero(t, n, "at Max")
	require.NoError(t, table.Close())
}

func TestQueueNames(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs})
	for _, bad := range []string{"", ".", "..", "a/b", "../x", "a\x00b", strings.Repeat("x", 256)} {
		require.Nil(t, table.Queue([]byte(bad), 0), "%q", bad)
	}
	require.Nil(t, table.Queue([]byte("T"), -1))
	names := []string{"%RETRY%group", "a b", "中文", "...", "T"}
	for _, name := range names {
		for _, id := range []int32{7, 0, 1<<31 - 1, 2} {
			q := table.Queue([]byte(name), id)
			require.Same(t, q, table.Queue([]byte(name), id))
			require.Same(t, q, table.Lookup([]byte(name), id))
			require.Equal(t, name, q.Topic())
			require.Equal(t, id, q.ID())
			fill(t, q, 0, 1)
		}
		require.Nil(t, table.Lookup([]byte(name), 1))
	}
	require.NoError(t, table.Close())
	// Folders that are no queues are left alone.
	for _, foreign := range []string{"T/x", "T/-1", "T/+1", "T/007", "T/99999999999"} {
		require.NoError(t, fs.MkdirAll(path.Join(DefaultDir, foreign)))
	}
	table = openTable(t, Options{FS: fs})
	require.Len(t, table.All(), 4*len(names))
	for _, q := range table.All() {
		requireEntries(t, q, 0, 1)
	}
	require.NoError(t, table.Close())
}

func TestNoFilesBeforeFlush(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs})
	q := table.Queue([]byte("T"), 0)
	fill(t, q, 0, 1000)
	requireMissing(t, fs, DefaultDir)
	select {
	case <-table.Due():
	default:
		t.Fatal("a full tail without a file must ask for Flush")
	}
	requireEntries(t, q, 0, 1000)
	require.NoError(t, table.Flush())
	requireEntries(t, q, 0, 1000)
	_, err := fs.Stat(path.Join(DefaultDir, "T/0", fmt.Sprintf("%020d", 99*testFileSize)))
	require.NoError(t, err)
	require.NoError(t, table.Close())
}

// TestTail follows the memory of a queue's tail through its life.
func TestTail(t *testing.T) {
	table := openTable(t, Options{FS: mapfile.NewMem(), FileSize: 1000 * EntrySize})
	q := table.Queue([]byte("T"), 0)
	capacity := func() int { return cap(q.tail) }
	fill(t, q, 0, 1)
	require.Equal(t, tailFirst, capacity())
	fill(t, q, 1, 9)
	require.Equal(t, tailNext, capacity())
	fill(t, q, 9, 33)
	require.Equal(t, tailFull, capacity())
	fill(t, q, 33, 300)
	require.Greater(t, capacity(), tailFull, "no file yet")
	require.NoError(t, table.Flush())
	require.EqualValues(t, 300, q.written)
	require.Empty(t, q.tail)
	due := func() bool {
		select {
		case <-table.Due():
			require.NoError(t, table.FlushDue())
			return true
		default:
			return false
		}
	}
	require.True(t, due(), "it was full before Flush")
	fill(t, q, 300, 300+203)
	require.False(t, due(), "not full")
	fill(t, q, 503, 504)
	require.EqualValues(t, 300, q.written, "Put writes nothing")
	require.True(t, due())
	require.EqualValues(t, 504, q.written)
	require.LessOrEqual(t, capacity(), tailMost)
	fill(t, q, 504, 504+3*tailMost/EntrySize)
	require.Greater(t, capacity(), tailMost)
	require.True(t, due())
	require.Equal(t, tailMost, capacity(), "kept for the next time")
	fill(t, q, 504+3*tailMost/EntrySize, 5410)
	require.NoError(t, table.Flush())
	require.NotZero(t, capacity(), "in use")
	require.NoError(t, table.Flush())
	require.Zero(t, capacity(), "at rest")
	require.Zero(t, table.tailBytes.Load())
	require.Empty(t, table.dirty)
	requireEntries(t, q, 0, 5410)
	fill(t, q, 5410, 5420)
	requireEntries(t, q, 0, 5420)
	require.NoError(t, table.Close())
}

// TestTailsAreBounded: above tailsKept a flush gives back the tails of queues in use, too.
func TestTailsAreBounded(t *testing.T) {
	table := openTable(t, Options{FS: mapfile.NewMem()})
	q := table.Queue([]byte("T"), 0)
	fill(t, q, 0, 9)
	require.NoError(t, table.Flush())
	require.NotZero(t, cap(q.tail))
	table.tailBytes.Add(tailsKept) // as if of others
	fill(t, q, 9, 12)
	require.NoError(t, table.Flush())
	require.Zero(t, cap(q.tail))
	require.Empty(t, table.dirty)
	requireEntries(t, q, 0, 12)
	fill(t, q, 12, 20)
	requireEntries(t, q, 0, 20)
	require.NoError(t, table.Close())
}

// TestQueueIsSmall: three lines of the processor's cache, the first two of which have what a message touches.
func TestQueueIsSmall(t *testing.T) {
	require.EqualValues(t, 192, unsafe.Sizeof(Queue{}))
	require.EqualValues(t, 128, unsafe.Offsetof(Queue{}.io))
}

func TestOpenFilesAreBounded(t *testing.T) {
	table := openTable(t, Options{FS: mapfile.NewMem(), OpenFiles: 3})
	for id := range int32(10) {
		fill(t, table.Queue([]byte("T"), id), 0, 35)
	}
	require.NoError(t, table.Flush())
	require.NoError(t, table.Flush())
	for range 2 {
		for _, q := range table.All() {
			requireEntries(t, q, 0, 35)
		}
		require.LessOrEqual(t, len(table.files.byKey), 3)
	}
	require.NoError(t, table.Close())
	require.Empty(t, table.files.byKey)
}

func TestCorrectMin(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs})
	q := table.Queue([]byte("T"), 0)
	fill(t, q, 0, 37)
	require.NoError(t, table.Flush())
	files := func() []string {
		var names []string
		entries, err := fs.ReadDir(q.dir())
		require.NoError(t, err)
		for _, e := range entries {
			names = append(names, e.Name[len(e.Name)-4:])
		}
		return names
	}
	for _, c := range []struct {
		log   message.LogOffset
		min   int
		files []string
	}{
		{0, 0, []string{"0000", "0200", "0400", "0600"}},
		{550, 6, []string{"0000", "0200", "0400", "0600"}},
		{1000, 10, []string{"0200", "0400", "0600"}},
		{500, 10, []string{"0200", "0400", "0600"}}, // never back
		{3600, 36, []string{"0600"}},
		{9999, 37, []string{"0600"}},
	} {
		require.NoError(t, table.CorrectMin(c.log))
		requireEntries(t, q, c.min, 37)
		require.Equal(t, c.files, files())
	}
	require.NoError(t, table.Close())

	table = openTable(t, Options{FS: fs})
	q = table.Lookup([]byte("T"), 0)
	requireEntries(t, q, 30, 37)
	require.NoError(t, table.CorrectMin(9999))
	requireEntries(t, q, 37, 37)
	fill(t, q, 37, 45)
	requireEntries(t, q, 37, 45)
	require.NoError(t, table.Close())
}

func TestTruncateTo(t *testing.T) {
	for _, flushed := range []bool{false, true} {
		for _, keep := range []int{37, 36, 30, 29, 11, 10, 1, 0} {
			t.Run(fmt.Sprint(flushed, keep), func(t *testing.T) {
				fs := mapfile.NewMem()
				table := openTable(t, Options{FS: fs})
				q := table.Queue([]byte("T"), 0)
				other := table.Queue([]byte("T"), 1)
				fill(t, q, 0, 37)
				fill(t, other, 0, 1)
				if flushed {
					require.NoError(t, table.Flush())
				}
				require.NoError(t, table.TruncateTo(message.LogOffset(keep*100)))
				requireEntries(t, q, 0, keep)
				require.EqualValues(t, keep, q.Next)
				require.EqualValues(t, keep*100, table.MaxLogOffset())
				if keep > 0 {
					requireEntries(t, other, 0, 1)
				}
				require.NoError(t, table.Close())

				table = openTable(t, Options{FS: fs})
				q = table.Queue([]byte("T"), 0)
				requireEntries(t, q, 0, keep)
				fill(t, q, keep, 50)
				requireEntries(t, q, 0, 50)
				require.NoError(t, table.Close())
			})
		}
	}
}

// A queue that has lost all its entries goes on behind those that expired before.
func TestTruncateKeepsThePast(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs})
	q := table.Queue([]byte("T"), 0)
	fill(t, q, 25, 40)
	require.NoError(t, table.Flush())
	require.NoError(t, table.CorrectMin(3500))
	require.NoError(t, table.TruncateTo(3000))
	requireEntries(t, q, 30, 30)
	require.NoError(t, table.Close())
	table = openTable(t, Options{FS: fs})
	q = table.Lookup([]byte("T"), 0)
	requireEntries(t, q, 30, 30)
	fill(t, q, 30, 33)
	require.ErrorIs(t, q.Put(34, nth(34)), ErrGap)
	requireEntries(t, q, 30, 33)
	require.NoError(t, table.Close())
}

// Of a queue that began behind 0 a power cut may leave a file without entries, with some of its
// blanks or none. Its first entry is then put where it belongs all the same.
func TestStartAfterCrash(t *testing.T) {
	for _, first := range []int{12, 25} {
		fs := mapfile.NewMem()
		table := openTable(t, Options{FS: fs})
		fill(t, table.Queue([]byte("T"), 0), 12, 14)
		require.NoError(t, table.Close())
		s := &damage{t: t, fs: fs, perFile: 10}
		for n := 11; n < 14; n++ {
			s.entry(n, Entry{})
		}
		table = openTable(t, Options{FS: fs, Crashed: true})
		q := table.Lookup([]byte("T"), 0)
		requireEntries(t, q, 11, 11)
		fill(t, q, first, 30)
		requireEntries(t, q, first, 30)
		require.NoError(t, table.Close())
		table = openTable(t, Options{FS: fs})
		requireEntries(t, table.Lookup([]byte("T"), 0), first, 30)
		require.NoError(t, table.Close())
	}
}

func TestDeleteTopic(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs})
	q := table.Queue([]byte("T"), 0)
	kept := table.Queue([]byte("K"), 0)
	fill(t, q, 0, 25)
	fill(t, kept, 0, 25)
	require.NoError(t, table.Flush())
	fill(t, q, 25, 30)
	require.NoError(t, table.DeleteTopic("T"))
	require.NoError(t, table.DeleteTopic("none"))
	requireMissing(t, fs, path.Join(DefaultDir, "T"))
	require.ErrorIs(t, q.Put(30, nth(30)), ErrDeleted)
	n, err := q.Read(3, make([]Entry, 3))
	require.NoError(t, err)
	require.Zero(t, n)
	require.Nil(t, table.Lookup([]byte("T"), 0))

	again := table.Queue([]byte("T"), 0)
	require.NotSame(t, q, again)
	fill(t, again, 0, 2)
	require.NoError(t, table.Sync())
	requireEntries(t, again, 0, 2)
	requireEntries(t, kept, 0, 25)
	require.NoError(t, table.Close())
}

// TestSuccessor: a deleted queue's successor takes entries at once, but makes no file among those that are removed.
func TestSuccessor(t *testing.T) {
	for _, ext := range []bool{false, true} {
		fs := mapfile.NewMem()
		o := Options{FS: fs, FileSize: 20 * EntrySize, Ext: ext, ExtFileSize: minExtFile}
		table := openTable(t, o)
		old := table.Queue([]byte("T"), 0)
		fill(t, old, 0, 70)
		require.NoError(t, table.Flush())
		queues := table.QueuesOf("T")
		table.Retire("T", queues)
		require.True(t, old.Deleted())
		require.Nil(t, table.Lookup([]byte("T"), 0))

		next := table.Queue([]byte("T"), 0)
		other := table.Queue([]byte("T"), 5)
		fill(t, next, 0, 250)
		fill(t, other, 0, 3)
		require.ErrorIs(t, old.PutUnit(70, nth(70), &Unit{TagsCode: 1}), ErrDeleted)
		require.NoError(t, table.Flush())
		require.NoError(t, table.FlushDue())
		names, err := fs.ReadDir(path.Join(DefaultDir, "T"))
		require.NoError(t, err)
		require.Len(t, names, 1, "nothing but what is to be removed")
		requireEntries(t, next, 0, 250)

		require.NoError(t, table.Remove("T", queues))
		requireMissing(t, fs, path.Join(DefaultDir, "T"))
		require.NoError(t, table.Close())
		table = openTable(t, o)
		requireEntries(t, table.Lookup([]byte("T"), 0), 0, 250)
		requireEntries(t, table.Lookup([]byte("T"), 5), 0, 3)
		require.NoError(t, table.Close())
	}
}

func TestStale(t *testing.T) {
	fs := mapfile.NewMem()
	table := openTable(t, Options{FS: fs})
	fill(t, table.Queue([]byte("A"), 0), 0, 10)
	fill(t, table.Queue([]byte("A"), 1), 0, 20)
	fill(t, table.Queue([]byte("B"), 0), 0, 10)
	fill(t, table.Queue([]byte("SCHEDULE"), 0), 0, 10)
	table.Queue([]byte("Empty"), 0)
	require.NoError(t, table.Flush())
	for topic, queues := range table.Stale(1500) {
		if topic != "SCHEDULE" {
			table.Retire(topic, queues)
			require.NoError(t, table.Remove(topic, queues))
		}
	}
	var left []string
	for _, q := range table.All() {
		left = append(left, fmt.Sprint(q.Topic(), q.ID()))
	}
	require.Equal(t, []string{"A1", "Empty0", "SCHEDULE0"}, left)
	requireMissing(t, fs, path.Join(DefaultDir, "B"))
	requireMissing(t, fs, path.Join(DefaultDir, "A", "0"))
	require.NoError(t, table.Close())
}

func TestAttachment(t *testing.T) {
	q := openTable(t, Options{FS: mapfile.NewMem()}).Queue([]byte("T"), 0)
	require.Nil(t, q.Attachment())
	q.SetAttachment("waiter")
	require.Equal(t, "waiter", q.Attachment())
	q.SetAttachment(nil)
	require.Nil(t, q.Attachment())
}

func TestOpenRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		size int64
		want string
	}{
		"other size":  {"00000000000000000000", 100, "00000000000000000000 has 100 bytes, but mappedFileSizeConsumeQueue is 200"},
		"other start": {"00000000000000000100", 200, "00000000000000000100 does not start at a multiple"},
		"foreign":     {"notes.txt", 200, "notes.txt is not a consume queue file; move it out"},
		"short name":  {"0", 200, "/0/0 is not a consume queue file"},
	} {
		t.Run(name, func(t *testing.T) {
			fs := mapfile.NewMem()
			require.NoError(t, fs.MkdirAll("consumequeue/T/0"))
			f, err := fs.Create("consumequeue/T/0/" + c.file)
			require.NoError(t, err)
			require.NoError(t, f.Truncate(c.size))
			require.NoError(t, f.Close())
			_, err = Open(Options{FS: fs, FileSize: testFileSize})
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, fs.Path())
		})
	}
	_, err := Open(Options{FS: mapfile.NewMem(), FileSize: -1})
	require.Error(t, err)
}

// TestReadersBesideWriter runs readers while entries are put, written, flushed and expire.
func TestReadersBesideWriter(t *testing.T) {
	const last = 5000
	table := openTable(t, Options{FS: mapfile.NewMem(), FileSize: 100 * EntrySize, OpenFiles: 2})
	q := table.Queue([]byte("T"), 0)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			dst := make([]Entry, 64)
			for at := message.QueueOffset(0); at < last; {
				n, err := q.Read(at, dst)
				require.NoError(t, err)
				for i, e := range dst[:n] {
					require.Equal(t, nth(int(at)+i), e)
				}
				at = max(at+message.QueueOffset(n), q.Min())
			}
		})
	}
	stop := make(chan struct{})
	flusher := make(chan struct{})
	go func() {
		defer close(flusher)
		for {
			select {
			case <-stop:
				return
			case <-table.Due():
			}
			require.NoError(t, table.Flush())
			require.NoError(t, table.CorrectMin(message.LogOffset(max(0, q.Max()-1000)*100)))
		}
	}()
	fill(t, q, 0, last)
	wg.Wait()
	close(stop)
	<-flusher
	require.NoError(t, table.Close())
}

// faulty fails writes, allocations and syncs while told to.
type faulty struct {
	mapfile.FS
	write, sync error
}

type faultyFile struct {
	mapfile.File
	fs *faulty
}

func (fs *faulty) Create(name string) (mapfile.File, error) {
	if fs.write != nil {
		return nil, fs.write
	}
	f, err := fs.FS.Create(name)
	return faultyFile{f, fs}, err
}

func (fs *faulty) Open(name string) (mapfile.File, error) {
	f, err := fs.FS.Open(name)
	return faultyFile{f, fs}, err
}

func (f faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if f.fs.write != nil {
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, f.fs.write
	}
	return f.File.WriteAt(p, off)
}

func (f faultyFile) Sync() error {
	if f.fs.sync != nil {
		return f.fs.sync
	}
	return f.File.Sync()
}

func TestFullDiskHeals(t *testing.T) {
	fs := &faulty{FS: mapfile.NewMem()}
	table := openTable(t, Options{FS: fs, FileSize: 1000 * EntrySize})
	q, fresh := table.Queue([]byte("T"), 0), table.Queue([]byte("T"), 1)
	fill(t, q, 0, 100)
	require.NoError(t, table.Flush())
	fs.write = fmt.Errorf("no space left")
	fill(t, q, 100, 500)
	fill(t, fresh, 0, 500)
	require.ErrorIs(t, table.FlushDue(), fs.write, "the tail was full")
	require.ErrorIs(t, table.Failure(), fs.write)
	<-table.Due()
	fill(t, q, 500, 501)
	require.Empty(t, table.Due(), "only Flush tries again")
	require.ErrorIs(t, table.Flush(), fs.write)
	require.ErrorIs(t, table.Sync(), fs.write)
	requireEntries(t, q, 0, 501)
	requireEntries(t, fresh, 0, 500)
	fs.write = nil
	require.Error(t, table.Failure())
	require.NoError(t, table.Flush())
	require.NoError(t, table.Failure())
	requireEntries(t, q, 0, 501)
	require.NoError(t, table.Close())
	table = openTable(t, Options{FS: fs, FileSize: 1000 * EntrySize})
	requireEntries(t, table.Lookup([]byte("T"), 0), 0, 501)
	requireEntries(t, table.Lookup([]byte("T"), 1), 0, 500)
	require.NoError(t, table.Close())
}

func TestFailedSyncIsFinal(t *testing.T) {
	fs := &faulty{FS: mapfile.NewMem()}
	table := openTable(t, Options{FS: fs})
	fill(t, table.Queue([]byte("T"), 0), 0, 5)
	fs.sync = fmt.Errorf("device error")
	require.ErrorIs(t, table.Sync(), fs.sync)
	cause := fs.sync
	fs.sync = nil
	require.ErrorIs(t, table.Sync(), cause)
	require.ErrorIs(t, table.Close(), cause)
}

func TestDeleteTopicThatFails(t *testing.T) {
	fs := &faulty{FS: mapfile.NewMem(), write: fmt.Errorf("no space left")}
	table := openTable(t, Options{FS: fs})
	fill(t, table.Queue([]byte("T"), 0), 0, 5)
	require.Error(t, table.Flush())
	require.NoError(t, table.DeleteTopic("T"))
	require.NoError(t, table.Failure(), "what is deleted fails no more")
	require.NoError(t, table.Close())
}

// TestTooManyOpenFiles: a sync that cannot open its files is done in another way, once and the next time.
func TestTooManyOpenFiles(t *testing.T) {
	mem := mapfile.NewMem()
	fs := &faulty{FS: mem}
	table := openTable(t, Options{FS: fs})
	q := table.Queue([]byte("T"), 0)
	for n := range 3 {
		fill(t, q, 10*n, 10*n+10)
		fs.sync = nil
		if n != 1 {
			fs.sync = &iofs.PathError{Op: "open", Path: "T", Err: syscall.EMFILE}
		}
		require.NoError(t, table.Sync())
		image := openTable(t, Options{FS: mem.Crash(rand.New(rand.NewPCG(uint64(n), 1)))})
		requireEntries(t, image.Lookup([]byte("T"), 0), 0, 10*n+10)
		require.NoError(t, image.Close())
	}
	fs.sync = nil
	require.NoError(t, table.Close())
}
