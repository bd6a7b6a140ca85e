package mapfile

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Sector is what a device writes whole or not at all, in bytes.
const Sector = 512

// block is the unit in which [Mem] counts space.
const block = 4096

// Mem is a directory in memory that knows what a power cut would leave of it.
//
//	            WriteAt, Mapping           Sync (each file)
//	readers ◄── live bytes ──────────────► device bytes ──┐
//	            Create, Rename, Remove     SyncDir        ├─► Crash: device state, plus any subset
//	readers ◄── live names ──────────────► device names ──┘   of the unsynced sectors and any
//	                                                          front part of each directory's changes
//
// The fields are set before use.
type Mem struct {
	// Fault is called before each operation that changes something, and may let it fail. It may
	// call Crash or Kill: the image is of the moment before the operation. An error that is a
	// [*ShortWrite] lets the front of a write happen.
	Fault func(Op) error
	// FaultReads lets Fault be called before operations that change nothing, too.
	FaultReads bool
	// Capacity is the size of the disk in bytes; 0 is no limit.
	Capacity int64
	// Now dates the files; nil is the system's clock.
	Now func() time.Time
	// Lie is what the disk says it has done and has not: a test of tests.
	Lie Lie
	// Cold lets every mapped byte count as not in memory until it is populated or Cold is unset.
	Cold atomic.Bool

	ops atomic.Int64 // operations so far

	mu sync.Mutex
	// Under mu:
	boot   int
	live   map[string]*memNode
	device map[string]*memNode
	// changes are the name changes of each directory since its last SyncDir, in order.
	changes map[string][]nameChange
	copies  map[*memNode]*memNode // of an image of Kill: which node of the other it has which copy of
}

var _ FS = (*Mem)(nil)

// NewMem makes an empty directory.
func NewMem() *Mem {
	m := &Mem{live: map[string]*memNode{}, device: map[string]*memNode{}, changes: map[string][]nameChange{}}
	root := &memNode{dir: true}
	m.live["."], m.device["."] = root, root
	return m
}

// Ops is the number of operations so far.
func (m *Mem) Ops() int64 { return m.ops.Load() }

func (m *Mem) now() time.Time {
	if m.Now != nil {
		return m.Now()
	}
	return time.Now()
}

// Path implements [FS].
func (m *Mem) Path() string { return "mem" }

// Close implements [FS].
func (m *Mem) Close() error { return nil }

// BootID implements [FS].
func (m *Mem) BootID() (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return fmt.Sprintf("mem-%d", m.boot), nil
}

// clean checks a name and returns its short form.
func (m *Mem) clean(op, name string) (string, error) {
	if !filepath.IsLocal(name) || strings.ContainsRune(name, 0) {
		return "", &os.PathError{Op: op, Path: name, Err: errors.New("path escapes from parent")}
	}
	return path.Clean(name), nil
}

// lookup finds a name. Under mu.
func (m *Mem) lookup(op, name string) (*memNode, error) {
	clean, err := m.clean(op, name)
	if err != nil {
		return nil, err
	}
	if n := m.live[clean]; n != nil {
		return n, nil
	}
	return nil, &os.PathError{Op: op, Path: "mem/" + name, Err: fs.ErrNotExist}
}

// Create implements [FS].
func (m *Mem) Create(name string) (File, error) {
	clean, err := m.clean("create", name)
	if err != nil {
		return nil, err
	}
	if err := m.fault(OpCreate, clean, 0, 0); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[clean] != nil {
		return nil, &os.PathError{Op: "create", Path: "mem/" + name, Err: fs.ErrExist}
	}
	if parent := m.live[path.Dir(clean)]; parent == nil || !parent.dir {
		return nil, &os.PathError{Op: "create", Path: "mem/" + name, Err: fs.ErrNotExist}
	}
	n := &memNode{modTime: m.now()}
	m.change(nameChange{clean: n}, path.Dir(clean))
	return &memFile{m: m, n: n, name: name}, nil
}

// Open implements [FS].
func (m *Mem) Open(name string) (File, error) {
	if err := m.faultRead(OpOpen, path.Clean(name), 0, 0); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("open", name)
	if err != nil {
		return nil, err
	}
	if n.dir {
		return nil, &os.PathError{Op: "open", Path: "mem/" + name, Err: syscall.EISDIR}
	}
	return &memFile{m: m, n: n, name: name}, nil
}

