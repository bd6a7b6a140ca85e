package kv

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path)
	require.NoError(t, err)
	return s
}

func TestPutGetDelete(t *testing.T) {
	path := filepath.Join(t.TempDir(), "namesrv", "kvConfig.json")
	s := open(t, path)
	_, has := s.Get("ns", "k")
	require.False(t, has)
	_, has = s.Namespace("ns")
	require.False(t, has)
	require.NoError(t, s.Delete("ns", "k"), "nothing to delete is no error")
	require.NoFileExists(t, path, "nothing changed, nothing written")

	before, _ := s.Namespace("ns")
	require.NoError(t, s.Put("ns", "k", "v"))
	require.NoError(t, s.Put("ns", "k", "w"))
	require.NoError(t, s.Put(OrderTopicConfig, "T", "broker-a:8"))
	require.Empty(t, before, "what was returned stays as it was")
	require.Equal(t, []string{`ORDER_TOPIC_CONFIG T = "broker-a:8"`, `ns k = "w"`}, s.Lines())

	require.NoError(t, s.Delete("ns", "k"))
	keys, has := s.Namespace("ns")
	require.True(t, has, "an empty namespace stays, as in Java")
	require.Empty(t, keys)

	again := open(t, path)
	require.Equal(t, s.Lines(), again.Lines())
	require.Equal(t, s.used, again.used)
	_, has = again.Namespace("ns")
	require.True(t, has)
}

// The file is what Java writes and reads.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "kvConfig.json")
	s := open(t, path)
	require.NoError(t, s.Put("ns", "k", `a"b\ü`))
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `{"configTable":{"ns":{"k":"a\"b\\ü"}}}`, string(data))

	for content, want := range map[string]string{
		`{"configTable":{"ns":{"k":"v"}}}`: `[ns k = "v"]`,
		`{"configTable":{}}`:               `[]`,
		`{}`:                               `[]`,
	} {
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
		require.Equal(t, want, fmt.Sprint(open(t, path).Lines()))
	}

	require.NoError(t, os.WriteFile(path, []byte(`{"configTable":`), 0o644))
	require.NoError(t, os.WriteFile(path+".bak", []byte(`{"configTable":{"ns":{"old":"v"}}}`), 0o644))
	require.Equal(t, `[ns old = "v"]`, fmt.Sprint(open(t, path).Lines()), "the backup stands in")
	require.NoError(t, os.Remove(path+".bak"))
	_, err = Open(path)
	require.ErrorContains(t, err, path)
}

// A change that cannot be written does not happen.
func TestUnwritable(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "kvConfig.json")
	s := open(t, path)
	require.NoError(t, s.Put("ns", "k", "v"))
	require.NoError(t, os.Mkdir(path+".tmp", 0o755)) // in the way of the write
	require.ErrorContains(t, s.Put("ns", "k", "w"), path)
	require.ErrorContains(t, s.Delete("ns", "k"), path)
	value, _ := s.Get("ns", "k")
	require.Equal(t, "v", value)
	require.NoError(t, os.Remove(path+".tmp"))
	require.NoError(t, s.Put("ns", "k", "w"))
}

func TestBounds(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "kvConfig.json"))
	long := strings.Repeat("x", MaxNameBytes+1)
	require.ErrorIs(t, s.Put(long, "k", "v"), ErrBounds)
	require.ErrorIs(t, s.Put("ns", long, "v"), ErrBounds)
	require.ErrorIs(t, s.Put("ns", "k", strings.Repeat("x", MaxValueBytes+1)), ErrBounds)
	require.Empty(t, s.Lines())

	// Namespaces that are emptied again still count: they stay in the file.
	was := s.used
	require.NoError(t, s.Put("ns", "k", "v"))
	require.NoError(t, s.Delete("ns", "k"))
	require.Equal(t, was+cost("ns", ""), s.used)

	s.used = MaxTotalBytes - cost("k", "v")
	require.NoError(t, s.Put("ns", "k", "v"), "the last that fits")
	require.ErrorIs(t, s.Put("ns", "l", ""), ErrBounds)
	require.NoError(t, s.Put("ns", "k", "w"), "a change in place")
	require.NoError(t, s.Delete("ns", "k"))
	require.NoError(t, s.Put("ns", "l", ""), "room again")
}
