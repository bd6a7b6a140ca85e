package mapfile

import (
	"errors"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// newFile makes a file of a few sectors whose name and bytes are on the device.
func newFile(t *testing.T, m *Mem, name string, size int) File {
	t.Helper()
	f, err := m.Create(name)
	require.NoError(t, err)
	require.NoError(t, f.Allocate(0, int64(size)))
	require.NoError(t, f.Sync())
	require.NoError(t, m.SyncDir("."))
	return f
}

func content(t *testing.T, fs FS, name string) string {
	t.Helper()
	f, err := fs.Open(name)
	require.NoError(t, err)
	b := make([]byte, f.Size())
	_, err = f.ReadAt(b, 0)
	require.NoError(t, err)
	require.NoError(t, f.Close())
	return string(b)
}

// each runs a crash many times and collects the outcomes.
func each(m *Mem, outcome func(image *Mem) string) map[string]int {
	seen := map[string]int{}
	for seed := range uint64(300) {
		seen[outcome(m.Crash(rand.New(rand.NewPCG(seed, 0))))]++
	}
	return seen
}

func TestMemCrashKeepsSyncedBytesAndAnySubsetOfTheOthers(t *testing.T) {
	m := NewMem()
	f := newFile(t, m, "a", 3*Sector)
	write := func(sector int, c byte) {
		_, err := f.WriteAt([]byte{c}, int64(sector)*Sector)
		require.NoError(t, err)
	}
	for i := range 3 {
		write(i, 'a')
	}
	require.NoError(t, f.Sync())
	write(1, 'b')
	write(2, 'b')
	seen := each(m, func(image *Mem) string {
		s := content(t, image, "a")
		return string([]byte{s[0], s[Sector], s[2*Sector]})
	})
	for _, want := range []string{"aaa", "aab", "aba", "abb"} {
		require.NotZero(t, seen[want], want)
	}
	require.Len(t, seen, 4)
	require.Equal(t, byte('b'), content(t, m.Kill(), "a")[Sector], "a killed process loses nothing")
}

func TestMemCrashAfterWritesThroughMapping(t *testing.T) {
	m := NewMem()
	f := newFile(t, m, "a", block)
	mapping, err := f.Map(0, block, ReadWrite)
	require.NoError(t, err)
	mapping.Data[0] = 'x'
	require.Equal(t, "x", content(t, m, "a")[:1])
	require.Len(t, each(m, func(image *Mem) string { return content(t, image, "a")[:1] }), 2)
	require.NoError(t, f.Sync())
	require.Equal(t, map[string]int{"x": 300}, each(m, func(image *Mem) string { return content(t, image, "a")[:1] }))
}

func TestMemNamesLastAfterSyncDir(t *testing.T) {
	m := NewMem()
	exists := func(name string) func(image *Mem) string {
		return func(image *Mem) string {
			_, err := image.Stat(name)
			if err != nil {
				return "no"
			}
			return "yes"
		}
	}
	require.NoError(t, m.MkdirAll("d"))
	_, err := m.Create("d/f")
	require.NoError(t, err)
	require.NoError(t, m.SyncDir("d"))
	require.Len(t, each(m, exists("d/f")), 2, "the directory itself may be lost")
	require.NoError(t, m.SyncDir("."))
	require.Equal(t, map[string]int{"yes": 300}, each(m, exists("d/f")))
	require.NoError(t, m.Rename("d/f", "d/g"))
	seen := each(m, func(image *Mem) string { return exists("d/f")(image) + exists("d/g")(image) })
	require.Len(t, seen, 2)
	require.NotZero(t, seen["yesno"])
	require.NotZero(t, seen["noyes"])
	require.NoError(t, m.Remove("d/g"))
	require.NoError(t, m.SyncDir("d"))
	require.Equal(t, map[string]int{"no": 300}, each(m, exists("d/g")))
}

func TestMemFailedSyncForgetsDirtyBytes(t *testing.T) {
	m := NewMem()
	f := newFile(t, m, "a", Sector)
	_, err := f.WriteAt([]byte("x"), 0)
	require.NoError(t, err)
	broken := errors.New("broken")
	m.Fault = func(op Op) error {
		if op.Kind == OpSync {
			return broken
		}
		return nil
	}
	require.ErrorIs(t, f.Sync(), broken)
	m.Fault = nil
	require.NoError(t, f.Sync(), "as the kernel does")
	require.NotZero(t, each(m, func(image *Mem) string { return content(t, image, "a")[:1] })["\x00"])
}

func TestMemDiskFull(t *testing.T) {
	m := NewMem()
	m.Capacity = 2 * block
	f, err := m.Create("a")
	require.NoError(t, err)
	require.NoError(t, f.Truncate(10*block))
	_, err = f.WriteAt([]byte("x"), 3*block)
	require.NoError(t, err)
	require.ErrorIs(t, f.Allocate(0, 3*block), syscall.ENOSPC)
	_, err = f.WriteAt([]byte("x"), 9*block)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.NoError(t, f.Clear(3*block, block))
	_, err = f.WriteAt([]byte("x"), 9*block)
	require.NoError(t, err)
}

func TestMemCatchesStoresWithoutBlocks(t *testing.T) {
	m := NewMem()
	f, err := m.Create("a")
	require.NoError(t, err)
	require.NoError(t, f.Truncate(block))
	mapping, err := f.Map(0, block, ReadWrite)
	require.NoError(t, err)
	mapping.Data[7] = 1
	require.Panics(t, func() { _ = f.Sync() })
}

// TestMemRevert: an image is made what it was, whatever was done to it; Unchanged tells its memory from what is new.
func TestMemRevert(t *testing.T) {
	m := NewMem()
	f := newFile(t, m, "a", 2*block)
	_, err := f.WriteAt([]byte("original"), 10)
	require.NoError(t, err)
	require.NoError(t, m.MkdirAll("dir"))
	want := content(t, m, "a")
	cut := func(of *Mem) string { return content(t, of.CrashKeeping(rand.New(rand.NewPCG(1, 1)), 0), "a") }

	image := m.Kill()
	for name, spoil := range map[string]func(f File) error{
		"write":    func(f File) error { _, err := f.WriteAt([]byte("changed"), block-3); return err },
		"truncate": func(f File) error { return f.Truncate(5) },
		"extend":   func(f File) error { return f.Allocate(0, 9*block) },
		"clear":    func(f File) error { return f.Clear(0, block) },
		"sync":     func(f File) error { return f.Sync() },
		"mapping": func(f File) error {
			mapping, err := f.Map(block, block, ReadWrite)
			mapping.Data[1] = 'x'
			return err
		},
		"remove": func(File) error { return errors.Join(image.Remove("a"), image.Remove("dir")) },
		"rename": func(File) error { return image.Rename("a", "dir/b") },
		"create": func(File) error { _, err := image.Create("c"); return err },
		"lock":   func(f File) error { return f.Lock() },
	} {
		t.Run(name, func(t *testing.T) {
			f, err := image.Open("a")
			require.NoError(t, err)
			require.NoError(t, spoil(f))
			m.Revert(image)
			require.Equal(t, want, content(t, image, "a"))
			require.Equal(t, cut(m), cut(image))
			entries, err := image.ReadDir(".")
			require.NoError(t, err)
			require.Len(t, entries, 2)
			f, err = image.Open("a")
			require.NoError(t, err)
			require.NoError(t, f.Lock())
			require.NoError(t, f.Close())
		})
	}

	f, err = image.Open("a")
	require.NoError(t, err)
	view, err := f.Map(0, 2*block, ReadOnly)
	require.NoError(t, err)
	off, ok := Unchanged(f, view.Data[block+7:])
	require.True(t, ok)
	require.EqualValues(t, block+7, off)
	_, err = f.WriteAt([]byte("x"), 3)
	require.NoError(t, err)
	_, ok = Unchanged(f, view.Data[:4])
	require.False(t, ok, "changed")
	_, ok = Unchanged(f, view.Data[block:])
	require.True(t, ok, "another block")
	_, ok = Unchanged(f, []byte(want))
	require.False(t, ok, "a copy")
}