// MkdirAll implements [FS].
func (m *Mem) MkdirAll(name string) error {
	clean, err := m.clean("mkdir", name)
	if err != nil {
		return err
	}
	if dir := path.Dir(clean); dir != "." && clean != "." {
		if err := m.MkdirAll(dir); err != nil {
			return err
		}
	}
	m.mu.Lock()
	n := m.live[clean]
	m.mu.Unlock()
	if n != nil {
		if !n.dir {
			return &os.PathError{Op: "mkdir", Path: "mem/" + name, Err: syscall.ENOTDIR}
		}
		return nil
	}
	if err := m.fault(OpMkdir, clean, 0, 0); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.live[clean] == nil {
		m.change(nameChange{clean: {dir: true, modTime: m.now()}}, path.Dir(clean))
	}
	return nil
}

// ReadDir implements [FS].
func (m *Mem) ReadDir(name string) ([]Entry, error) {
	if err := m.faultRead(OpReadDir, path.Clean(name), 0, 0); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("readdir", name)
	if err != nil {
		return nil, err
	}
	if !n.dir {
		return nil, &os.PathError{Op: "readdir", Path: "mem/" + name, Err: syscall.ENOTDIR}
	}
	prefix := path.Clean(name) + "/"
	if prefix == "./" {
		prefix = ""
	}
	var children []string
	for child := range m.live {
		if rest, within := strings.CutPrefix(child, prefix); within && child != "." && !strings.Contains(rest, "/") {
			children = append(children, child)
		}
	}
	slices.Sort(children)
	entries := make([]Entry, len(children))
	for i, child := range children {
		entries[i] = m.live[child].entry(child)
	}
	return entries, nil
}

// Stat implements [FS].
func (m *Mem) Stat(name string) (Entry, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("stat", name)
	if err != nil {
		return Entry{}, err
	}
	return n.entry(path.Clean(name)), nil
}

// Remove implements [FS].
func (m *Mem) Remove(name string) error {
	if err := m.fault(OpRemove, path.Clean(name), 0, 0); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("remove", name)
	if err != nil {
		return err
	}
	clean := path.Clean(name)
	for child := range m.live {
		if n.dir && strings.HasPrefix(child, clean+"/") {
			return &os.PathError{Op: "remove", Path: "mem/" + name, Err: syscall.ENOTEMPTY}
		}
	}
	m.change(nameChange{clean: nil}, path.Dir(clean))
	if n.dir {
		m.emptied(clean)
	}
	return nil
}

// emptied makes the device forget what was in a directory that is removed: one made later under
// the same name must not show it again. Under mu.
func (m *Mem) emptied(dir string) {
	within := func(name string) bool { return strings.HasPrefix(name, dir+"/") }
	maps.DeleteFunc(m.device, func(name string, _ *memNode) bool { return within(name) })
	maps.DeleteFunc(m.changes, func(name string, _ []nameChange) bool { return name == dir || within(name) })
}

// Rename implements [FS].
func (m *Mem) Rename(from, to string) error {
	if err := m.fault(OpRename, path.Clean(from), 0, 0); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup("rename", from)
	if err != nil {
		return err
	}
	clean, err := m.clean("rename", to)
	if err != nil {
		return err
	}
	if n.dir || m.live[path.Dir(clean)] == nil {
		return &os.PathError{Op: "rename", Path: "mem/" + to, Err: fs.ErrNotExist}
	}
	from = path.Clean(from)
	m.change(nameChange{from: nil, clean: n}, path.Dir(from), path.Dir(clean))
	return nil
}

// Space implements [FS].
func (m *Mem) Space() (Space, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.Capacity == 0 {
		const huge = 1 << 50
		return Space{Total: huge, Free: huge - m.used()}, nil
	}
	return Space{Total: m.Capacity, Free: max(m.Capacity-m.used(), 0)}, nil
}

// used is the bytes of all blocks. Under mu.
func (m *Mem) used() int64 {
	var sum int64
	for _, n := range m.live {
		sum += int64(n.blockCount) * block
	}
	return sum
}
