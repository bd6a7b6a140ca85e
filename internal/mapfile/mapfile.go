// Package mapfile is the seam between the store and the disk: every byte the store
// reads or writes in its directory goes through an [FS] and its [File]s.
//
// There are two of them. [Dir] is a directory of the operating system. [Mem] is its
// twin in memory for tests: it keeps, beside what a reader sees, what the device would
// still hold after a power cut, sector by sector, and it fails where it is told to.
// The same store code runs over both.
//
// # Names
//
// Names are slash separated and relative to the FS. Neither twin follows a name out of
// its directory (no "..", no absolute path, no symbolic link that leads out), so a topic
// named by a client cannot reach a file outside the store. [CheckElement] tells earlier,
// and in plain words, that a text cannot be one element of a name.
//
// # What lasts
//
//	bytes written (WriteAt, a writable Mapping), size   last after File.Sync returned nil
//	a created, renamed or removed name                  lasts after FS.SyncDir of its directory, and of
//	                                                    the directories above it if they are new
//	a failed Sync                                       is final: the kernel has forgotten which pages were
//	                                                    dirty, so a second Sync that succeeds proves nothing
//
// What should not be waited for is a [Request], which [File.Start] hands to a ring: that of a
// [Loop], or the caller's own.
//
// Files are safe for use by several goroutines; a Mapping's bytes are plain memory and
// the callers agree among themselves who writes where.
package mapfile

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"ringmq/internal/ring"
)

// ErrLocked is returned by [File.Lock] when another process (or another File of this
// process) holds the lock.
var ErrLocked = errors.New("locked by another process")

// ErrNoSpace is the operating system's answer when the disk is full (ENOSPC), for errors.Is.
var ErrNoSpace error = syscall.ENOSPC

