package consumequeue

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// testExtSize makes ext files of 65,536 bytes.
const testExtSize = 1 << 16

// nthUnit goes with nth(n): its bits are more and fewer bytes in turn.
func nthUnit(n int) *Unit {
	return &Unit{TagsCode: int64(n) * 7, StoreTime: int64(1000 + n), Bits: bytes.Repeat([]byte{byte(n)}, n*37%1500)}
}

func fillUnits(t testing.TB, q *Queue, first, last int) {
	t.Helper()
	for n := first; n < last; n++ {
		require.NoError(t, q.PutUnit(message.QueueOffset(n), nth(n), nthUnit(n)))
	}
}

// requireUnits compares the units of the entries from first to last-1 with what fillUnits put.
func requireUnits(t testing.TB, q *Queue, first, last int) {
	t.Helper()
	require.EqualValues(t, last, q.Max())
	var r Units
	defer r.Close()
	var e [1]Entry
	for n := first; n < last; n++ {
		_, err := q.Read(message.QueueOffset(n), e[:])
		require.NoError(t, err)
		require.True(t, IsAddress(e[0].TagsCode), "offset %d", n)
		require.Equal(t, nth(n).LogOffset, e[0].LogOffset)
		u, ok := r.Unit(q, e[0].TagsCode, true)
		require.True(t, ok, "offset %d", n)
		want := nthUnit(n)
		require.Equal(t, want.TagsCode, u.TagsCode)
		require.Equal(t, want.StoreTime, u.StoreTime)
		require.True(t, bytes.Equal(want.Bits, u.Bits), "offset %d", n)
	}
}

func TestUnitLayout(t *testing.T) {
	for i, want := range []int{posUnitSize, posUnitCode, posUnitTime, posUnitBitLen} {
		require.Equal(t, want, UnitLayout.Offset(UnitLayout[i].Name))
	}
	require.Equal(t, unitHead, UnitLayout.Size())
	require.Equal(t, []byte{0, 22, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0, 3, 4, 0, 2, 0xAB, 0xCD},
		appendUnit(nil, &Unit{TagsCode: 0x102, StoreTime: 0x304, Bits: []byte{0xAB, 0xCD}}))
	for code, want := range map[int64]bool{math.MinInt64: true, math.MinInt32 - 1: true, math.MinInt32: false, 0: false, math.MaxInt64: false} {
		require.Equal(t, want, IsAddress(code), "%d", code)
	}
}

// TestUnits follows units through their life: memory, files, starts.
func TestUnits(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs, FileSize: 1000 * EntrySize, Ext: true, ExtFileSize: testExtSize}
	table := openTable(t, o)
	q := table.Queue([]byte("T"), 3)
	fillUnits(t, q, 0, 200)
	requireUnits(t, q, 0, 200)
	require.NoError(t, table.Flush())
	requireUnits(t, q, 0, 200)
	fillUnits(t, q, 200, 400)
	requireUnits(t, q, 0, 400)
	require.NoError(t, q.PutUnit(3, nth(3), nthUnit(5)), "below Max: changes nothing")
	require.NoError(t, table.Close())

	for _, crashed := range []bool{false, true} {
		o.Crashed = crashed
		table = openTable(t, o)
		q = table.Queue([]byte("T"), 3)
		at := int(q.Max())
		requireUnits(t, q, 0, at)
		fillUnits(t, q, at, at+100)
		requireUnits(t, q, 0, at+100)
		require.NoError(t, table.Close())
	}
	entries, err := fs.ReadDir(path.Join(DefaultExtDir, "T/3"))
	require.NoError(t, err)
	require.Greater(t, len(entries), 4)
	for i, e := range entries {
		require.Equal(t, fmt.Sprintf("%020d", i*testExtSize), e.Name)
		require.EqualValues(t, testExtSize, e.Size)
	}
}

// TestUnitsWithoutFiles: where the files are gone, or the option is off, entries have no units and that is all.
func TestUnitsWithoutFiles(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs, FileSize: 1000 * EntrySize, Ext: true, ExtFileSize: testExtSize}
	table := openTable(t, o)
	fillUnits(t, table.Queue([]byte("T"), 0), 0, 100)
	require.NoError(t, table.Close())
	without := func(o Options) {
		t.Helper()
		table := openTable(t, o)
		q := table.Queue([]byte("T"), 0)
		var r Units
		var e [1]Entry
		_, err := q.Read(50, e[:])
		require.NoError(t, err)
		_, ok := r.Unit(q, e[0].TagsCode, true)
		require.False(t, ok)
		at := int(q.Max())
		fillUnits(t, q, at, at+10)
		require.NoError(t, table.Flush())
		for n := range 100 {
			_, err := q.Read(message.QueueOffset(n), e[:])
			require.NoError(t, err)
			_, ok = r.Unit(q, e[0].TagsCode, true)
			require.False(t, ok, "offset %d leads to another's unit", n)
		}
		require.NoError(t, table.Close())
	}
	off := o
	off.Ext = false
	without(off)
	table = openTable(t, o)
	q := table.Queue([]byte("T"), 0)
	require.EqualValues(t, 110, q.Max())
	var e [1]Entry
	_, err := q.Read(109, e[:])
	require.NoError(t, err)
	require.Equal(t, nth(109), e[0], "put without a unit")
	fillUnits(t, q, 110, 120)
	require.NoError(t, table.Close())
	require.NoError(t, mapfile.RemoveAll(fs, DefaultExtDir))
	without(o)
}

