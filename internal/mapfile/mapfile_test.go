package mapfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// both runs a test over both twins.
func both(t *testing.T, test func(t *testing.T, fs FS)) {
	t.Run("dir", func(t *testing.T) {
		d, err := OpenDir(t.TempDir())
		require.NoError(t, err)
		test(t, d)
		require.NoError(t, d.Close())
	})
	t.Run("dir without openat2", func(t *testing.T) {
		d, err := OpenDir(t.TempDir())
		require.NoError(t, err)
		require.NoError(t, unix.Close(d.fd))
		d.fd = -1
		test(t, d)
		require.NoError(t, d.Close())
	})
	t.Run("mem", func(t *testing.T) { test(t, NewMem()) })
}

func TestFileLife(t *testing.T) {
	both(t, func(t *testing.T, fsys FS) {
		require.NoError(t, fsys.MkdirAll("a/b"))
		require.NoError(t, fsys.MkdirAll("a/b"))
		f, err := fsys.Create("a/b/c")
		require.NoError(t, err)
		_, err = fsys.Create("a/b/c")
		require.ErrorIs(t, err, fs.ErrExist)
		require.NoError(t, f.Allocate(0, 2*block))
		require.EqualValues(t, 2*block, f.Size())
		_, err = f.WriteAt([]byte("hello"), block)
		require.NoError(t, err)
		_, err = f.WriteWith([]byte("HE"), block, Dsync)
		require.NoError(t, err)
		m, err := f.Map(0, 2*block, ReadOnly)
		require.NoError(t, err)
		require.Equal(t, "HEllo", string(m.Data[block:block+5]))
		_, err = f.WriteAt([]byte("late"), 0)
		require.NoError(t, err)
		require.Equal(t, "late", string(m.Data[:4]), "a mapping shows what is written")
		require.NoError(t, m.Populate(1, 2*block-1))
		in, err := m.Resident(1, 2*block-1)
		require.NoError(t, err)
		require.True(t, in)
		require.NoError(t, m.Forget(0, 2*block))
		require.Equal(t, "late", string(m.Data[:4]))
		require.NoError(t, f.Clear(0, block))
		require.Zero(t, m.Data[0])
		require.NoError(t, fsys.Rename("a/b/c", "a/d"))
		require.NoError(t, f.Sync())
		require.NoError(t, f.StartWriteback(0, block))
		require.NoError(t, f.Writeback(0, block))
		require.NoError(t, f.DropCache(0, block))
		require.NoError(t, f.Prefetch(0, block))
		require.NoError(t, f.Close())
		require.Equal(t, byte('H'), m.Data[block], "a mapping outlives its file")
		require.NoError(t, m.Close())
		require.NoError(t, fsys.SyncDir("a"))

		entries, err := fsys.ReadDir("a")
		require.NoError(t, err)
		require.Len(t, entries, 2)
		require.Equal(t, "b", entries[0].Name)
		require.True(t, entries[0].Dir)
		require.EqualValues(t, 2*block, entries[1].Size)
		require.NoError(t, RemoveAll(fsys, "a"))
		require.NoError(t, RemoveAll(fsys, "a"))
		_, err = fsys.ReadDir("a")
		require.ErrorIs(t, err, fs.ErrNotExist)
		space, err := fsys.Space()
		require.NoError(t, err)
		require.Positive(t, space.Free)
		id, err := fsys.BootID()
		require.NoError(t, err)
		require.NotEmpty(t, id)
	})
}

func TestNextData(t *testing.T) {
	both(t, func(t *testing.T, fsys FS) {
		f, err := fsys.Create("f")
		require.NoError(t, err)
		const size = 1 << 20
		require.NoError(t, f.Truncate(size))
		require.NoError(t, f.Allocate(0, size))
		_, err = f.WriteAt([]byte("x"), size/2)
		require.NoError(t, err)
		next, err := f.NextData(0)
		require.NoError(t, err)
		require.LessOrEqual(t, next, int64(size/2))
		next, err = f.NextData(size)
		require.NoError(t, err)
		require.EqualValues(t, size, next)
		require.NoError(t, f.Close())
	})
}

func TestNamesStayInside(t *testing.T) {
	both(t, func(t *testing.T, fsys FS) {
		for _, name := range []string{"../x", "a/../../x", "/etc/x"} {
			_, err := fsys.Create(name)
			require.Error(t, err, name)
			require.Error(t, fsys.MkdirAll(name), name)
			_, err = fsys.Open(name)
			require.Error(t, err, name)
		}
	})
}

func TestSymlinkOutIsNotFollowed(t *testing.T) {
	outside, inside := t.TempDir(), t.TempDir()
	require.NoError(t, os.Symlink(outside, filepath.Join(inside, "link")))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "file"), nil, 0o644))
	require.NoError(t, os.Symlink(filepath.Join(outside, "file"), filepath.Join(inside, "file")))
	d, err := OpenDir(inside)
	require.NoError(t, err)
	_, err = d.Create("link/x")
	require.Error(t, err)
	_, err = d.Open("file")
	require.Error(t, err)
	_, err = d.ReadDir("link")
	require.Error(t, err)
	require.NoError(t, d.Close())
}

func TestLockExcludes(t *testing.T) {
	both(t, func(t *testing.T, fsys FS) {
		a, err := fsys.Create("lock")
		require.NoError(t, err)
		require.NoError(t, a.Lock())
		b, err := fsys.Open("lock")
		require.NoError(t, err)
		require.ErrorIs(t, b.Lock(), ErrLocked)
		require.NoError(t, a.Close())
		require.NoError(t, b.Lock())
		require.NoError(t, b.Close())
	})
}

func TestCheckElement(t *testing.T) {
	for name, ok := range map[string]bool{
		"Topic": true, "%RETRY%g": true, "中文": true, "": false, ".": false, "..": false,
		"a/b": false, "a\x00": false, string(make([]byte, 256)): false,
	} {
		require.Equal(t, ok, CheckElement(name) == nil, "%q", name)
	}
}

func TestUsedPercentRoundsUp(t *testing.T) {
	require.Equal(t, 0, Space{Total: 100, Free: 90, Reserved: 10}.UsedPercent())
	require.Equal(t, 34, Space{Total: 300, Free: 200}.UsedPercent())
	require.Equal(t, 100, Space{Total: 100, Reserved: 5}.UsedPercent())
}
