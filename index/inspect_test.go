package index

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestFindShape: of files with some, one and no entries, with many and with few slots for them.
func TestFindShape(t *testing.T) {
	for _, want := range []Shape{{100, 400}, {1, 2}, {7, 5}, {1000, 20}, {20, 1000}, {4093, 1021}, {5, 20}} {
		for _, fill := range []int{1, 3, int(want.Entries) - 1} {
			if fill >= int(want.Entries) {
				continue
			}
			fs := mapfile.NewMem()
			x, err := Open(Options{FS: fs, Slots: want.Slots, Entries: want.Entries})
			require.NoError(t, err)
			random := rand.New(rand.NewPCG(1, uint64(fill)))
			for i := range fill {
				require.NoError(t, x.Put(message.LogOffset(1000+100*i), int64(5000+i), []int32{random.Int32()}))
			}
			require.NoError(t, x.Close())
			entries, err := fs.ReadDir(DefaultDir)
			require.NoError(t, err)
			require.Len(t, entries, 1)
			f, err := fs.Open(filepath.Join(DefaultDir, entries[0].Name))
			require.NoError(t, err)
			require.True(t, IsFileName(entries[0].Name))

			got, err := FindShape(f, Shape{5_000_000, 20_000_000})
			require.NoError(t, err, "%v with %d", want, fill)
			require.Equal(t, want, got, "with %d", fill)

			v, err := NewView(f, got)
			require.NoError(t, err)
			require.Equal(t, want, v.Shape())
			require.Empty(t, v.HeaderFault())
			require.EqualValues(t, fill+1, v.Header().NextEntry)
			require.EqualValues(t, 1000, v.Header().BeginOffset)
			list := make([]Entry, fill)
			require.NoError(t, v.ReadEntries(1, list))
			slots := make([]int32, want.Slots)
			require.NoError(t, v.ReadSlots(0, slots))
			for i, e := range list {
				require.EqualValues(t, 1000+100*i, e.LogOffset)
				n := slots[v.SlotOf(e.Hash)]
				for n != int32(i+1) {
					require.Greater(t, n, int32(i+1))
					n = list[n-1].Previous
				}
			}
			_, err = NewView(f, Shape{want.Slots + 1, want.Entries})
			require.Error(t, err)
		}
	}
}

func TestFindShapeOfJava(t *testing.T) {
	for _, store := range goldenStores {
		for name := range goldenFiles(t, store) {
			dir, err := mapfile.OpenReadOnly(filepath.Join("testdata", "java-4.9.7", store, "index"))
			require.NoError(t, err)
			f, err := dir.Open(name)
			require.NoError(t, err)
			got, err := FindShape(f)
			require.NoError(t, err)
			require.Equal(t, Shape{goldenSlots, goldenEntries}, got)
			require.NoError(t, f.Close())
			require.NoError(t, dir.Close())
		}
	}
}

// FuzzFindShape: no bytes make it panic, and a shape it finds fits the length.
func FuzzFindShape(f *testing.F) {
	for _, b := range goldenFiles(f, "plain") {
		f.Add(b[:440])
	}
	f.Add(make([]byte, 124))
	dir := f.TempDir()
	fs, err := mapfile.OpenReadOnly(dir)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, b []byte) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "f"), b, 0o600))
		file, err := fs.Open("f")
		require.NoError(t, err)
		defer file.Close()
		s, err := FindShape(file)
		if err != nil {
			return
		}
		require.EqualValues(t, len(b), s.Size())
		v, err := NewView(file, s)
		require.NoError(t, err)
		require.NoError(t, v.ReadSlots(0, make([]int32, s.Slots)))
		require.NoError(t, v.ReadEntries(0, make([]Entry, s.Entries)))
	})
}