func TestUnitBounds(t *testing.T) {
	table := openTable(t, Options{FS: mapfile.NewMem(), Ext: true, ExtFileSize: testExtSize})
	q := table.Queue([]byte("T"), 0)
	for n, bits := range []int{maxUnit - unitHead, maxUnit - unitHead, maxUnit - unitHead + 1, 0} {
		require.NoError(t, q.PutUnit(message.QueueOffset(n), nth(n), &Unit{TagsCode: 5, Bits: make([]byte, bits)}))
	}
	var e [4]Entry
	_, err := q.Read(0, e[:])
	require.NoError(t, err)
	require.EqualValues(t, firstAddress, e[0].TagsCode)
	require.EqualValues(t, firstAddress+testExtSize, e[1].TagsCode, "4 bytes must stay free")
	require.Equal(t, nth(2).TagsCode, e[2].TagsCode, "too long")
	require.EqualValues(t, firstAddress+testExtSize+maxUnit, e[3].TagsCode)
	var r Units
	u, ok := r.Unit(q, e[1].TagsCode, false)
	require.True(t, ok)
	require.Len(t, u.Bits, maxUnit-unitHead)
	_, ok = r.Unit(q, e[3].TagsCode+1000, false)
	require.False(t, ok, "nothing stands there")
	q.ext.base = lastAddress - firstAddress - 10
	require.NoError(t, q.PutUnit(4, nth(4), nthUnit(4)))
	_, err = q.Read(4, e[:1])
	require.NoError(t, err)
	require.Equal(t, nth(4), e[0], "no address is left")
	_, err = Open(Options{FS: mapfile.NewMem(), ExtFileSize: 1000})
	require.ErrorContains(t, err, "mappedFileSizeConsumeQueueExt is 1000")
}

// TestUnitsTruncate: units of entries that recovery drops are overwritten, and what stands behind them is zero.
func TestUnitsTruncate(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs, FileSize: 1000 * EntrySize, Ext: true, ExtFileSize: testExtSize}
	table := openTable(t, o)
	q := table.Queue([]byte("T"), 0)
	fillUnits(t, q, 0, 60)
	require.NoError(t, table.Flush())
	require.NoError(t, table.TruncateTo(nth(20).LogOffset))
	requireUnits(t, q, 0, 20)
	end := q.ext.base
	f, err := fs.Open(path.Join(DefaultExtDir, "T/0", table.extName(0)))
	require.NoError(t, err)
	rest := make([]byte, testExtSize-end)
	_, err = f.ReadAt(rest, end)
	require.NoError(t, err)
	require.Zero(t, bytes.Count(rest, []byte{0})-len(rest))
	fillUnits(t, q, 20, 140)
	requireUnits(t, q, 0, 140)
	require.NoError(t, table.Flush())
	require.NoError(t, table.TruncateTo(0))
	require.Zero(t, q.ext.base, "where the first one was")
	entries, err := fs.ReadDir(path.Join(DefaultExtDir, "T/0"))
	require.NoError(t, err)
	require.Empty(t, entries)
	fillUnits(t, q, 0, 140)
	requireUnits(t, q, 0, 140)
	require.NoError(t, table.Close())
}

// TestUnitsExpire: ext files go with the queue's files, and all of them with the topic.
func TestUnitsExpire(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs, FileSize: 100 * EntrySize, Ext: true, ExtFileSize: testExtSize}
	table := openTable(t, o)
	q := table.Queue([]byte("T"), 0)
	fillUnits(t, q, 0, 500)
	require.NoError(t, table.Flush())
	require.NoError(t, table.CorrectMin(nth(350).LogOffset))
	requireUnits(t, q, 350, 500)
	entries, err := fs.ReadDir(path.Join(DefaultExtDir, "T/0"))
	require.NoError(t, err)
	require.NotEqual(t, table.extName(0), entries[0].Name)
	require.NoError(t, table.Close())
	table = openTable(t, o)
	requireUnits(t, table.Queue([]byte("T"), 0), 350, 500)
	require.NoError(t, table.DeleteTopic("T"))
	requireMissing(t, fs, path.Join(DefaultExtDir, "T"))
	fillUnits(t, table.Queue([]byte("T"), 0), 0, 5)
	requireUnits(t, table.Queue([]byte("T"), 0), 0, 5)
	require.NoError(t, table.Close())
}

