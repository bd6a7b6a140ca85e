package configfile

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var quiet = slog.New(slog.DiscardHandler)

func TestSaveAndLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	content := "one"
	f := New(path, func() ([]byte, error) { return []byte(content), nil })
	var loaded string
	parse := func(b []byte) error { loaded = string(b); return nil }
	require.NoError(t, f.Load(quiet, parse))
	require.Empty(t, loaded, "no file is an empty table")

	require.NoError(t, f.Save())
	content = "two"
	require.NoError(t, f.SaveIfMarked(), "not marked: nothing to do")
	require.NoError(t, f.Load(quiet, parse))
	require.Equal(t, "one", loaded)
	f.Mark()
	require.NoError(t, f.SaveIfMarked())
	require.NoError(t, f.Load(quiet, parse))
	require.Equal(t, "two", loaded)

	require.NoError(t, os.WriteFile(path, []byte("bad"), 0o600))
	require.NoError(t, f.Load(quiet, func(b []byte) error {
		if string(b) == "bad" {
			return errors.New("damaged")
		}
		return parse(b)
	}))
	require.Equal(t, "one", loaded, ".bak")
	// Nothing that can be used is an empty table; what was there is kept for people.
	require.NoError(t, f.Load(quiet, func([]byte) error { return errors.New("damaged") }))
	require.NoFileExists(t, path)
	require.FileExists(t, path+".damaged")
	require.FileExists(t, path+".bak.damaged")
	require.NoError(t, f.Load(quiet, func([]byte) error { return errors.New("damaged") }))
}

func TestFailureIsReportedAndTriedAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "no-folder")
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	path := filepath.Join(dir, "t.json")
	f := New(path, func() ([]byte, error) { return []byte("x"), nil })
	require.ErrorContains(t, f.Save(), path)
	require.NoError(t, os.Remove(dir))
	require.NoError(t, f.SaveIfMarked())
	require.FileExists(t, path)
}

// TestWaitersShareWrites: every Save covers the changes made before it, in fewer writes than saves.
func TestWaitersShareWrites(t *testing.T) {
	path := filepath.Join(t.TempDir(), "t.json")
	var changes, encodes atomic.Int64
	gate := make(chan struct{})
	first := make(chan struct{})
	f := New(path, func() ([]byte, error) {
		n := changes.Load()
		if encodes.Add(1) == 1 {
			close(first)
			<-gate // the first write is under way while all others arrive
		}
		return []byte(strconv.FormatInt(n, 10)), nil
	})
	var wg sync.WaitGroup
	wg.Go(func() { changes.Add(1); assert.NoError(t, f.Save()) })
	<-first
	var arrived sync.WaitGroup
	for range 50 {
		arrived.Add(1)
		wg.Go(func() {
			changes.Add(1)
			arrived.Done()
			assert.NoError(t, f.Save())
			data, err := os.ReadFile(path)
			assert.NoError(t, err)
			n, err := strconv.Atoi(string(data))
			assert.NoError(t, err)
			assert.Greater(t, n, 1, "the write that began before the change does not count")
		})
	}
	arrived.Wait()
	close(gate)
	wg.Wait()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "51", string(data))
	require.Less(t, encodes.Load(), int64(51))
}