// NoHandles tells whether nothing was done because the process, or the machine, has too many files open: it passes.
func NoHandles(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// FS is one directory tree.
type FS interface {
	// Path is where the tree lies, for messages to people.
	Path() string
	// Create makes a new empty file, open for reading and writing; an existing one is fs.ErrExist.
	// The directory must exist.
	Create(name string) (File, error)
	// Open opens an existing file for reading and writing.
	Open(name string) (File, error)
	// MkdirAll makes a directory and those above it; existing ones are fine.
	MkdirAll(name string) error
	// ReadDir lists a directory sorted by name; of directories in it, only the names.
	ReadDir(name string) ([]Entry, error)
	// Stat describes one name.
	Stat(name string) (Entry, error)
	// Remove removes a file or an empty directory. Files and mappings that are open stay usable.
	Remove(name string) error
	// Rename moves a file, replacing the target.
	Rename(from, to string) error
	// Exchange swaps two files or directories in one step: whoever looks, also after a power cut, finds each name as it was or
	// as it becomes. Where b is missing, or the file system cannot do it in one step, a is renamed: b is
	// missing for a moment then. Both names are ours: they must not come from a client.
	Exchange(a, b string) error
	// SyncDir makes the names in one directory last; "." is the tree's own.
	SyncDir(name string) error
	// SyncAll makes everything last, also what another process that had the tree before has left
	// in the page cache. It waits for other trees on the same disk, too (syncfs).
	SyncAll() error
	// Space tells how large the disk below the tree is.
	Space() (Space, error)
	// BootID changes with each start of the machine: while it is the same, nothing written has
	// been lost by a power cut.
	BootID() (string, error)
	// Close gives the directory back; its files stay open.
	Close() error
}

// File is one open file.
type File interface {
	// ReadAt is io.ReaderAt's.
	io.ReaderAt
	// WriteAt is io.WriterAt's; the bytes are in the page cache when it returns.
	io.WriterAt
	// WriteWith is WriteAt in other ways.
	WriteWith(p []byte, off int64, how How) (int, error)
	// Start begins a request and returns at once. on carries it out: nil, for the directory's own
	// [Loop], or a ring of the caller's. Both must not be closed before the request is done, nor
	// the file.
	Start(r *Request, on ring.Submitter)
	// Name is the name the file was opened by.
	Name() string
	// Size is the file's length in bytes.
	Size() int64
	// ModTime is when the content was last changed.
	ModTime() (time.Time, error)
	// Sync returns when the file's bytes and size are on the device (fdatasync).
	Sync() error
	// Allocate reserves blocks for n bytes at off, so that writing them, through a mapping
	// too, cannot run out of space; it extends the file when it ends before off+n. The
	// bytes read as zero until written. A full disk is an error that is syscall.ENOSPC.
	Allocate(off, n int64) error
	// NextData is the first offset at or behind off where something was written, as far as the
	// file system knows; Size when only untouched blocks follow.
	NextData(off int64) (int64, error)
	// Truncate sets the file's length; what is added reads as zero and has no blocks.
	Truncate(size int64) error
	// Clear makes n bytes at off, within the file, read as zero and gives back their blocks. After a
	// power cut before Sync each of them is either what it was or zero.
	Clear(off, n int64) error
	// StartWriteback asks the kernel to begin writing n dirty bytes at off; it proves nothing.
	StartWriteback(off, n int64) error
	// Writeback writes n dirty bytes at off to the device, and waits for it. It makes nothing last, but after an
	// error, which the kernel tells once, no Sync can be trusted.
	Writeback(off, n int64) error
	// DropCache tells the kernel that n bytes at off will not be read soon.
	DropCache(off, n int64) error
	// Prefetch asks the kernel to begin reading n bytes at off into the page cache.
	Prefetch(off, n int64) error
	// Map maps n bytes at off, which must be a multiple of the page size and lie within the file.
	Map(off, n int64, access Access) (*Mapping, error)
	// Lock takes the exclusive lock on the file's first byte without waiting, in the way a Java
	// broker sees and honours (fcntl on byte range [0,1)); it is held until Close.
	Lock() error
	// Close closes the file; its mappings stay usable.
	Close() error
}

// Access is what a mapping may be used for.
type Access uint8

// The kinds of mapping.
const (
	// ReadOnly mappings are advised for random access: a fault reads its own page, not megabytes.
	ReadOnly Access = iota
	// ReadWrite mappings may be written where blocks were allocated before; elsewhere a full
	// disk would be a SIGBUS.
	ReadWrite
	// Scattered is ReadWrite for random access. Without that advice a first touch of a new file zeroes as much as
	// would be read ahead: megabytes.
	Scattered
)

// Entry describes one name in a directory.
type Entry struct {
	Name    string // last element
	Dir     bool
	Size    int64
	ModTime time.Time
}

// Space is the size of a disk in bytes.
type Space struct {
	Total    int64
	Free     int64 // what an ordinary user may still use
	Reserved int64 // free, but kept for root
}

// UsedPercent is used/(used+free) rounded up to whole percent, as UtilAll.getDiskPartitionSpaceUsedPercent measures a disk.
func (s Space) UsedPercent() int {
	used := s.Total - s.Free - s.Reserved
	if used+s.Free <= 0 {
		return 100
	}
	return int((used*100 + used + s.Free - 1) / (used + s.Free))
}

// Mapping is a piece of a file as memory.
type Mapping struct {
	// Data is the mapped bytes; it must not be touched after Close.
	Data []byte

	m mapped
}

// mapped is what differs between the twins' mappings.
type mapped interface {
	resident(data []byte) (bool, error)
	populate(data []byte) error
	prefault(data []byte) error
	sync(data []byte, off int) error
	forget(data []byte) error
	unmap(data []byte) error
}

// Resident tells whether n bytes at off can be read without waiting for the device.
func (m *Mapping) Resident(off, n int) (bool, error) { return m.m.resident(m.Data[off : off+n]) }

// Populate brings n bytes at off into memory, waiting for the device.
func (m *Mapping) Populate(off, n int) error { return m.m.populate(m.Data[off : off+n]) }

// Prefault makes n bytes at off of a ReadWrite mapping ready to be written without a fault, as far
// as the memory goes; nothing is written.
func (m *Mapping) Prefault(off, n int) error { return m.m.prefault(m.Data[off : off+n]) }

// Sync is File.Sync of n bytes at off that were written through the mapping (msync).
func (m *Mapping) Sync(off, n int) error { return m.m.sync(m.Data[off:off+n], off) }

// Forget lets go of the pages of n bytes at off, so that [File.DropCache] can drop them; they can be
// touched again. It is of no use to ReadWrite mappings.
func (m *Mapping) Forget(off, n int) error { return m.m.forget(m.Data[off : off+n]) }

// Close unmaps the bytes.
func (m *Mapping) Close() error {
	data := m.Data
	m.Data = nil
	if data == nil {
		return nil
	}
	return m.m.unmap(data)
}

// maxElement is the longest name a directory entry can have on Linux.
const maxElement = 255

// CheckElement tells why name cannot be one element of a file name, or nil.
func CheckElement(name string) error {
	switch {
	case name == "":
		return errors.New("a file name must not be empty")
	case name == "." || name == "..":
		return fmt.Errorf("%q cannot be a file name", name)
	case len(name) > maxElement:
		return fmt.Errorf("a file name of %d bytes is too long, at most %d", len(name), maxElement)
	case strings.ContainsAny(name, "/\x00"):
		return fmt.Errorf("%q cannot be a file name: it contains / or NUL", name)
	}
	return nil
}
