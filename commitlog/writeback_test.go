package commitlog

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// askedFS keeps what its files were asked to begin to write and to drop, as offsets of the log.
type askedFS struct {
	mapfile.FS
	asked, dropped [][2]int64
	files          int64
	size           int64
}

func (fs *askedFS) Create(name string) (mapfile.File, error) {
	f, err := fs.FS.Create(name)
	base := fs.files * fs.size
	fs.files++
	return &askedFile{f, fs, base}, err
}

type askedFile struct {
	mapfile.File
	fs   *askedFS
	base int64
}

func (f *askedFile) StartWriteback(off, n int64) error {
	f.fs.asked = append(f.fs.asked, [2]int64{f.base + off, f.base + off + n})
	return f.File.StartWriteback(off, n)
}

func (f *askedFile) DropCache(off, n int64) error {
	f.fs.dropped = append(f.fs.dropped, [2]int64{f.base + off, f.base + off + n})
	return f.File.DropCache(off, n)
}

// Each byte is written back once, across files, and none of those near the log's end, whose pages the next append needs.
func TestWritebackStaysBehindTheEnd(t *testing.T) {
	fs := &askedFS{FS: mapfile.NewMem(), size: 2 << 20}
	l := openMode(t, fs, WriteFsync, fs.size)
	from := message.LogOffset(0)
	for i := range 100 {
		for range 3 {
			l.add(20_000)
		}
		require.NoError(t, l.commit(false, false))
		if i%20 < 2 {
			require.NoError(t, l.StartWriteback(from, l.Written()))
			from = l.Written()
		}
	}
	require.NoError(t, l.Close())
	require.Greater(t, len(fs.asked), 5)
	slices.SortFunc(fs.asked, func(a, b [2]int64) int { return int(a[0] - b[0]) })
	at := int64(0)
	for _, part := range fs.asked {
		require.Equal(t, at, part[0])
		at = part[1]
	}
	require.EqualValues(t, from-writebackGap, at)
}

// What is dropped in steps is dropped with the folios at the steps' edges: the kernel leaves those that are only in part within a step.
func TestDropsTakeWhatEdgesLeft(t *testing.T) {
	const step = 1 << 20
	fs := &askedFS{FS: mapfile.NewMem(), size: 8 << 20}
	l := openMode(t, fs, WriteFsync, fs.size)
	for l.Written() < message.LogOffset(2*fs.size) {
		l.add(20_000)
		require.NoError(t, l.commit(false, false))
	}
	require.NoError(t, l.Sync())
	for from := message.LogOffset(0); from < 12*step; from += step {
		require.NoError(t, l.DropCache(from, from+step))
	}
	require.NoError(t, l.Close())
	for at := int64(0); at < 12*step; at += largestFolio / 2 {
		folio := [2]int64{at / largestFolio * largestFolio, at/largestFolio*largestFolio + largestFolio}
		require.True(t, slices.ContainsFunc(fs.dropped, func(part [2]int64) bool { return part[0] <= folio[0] && folio[1] <= part[1] }), folio)
	}
}