// TestUnitsPowerCut: after a power cut what entries say of units is either right or known to be lost.
func TestUnitsPowerCut(t *testing.T) {
	for seed := range uint64(30) {
		fs := mapfile.NewMem()
		o := Options{FS: fs, FileSize: 100 * EntrySize, Ext: true, ExtFileSize: testExtSize}
		table := openTable(t, o)
		q := table.Queue([]byte("T"), 0)
		fillUnits(t, q, 0, 100)
		require.NoError(t, table.Sync())
		fillUnits(t, q, 100, 250)
		require.NoError(t, table.Flush())
		o.FS, o.Crashed = fs.Crash(rand.New(rand.NewPCG(seed, 0))), true
		table = openTable(t, o)
		q = table.Queue([]byte("T"), 0)
		require.NoError(t, table.TruncateTo(nth(100).LogOffset))
		requireUnits(t, q, 0, 100)
		fillUnits(t, q, 100, 250)
		requireUnits(t, q, 0, 250)
		require.NoError(t, table.Close())
	}
}

// TestUnitsBeforeEntries: entries wait in memory while their units cannot be written, so that a power cut never leaves
// an entry whose place is given again.
func TestUnitsBeforeEntries(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs, FileSize: 100 * EntrySize, Ext: true, ExtFileSize: testExtSize}
	table := openTable(t, o)
	q := table.Queue([]byte("T"), 0)
	fillUnits(t, q, 0, 10)
	failing := errors.New("no folder")
	fs.Fault = func(op mapfile.Op) error {
		if op.Kind == mapfile.OpMkdir && op.Name == q.extDir() {
			return failing
		}
		return nil
	}
	require.ErrorIs(t, table.Sync(), failing)
	require.ErrorIs(t, table.Failure(), failing)
	requireMissing(t, fs, q.dir())
	requireUnits(t, q, 0, 10)

	fs.Fault = nil
	require.NoError(t, table.Sync())
	o.FS, o.Crashed = fs.Crash(rand.New(rand.NewPCG(1, 0))), true
	table = openTable(t, o)
	requireUnits(t, table.Queue([]byte("T"), 0), 0, 10)
	require.NoError(t, table.Close())
}

// TestUnitFileNeverBegun: no Java broker starts with a file without length, so it goes.
func TestUnitFileNeverBegun(t *testing.T) {
	fs := mapfile.NewMem()
	o := Options{FS: fs, FileSize: 100 * EntrySize, Ext: true, ExtFileSize: testExtSize}
	table := openTable(t, o)
	fillUnits(t, table.Queue([]byte("T"), 0), 0, 10)
	require.NoError(t, table.Close())
	name := path.Join(DefaultExtDir, "T", "0", fmt.Sprintf("%020d", testExtSize))
	f, err := fs.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	table = openTable(t, o)
	requireUnits(t, table.Queue([]byte("T"), 0), 0, 10)
	require.NoError(t, table.Close())
	_, err = fs.Stat(name)
	require.Error(t, err)
}

func FuzzUnit(f *testing.F) {
	f.Add(appendUnit(nil, nthUnit(3)))
	f.Add(appendUnit(nil, &Unit{}))
	f.Add([]byte{0xFF, 0xFF, 0, 0})
	for seed := range UnitLayout.Seeds(appendUnit(nil, nthUnit(3))) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var u Unit
		size, ok := DecodeUnit(b, &u)
		if !ok {
			return
		}
		require.LessOrEqual(t, size, len(b))
		again := appendUnit(nil, &u)
		if size == u.size() {
			require.Equal(t, b[:size], again)
		}
		var v Unit
		_, ok = DecodeUnit(again, &v)
		require.True(t, ok)
		require.Equal(t, u, v)
	})
}

// TestGoldenUnits reads ext files of a Java broker with SQL92 filters, goes on with them, and writes the
// same bytes.
func TestGoldenUnits(t *testing.T) {
	golden := filepath.Join("testdata", "java-4.9.7", "ext")
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS(golden)))
	o := Options{FS: openDir(t, dir), FileSize: goldenFileSize, Ext: true, ExtFileSize: 8192}
	table := openTable(t, o)
	fresh := openTable(t, Options{FS: openDir(t, t.TempDir()), FileSize: goldenFileSize, Ext: true, ExtFileSize: 8192})
	queues := 0
	for _, q := range table.All() {
		if q.Max() == 0 {
			continue
		}
		queues++
		var r Units
		entries := make([]Entry, q.Max())
		n, err := q.Read(0, entries)
		require.NoError(t, err)
		require.EqualValues(t, q.Max(), n)
		for i, e := range entries {
			u, ok := r.Unit(q, e.TagsCode, true)
			require.True(t, ok, "%s/%d offset %d", q.topic, q.id, i)
			require.Contains(t, []int{0, 14}, len(u.Bits))
			require.NoError(t, fresh.Queue([]byte(q.topic), q.id).PutUnit(message.QueueOffset(i), e, u))
		}
	}
	require.NotZero(t, queues)
	require.NoError(t, fresh.Close())
	require.NoError(t, table.Close())
	written := tree(t, filepath.Join(fresh.opt.FS.Path(), DefaultExtDir))
	require.Equal(t, len(tree(t, filepath.Join(golden, DefaultExtDir))), len(written))
	for name, want := range tree(t, filepath.Join(golden, DefaultExtDir)) {
		require.True(t, bytes.Equal(want, written[name]), name)
	}
}
