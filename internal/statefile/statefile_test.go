package statefile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWriteThenRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "topics.json")
	_, err := Read(path)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for i, want := range []string{"one", "two", "three"} {
		require.NoError(t, Write(path, []byte(want)))
		got, err := Read(path)
		require.NoError(t, err)
		require.Equal(t, want, string(got))
		if i > 0 {
			bak, err := os.ReadFile(path + ".bak")
			require.NoError(t, err)
			require.Equal(t, []string{"one", "two"}[i-1], string(bak))
		}
	}
	require.NoFileExists(t, path+".tmp")
}

func TestWriteMakesMissingFolders(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "f")
	require.NoError(t, Write(path, []byte("x")))
	got, err := Read(path)
	require.NoError(t, err)
	require.Equal(t, "x", string(got))
}

func TestWriteKeepsPermissions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("old"), 0o600))
	require.NoError(t, Write(path, []byte("new")))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o600), info.Mode().Perm())
}

func TestWriteNamesTheFileAndTheStep(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	err := Write(filepath.Join(file, "x"), nil)
	require.ErrorIs(t, err, syscall.ENOTDIR)
	require.ErrorContains(t, err, "cannot write "+file+"/x (writing "+file+"/x.tmp): ")
}

func TestReadParse(t *testing.T) {
	const none = "\x00" // the file is not there
	refuse := errors.New("not JSON")
	for _, c := range []struct{ name, file, bak, want, err string }{
		{"file", "new", "old", "new", ""},
		{"no bak", "new", none, "new", ""},
		{"missing", none, "old", "old", ""},
		{"empty", "", "old", "old", ""},
		{"only spaces", " \n", "old", "old", ""},
		{"damaged", "bad", "old", "old", ""},
		{"nothing", none, none, "", "does not exist"},
		{"empty, no bak", "", none, "", "cannot be used and there is no"},
		{"damaged, no bak", "bad", none, "", "not JSON"},
		{"both damaged", "bad", "bad", "", "neither"},
		{"missing, bak damaged", none, "bad", "", "neither"},
	} {
		t.Run(c.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			for p, content := range map[string]string{path: c.file, path + ".bak": c.bak} {
				if content != none {
					require.NoError(t, os.WriteFile(p, []byte(content), 0o600))
				}
			}
			got := ""
			err := ReadParse(path, func(b []byte) error {
				if string(b) == "bad" {
					return refuse
				}
				got = string(b)
				return nil
			})
			if c.err != "" {
				require.ErrorContains(t, err, c.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestWriteKeepsBakWhenFileIsEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	require.NoError(t, os.WriteFile(path+".bak", []byte("old"), 0o600))
	require.NoError(t, Write(path, []byte("new")))
	bak, err := os.ReadFile(path + ".bak")
	require.NoError(t, err)
	require.Equal(t, "old", string(bak))
}

func TestUnreadableFileIsNotReplacedByBak(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.Mkdir(path, 0o700)) // reading a folder fails, for root too
	require.NoError(t, os.WriteFile(path+".bak", []byte("old"), 0o600))
	_, err := Read(path)
	require.ErrorContains(t, err, "cannot be read")
	require.ErrorContains(t, err, path)
}

// A write that fails or is killed at any step leaves the old content or the new to read,
// and what was last acknowledged is never lost.
func TestFaultAtEveryStep(t *testing.T) {
	for step := 1; ; step++ {
		m := newMemory()
		require.NoError(t, write(m, "f", []byte("older")))
		require.NoError(t, write(m, "f", []byte("old")))
		m.failAt = m.steps + step
		err := write(m, "f", []byte("new"))
		if err == nil {
			require.Equal(t, 5, step, "every step was tried")
			return
		}
		require.ErrorIs(t, err, errFault)
		m.failAt = 0
		requireOneOf(t, m, fmt.Sprintf("fault at step %d", step), "old", "new")

		require.NoError(t, write(m, "f", []byte("newer")), "the next write succeeds")
		requireOneOf(t, m, "after the next write", "newer")
	}
}

// The power goes at any step; of the renames since the last folder sync any subset is on
// the device, and of a file that was not synced any part.
func TestPowerCutAtEveryStep(t *testing.T) {
	for step := 1; step <= 4; step++ {
		for kept := range 4 {
			m := newMemory()
			require.NoError(t, write(m, "f", []byte("older")))
			require.NoError(t, write(m, "f", []byte("old")))
			m.failAt = m.steps + step
			require.ErrorIs(t, write(m, "f", []byte("new")), errFault)
			m.powerCut(kept)
			requireOneOf(t, m, fmt.Sprintf("power cut at step %d keeping %02b", step, kept), "old", "new")
		}
	}
	m := newMemory()
	require.NoError(t, write(m, "f", []byte("old")))
	require.NoError(t, write(m, "f", []byte("new")))
	m.powerCut(0)
	requireOneOf(t, m, "acknowledged", "new")
}

func requireOneOf(t *testing.T, m *memory, when string, want ...string) {
	t.Helper()
	got := ""
	require.NoError(t, readParse(m, "f", func(b []byte) error { got = string(b); return nil }), when)
	require.Contains(t, want, got, when)
}

var errFault = errors.New("injected fault")

// memory is a folder that knows what of it is durable.
type memory struct {
	now, durable map[string]string // content by name
	renames      [][2]string       // not yet durable, in order
	steps        int               // operations that change something, so far
	failAt       int               // the step that fails; 0 = none
}

func newMemory() *memory {
	return &memory{now: map[string]string{}, durable: map[string]string{}}
}

func (m *memory) fault() error {
	m.steps++
	if m.steps == m.failAt {
		return errFault
	}
	return nil
}

func (m *memory) read(path string) ([]byte, error) {
	if s, ok := m.now[path]; ok {
		return []byte(s), nil
	}
	return nil, fs.ErrNotExist
}

func (m *memory) size(path string) (int64, error) {
	b, err := m.read(path)
	return int64(len(b)), err
}

// writeSynced tears the content when it fails.
func (m *memory) writeSynced(path, _ string, data []byte) error {
	err := m.fault()
	if err != nil {
		data = data[:len(data)/2]
	}
	m.now[path], m.durable[path] = string(data), string(data)
	return err
}

func (m *memory) rename(from, to string) error {
	if err := m.fault(); err != nil {
		return err
	}
	m.now[to] = m.now[from]
	delete(m.now, from)
	m.renames = append(m.renames, [2]string{from, to})
	return nil
}

func (m *memory) syncFolder(string) error {
	if err := m.fault(); err != nil {
		return err
	}
	m.durable, m.renames = clone(m.now), nil
	return nil
}

// powerCut forgets the renames whose bit in kept is not set.
func (m *memory) powerCut(kept int) {
	for i, r := range m.renames {
		content, ok := m.durable[r[0]]
		if kept&(1<<i) != 0 && ok {
			m.durable[r[1]] = content
			delete(m.durable, r[0])
		}
	}
	m.now, m.renames, m.failAt = clone(m.durable), nil, 0
}

func clone(from map[string]string) map[string]string {
	to := map[string]string{}
	for k, v := range from {
		to[k] = v
	}
	return to
}
