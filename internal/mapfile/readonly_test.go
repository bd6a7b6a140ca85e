package mapfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestReadOnlyChangesNothing(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "sub"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "sub", "f"), []byte("hello"), 0o444))
	ro, err := OpenReadOnly(dir)
	require.NoError(t, err)
	defer ro.Close()

	f, err := ro.Open("sub/f")
	require.NoError(t, err)
	defer f.Close()
	b := make([]byte, 5)
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b))

	for name, change := range map[string]func() error{
		"create":      func() error { _, err := ro.Create("g"); return err },
		"mkdir":       func() error { return ro.MkdirAll("d") },
		"remove":      func() error { return ro.Remove("sub/f") },
		"rename":      func() error { return ro.Rename("sub/f", "g") },
		"write":       func() error { _, err := f.WriteAt(b, 0); return err },
		"write sync":  func() error { _, err := f.WriteWith(b, 0, Dsync); return err },
		"truncate":    func() error { return f.Truncate(1) },
		"allocate":    func() error { return f.Allocate(0, 100) },
		"clear":       func() error { return f.Clear(0, 1) },
		"map":         func() error { _, err := f.Map(0, 5, ReadWrite); return err },
		"missing":     func() error { _, err := ro.Open("no"); return err },
		"outside":     func() error { _, err := ro.Open("../x"); return err },
		"no such dir": func() error { _, err := OpenReadOnly(filepath.Join(dir, "no")); return err },
		"not a dir":   func() error { _, err := OpenReadOnly(filepath.Join(dir, "sub", "f")); return err },
	} {
		require.Error(t, change(), name)
	}
	_, err = ro.Create("g")
	require.ErrorIs(t, err, unix.EROFS)
	_, err = os.Stat(filepath.Join(dir, "no"))
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestReadOnlyLock: those who look share the lock, and exclude the one who wants it alone.
func TestReadOnlyLock(t *testing.T) {
	dir := t.TempDir()
	rw, err := OpenDir(dir)
	require.NoError(t, err)
	defer rw.Close()
	own, err := rw.Create("lock")
	require.NoError(t, err)
	defer own.Close()
	ro, err := OpenReadOnly(dir)
	require.NoError(t, err)
	defer ro.Close()
	open := func() File {
		f, err := ro.Open("lock")
		require.NoError(t, err)
		return f
	}
	a, b := open(), open()
	require.NoError(t, a.Lock())
	require.NoError(t, b.Lock())
	require.ErrorIs(t, own.Lock(), ErrLocked)
	require.NoError(t, a.Close())
	require.ErrorIs(t, own.Lock(), ErrLocked)
	require.NoError(t, b.Close())
	require.NoError(t, own.Lock())
	c := open()
	require.ErrorIs(t, c.Lock(), ErrLocked)
	require.NoError(t, c.Close())
}

func TestExchange(t *testing.T) {
	for name, exchange := range map[string]func(d *Dir) error{
		"in one step": func(d *Dir) error { return d.Exchange("a", "b") },
		"in steps":    func(d *Dir) error { return d.exchangeInSteps("a", "b") },
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d, err := OpenDir(dir)
			require.NoError(t, err)
			defer d.Close()
			for _, n := range []string{"a", "b"} {
				require.NoError(t, os.MkdirAll(filepath.Join(dir, n, n), 0o755))
			}
			require.NoError(t, exchange(d))
			require.DirExists(t, filepath.Join(dir, "a", "b"))
			require.DirExists(t, filepath.Join(dir, "b", "a"))
			entries, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, entries, 2)
		})
	}
	dir := t.TempDir()
	d, err := OpenDir(dir)
	require.NoError(t, err)
	defer d.Close()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "a"), 0o755))
	require.NoError(t, d.Exchange("a", "b"))
	require.DirExists(t, filepath.Join(dir, "b"))
	require.NoDirExists(t, filepath.Join(dir, "a"))
	require.Error(t, d.Exchange("a", "b"))
}
