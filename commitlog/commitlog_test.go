package commitlog

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

const testFileSize = 4096

// testLog is a log over a memory twin, with one batch to stage into.
type testLog struct {
	*Log
	t      *testing.T
	mem    *mapfile.Mem
	stager *Stager
	n      int
}

func openTest(t *testing.T, mem *mapfile.Mem) *testLog {
	t.Helper()
	l, err := Open(Options{FS: mem, Dir: "commitlog", FileSize: testFileSize, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return &testLog{Log: l, t: t, mem: mem}
}

// newTest is a fresh log, ready to be appended to.
func newTest(t *testing.T) *testLog {
	l := openTest(t, mapfile.NewMem())
	l.resume()
	return l
}

func (l *testLog) resume() {
	l.t.Helper()
	r, err := l.Scan(l.Min(), l.Written(), &visitor{})
	require.NoError(l.t, err)
	require.NoError(l.t, l.Resume(0, r.End))
	l.stager, err = NewStager(l.Log, NewBatch(64<<10))
	require.NoError(l.t, err)
}

// add stages a record of a given size, preparing files on the way.
func (l *testLog) add(size int) *message.Record {
	l.t.Helper()
	l.n++
	r := &message.Record{
		Topic: []byte("T"), QueueOffset: message.QueueOffset(l.n), StoreTimestamp: int64(l.n),
		BornHost: netip.MustParseAddrPort("127.0.0.1:1"), StoreHost: netip.MustParseAddrPort("127.0.0.1:2"),
	}
	r.Body = []byte(strings.Repeat(string(rune('a'+l.n%26)), size-message.MinSize))
	for {
		err := l.stager.Reserve(size)
		if errors.Is(err, ErrNoFile) {
			require.NoError(l.t, l.Prepare(l.stager.Wants()))
			continue
		}
		require.NoError(l.t, err)
		break
	}
	l.stager.Put(r, size, message.BodyCRC(r.Body))
	return r
}

func (l *testLog) write() {
	l.t.Helper()
	require.NoError(l.t, l.Write(l.stager.Batch(), false))
	l.stager.Batch().Reset()
}

// file is the content of the file that begins at base.
func (l *testLog) file(base message.LogOffset) []byte {
	l.t.Helper()
	f, err := l.mem.Open("commitlog/" + fileName(base))
	require.NoError(l.t, err)
	b := make([]byte, f.Size())
	_, err = f.ReadAt(b, 0)
	require.NoError(l.t, err)
	return b
}

// spoil changes one byte.
func (l *testLog) spoil(off message.LogOffset, c byte) {
	l.t.Helper()
	f, err := l.mem.Open("commitlog/" + fileName(l.baseOf(off)))
	require.NoError(l.t, err)
	_, err = f.WriteAt([]byte{c}, int64(off-l.baseOf(off)))
	require.NoError(l.t, err)
}

// visitor notes what a scan finds, a word each.
type visitor struct {
	found   []string
	records []message.LogOffset
	damage  []*CorruptError
}

func (v *visitor) Record(raw []byte, r *message.Record) error {
	if len(raw) != r.Size() {
		return fmt.Errorf("%d bytes for a record of %d", len(raw), r.Size())
	}
	v.records = append(v.records, r.LogOffset)
	v.found = append(v.found, fmt.Sprint(r.QueueOffset))
	return nil
}

func (v *visitor) Damage(e *CorruptError, r *message.Record) error {
	word := fmt.Sprintf("damage(%d+%d)", e.Offset, e.Length)
	if r != nil {
		word = fmt.Sprintf("damage(%d+%d of %d)", e.Offset, e.Length, r.QueueOffset)
	}
	v.found = append(v.found, word)
	v.damage = append(v.damage, e)
	return nil
}

func (l *testLog) scan(from message.LogOffset) (string, ScanResult) {
	l.t.Helper()
	v := &visitor{}
	r, err := l.Scan(from, math.MaxInt64, v)
	require.NoError(l.t, err)
	piped := &visitor{}
	same, err := l.scanPiped(from, math.MaxInt64, piped)
	require.NoError(l.t, err)
	require.Equal(l.t, v, piped)
	require.Equal(l.t, r, same)
	return strings.Join(v.found, " "), r
}

// TestFileEnd checks the bytes at a file's end: a record goes to the next file unless 8 bytes stay free.
func TestFileEnd(t *testing.T) {
	for _, c := range []struct {
		last    int // size of the record that may be the file's last
		stays   bool
		free    int // after the first record, and the last if it stays
		comment string
	}{
		{1096, true, 2000, "fits easily"},
		{3088, true, 8, "leaves just 8 bytes"},
		{3089, false, 3096, "would leave 7"},
		{3096, false, 3096, "would leave none"},
	} {
		l := newTest(t)
		l.add(1000)
		last := l.add(c.last)
		after := l.add(2500)
		l.write()
		want := message.LogOffset(1000)
		if !c.stays {
			want = testFileSize
		}
		require.Equal(t, want, last.LogOffset, c.comment)
		if c.stays {
			require.EqualValues(t, testFileSize, after.LogOffset, c.comment)
		}
		end := testFileSize - c.free
		b := l.file(0)
		require.EqualValues(t, c.free, binary.BigEndian.Uint32(b[end:]), c.comment)
		require.EqualValues(t, message.BlankMagic, binary.BigEndian.Uint32(b[end+4:]), c.comment)
		require.True(t, isZero(b[end+8:]), "%s: the rest is left as it was", c.comment)
		require.Len(t, b, testFileSize)
		found, r := l.scan(0)
		require.Equal(t, "1 2 3", found)
		require.Nil(t, r.Torn)
		require.Equal(t, l.Written(), r.End)
	}
}

func TestReserveRefuses(t *testing.T) {
	l := newTest(t)
	require.ErrorIs(t, l.stager.Reserve(testFileSize-7), ErrTooLarge)
	require.ErrorIs(t, l.stager.Reserve(100), ErrNoFile)
	require.Zero(t, l.stager.Wants())
	require.NoError(t, l.Prepare(0))
	require.NoError(t, l.stager.Reserve(testFileSize-8))
	var err error
	l.stager, err = NewStager(l.Log, NewBatch(1000))
	require.NoError(t, err)
	require.ErrorIs(t, l.stager.Reserve(993), ErrTooLarge)
	l.add(900)
	require.ErrorIs(t, l.stager.Reserve(101), ErrBatchFull)
	old := l.stager.Swap(NewBatch(8000))
	require.Equal(t, message.LogOffset(900), old.End())
	require.NoError(t, l.stager.Reserve(101))
	l.add(3000)
	require.ErrorIs(t, l.stager.Reserve(300), ErrNoFile)
	require.EqualValues(t, testFileSize, l.stager.Wants())
	require.Equal(t, 3000, l.stager.Batch().Len(), "nothing is staged, the blank neither")
}

func TestScanFromTheMiddle(t *testing.T) {
	l := newTest(t)
	for range 10 {
		l.add(700)
	}
	l.write()
	found, r := l.scan(testFileSize)
	require.Equal(t, "6 7 8 9 10", found)
	require.EqualValues(t, 5, r.Records)
	found, _ = l.scan(700)
	require.Equal(t, "2 3 4 5 6 7 8 9 10", found)
	found, _ = l.scan(r.End)
	require.Empty(t, found)
}

// TestResume continues behind a torn write; what it has left can never come back.
func TestResume(t *testing.T) {
	l := newTest(t)
	l.add(500)
	torn := l.add(900)
	l.add(3000)
	l.add(200)
	l.write()
	l.spoil(torn.LogOffset+100, 0)
	l.spoil(testFileSize+200, 0)
	l.spoil(testFileSize+3100, 0)
	l.spoil(testFileSize+3104, 0)
	found, r := l.scan(0)
	require.Equal(t, "1", found)
	require.NotNil(t, r.Torn)
	require.NoError(t, l.Resume(0, r.End))
	require.True(t, isZero(l.file(0)[500:]))
	require.True(t, isZero(l.file(testFileSize)))
	require.EqualValues(t, 500, l.Written())
	require.Zero(t, l.Durable())
	require.NoError(t, l.Sync())
	require.EqualValues(t, 500, l.Durable())
	l.resume()
	l.n = 1
	l.add(100)
	l.write()
	found, r = l.scan(0)
	require.Equal(t, "1 2", found)
	require.Nil(t, r.Torn)
}

func TestFilesThatDoNotFit(t *testing.T) {
	mem := mapfile.NewMem()
	require.NoError(t, mem.MkdirAll("commitlog"))
	make := func(name string, size int64) {
		f, err := mem.Create("commitlog/" + name)
		require.NoError(t, err)
		require.NoError(t, f.Truncate(size))
	}
	open := func() error {
		_, err := Open(Options{FS: mem, Dir: "commitlog", FileSize: testFileSize, Log: slog.New(slog.DiscardHandler)})
		return err
	}
	make("readme.txt", 7)
	make(fileName(0), testFileSize)
	make(fileName(testFileSize), 0)   // never begun
	make(fileName(2*testFileSize), 0) // Java makes two ahead
	require.NoError(t, open())
	for _, n := range []message.LogOffset{testFileSize, 2 * testFileSize} {
		_, err := mem.Stat("commitlog/" + fileName(n))
		require.ErrorIs(t, err, fs.ErrNotExist, "no Java broker starts with a file without length")
	}
	make(fileName(testFileSize), 0)
	make(fileName(2*testFileSize), testFileSize)
	var missing *MissingError
	require.ErrorAs(t, open(), &missing, "a file without length, but one behind it")
	require.NoError(t, mem.Remove("commitlog/"+fileName(testFileSize)))
	require.ErrorAs(t, open(), &missing)
	require.Contains(t, missing.Error(), fileName(testFileSize))

	make(fileName(testFileSize), testFileSize-1)
	var length *LengthError
	require.ErrorAs(t, open(), &length)
	require.Equal(t, &LengthError{Path: "mem/commitlog/" + fileName(testFileSize), Want: testFileSize, Got: testFileSize - 1}, length)
	require.Contains(t, length.Error(), "mappedFileSizeCommitLog")
	entries, err := mem.ReadDir("commitlog")
	require.NoError(t, err)
	require.Len(t, entries, 4, "nothing is deleted")
}

// TestDiskFull refuses the next file and continues when there is room; nothing written is lost.
func TestDiskFull(t *testing.T) {
	l := newTest(t)
	l.add(4000)
	l.write()
	l.mem.Capacity = 2*testFileSize - 1
	require.ErrorIs(t, l.stager.Reserve(4000), ErrNoFile)
	err := l.Prepare(l.stager.Wants())
	var space *SpaceError
	require.ErrorAs(t, err, &space)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Equal(t, 1, l.Files())
	_, err = l.mem.Stat("commitlog/" + fileName(testFileSize))
	require.Error(t, err, "no half file is left")
	require.NoError(t, l.Failure())
	l.mem.Capacity = 0
	l.add(4000)
	l.write()
	found, _ := l.scan(0)
	require.Equal(t, "1 2", found)
}

// TestFailureIsFinal: after a failed write or sync nothing is written or synced any more.
func TestFailureIsFinal(t *testing.T) {
	broken := errors.New("broken")
	for _, kind := range []mapfile.OpKind{mapfile.OpWrite, mapfile.OpSync} {
		l := newTest(t)
		l.add(100)
		l.write()
		l.mem.Fault = func(op mapfile.Op) error {
			if op.Kind == kind {
				return broken
			}
			return nil
		}
		l.add(100)
		err := errors.Join(l.Write(l.stager.Batch(), false), l.Sync())
		require.ErrorIs(t, err, broken)
		l.mem.Fault = nil
		before := l.mem.Ops()
		require.ErrorIs(t, l.Write(l.stager.Batch(), true), broken)
		require.ErrorIs(t, l.Sync(), broken)
		require.ErrorIs(t, l.Prepare(testFileSize), broken)
		require.Equal(t, before, l.mem.Ops(), "the disk is not touched any more")
		require.Zero(t, l.Durable())
		var failed *FailedError
		require.ErrorAs(t, l.Failure(), &failed)
	}
}

// TestPinOutlivesRetention keeps a file's bytes readable after the log has dropped it.
func TestPinOutlivesRetention(t *testing.T) {
	l := newTest(t)
	for range 4 {
		l.add(3000)
	}
	l.write()
	always := func(time.Time) bool { return true }
	removed, err := l.RemoveFirst(time.Time{}, always)
	require.NoError(t, err)
	require.False(t, removed, "it is not on the device yet")
	require.NoError(t, l.Sync())
	f, err := l.Pin(10, 100)
	require.NoError(t, err)
	require.True(t, f.Holds(0, testFileSize))
	require.False(t, f.Holds(1, testFileSize))
	removed, err = l.RemoveFirst(time.Time{}, func(time.Time) bool { return false })
	require.NoError(t, err)
	require.False(t, removed)
	for want := range 3 {
		require.EqualValues(t, want*testFileSize, l.Min())
		removed, err = l.RemoveFirst(time.Time{}, always)
		require.NoError(t, err)
		require.True(t, removed)
	}
	removed, err = l.RemoveFirst(time.Time{}, always)
	require.NoError(t, err)
	require.False(t, removed, "the file being written stays")
	require.Equal(t, message.Magic, binary.BigEndian.Uint32(f.Bytes(4, 4)))
	f.Unpin()
	f, err = l.Pin(10, 100)
	require.NoError(t, err)
	require.True(t, f.Empty())
	require.Zero(t, l.MappedBytes())
	_, err = l.ReadRecord(10)
	require.ErrorIs(t, err, ErrOutOfRange)
}

func TestReadRecord(t *testing.T) {
	l := newTest(t)
	l.add(500)
	r := l.add(700)
	l.write()
	b, err := l.ReadRecord(r.LogOffset)
	require.NoError(t, err)
	require.Len(t, b, 700)
	for off, want := range map[message.LogOffset]string{1: "MAGIC", 1200: "offset outside", -1: "offset outside", 1 << 40: "offset outside"} {
		_, err := l.ReadRecord(off)
		require.ErrorContains(t, err, want, "%d", off)
	}
	l.add(3000)
	l.write()
	_, err = l.ReadRecord(1200)
	require.ErrorIs(t, err, message.ErrBlank)
}
