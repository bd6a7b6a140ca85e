package commitlog

import (
	"fmt"
	"slices"
	"strings"

	"ringmq/internal/mapfile"
)

// Mode is a flush mode (flushMode): how the bytes of a batch get into a file, so that a killed
// process loses nothing, and from there to the device, so that a power cut loses nothing.
//
//	             into the file                 to the device
//	write-dsync  pwrite                        the same pwrite, with RWF_DSYNC
//	write-fsync  pwrite                        fdatasync
//	direct       pwrite past the page cache    the same pwrite, with RWF_DSYNC
//	mmap-fsync   store to a mapping            fdatasync
//	mmap-msync   store to a mapping            msync (Java's way)
//
// In the mmap modes a full disk cannot hurt, because a file has its blocks before it is used; a
// device that fails while a page of the mapping must be read kills the process (SIGBUS). In
// the other modes it is an error value.
type Mode uint8

// The flush modes.
const (
	// Auto leaves the choice to the engine; a Log takes WriteDsync.
	Auto Mode = iota
	WriteDsync
	WriteFsync
	Direct
	MmapFsync
	MmapMsync
)

// Modes are all but Auto.
var Modes = []Mode{MmapMsync, MmapFsync, WriteFsync, WriteDsync, Direct}

// String is the mode's name in configuration.
func (m Mode) String() string { return modes[m].name }

// ByRing tells whether batches are best written by a ring: the others wait in the kernel all the
// same, on a thread that the ring has to wake.
func (m Mode) ByRing() bool { return modes[m].blocks }

// ParseMode finds a mode by its name.
func ParseMode(name string) (Mode, error) {
	for m := range modes {
		if modes[m].name == name {
			return Mode(m), nil
		}
	}
	names := make([]string, len(modes))
	for m := range modes {
		names[m] = modes[m].name
	}
	return 0, fmt.Errorf("flushMode is %q; it must be one of %s", name, strings.Join(slices.Compact(names), ", "))
}

// mode is one flush mode. Its two functions either do what they are asked for, or fill in the
// request that does it and return true: it is carried out by a ring or by plain calls.
type mode struct {
	name string
	// blocks tells that what is written begins and ends at multiples of blockSize.
	blocks bool
	mapped bool // files are written through mappings
	// write brings p to off; with sync it may bring it to the device at once.
	write func(r *mapfile.Request, f *File, p []byte, off int64, sync bool) (bool, error)
	// sync brings n bytes at off, which write was told to sync, to the device.
	sync func(r *mapfile.Request, f *File, off, n int64) (bool, error)
}

var modes = [...]mode{
	Auto:       {name: "auto", write: writeWith(0, mapfile.Dsync), sync: synced},
	WriteDsync: {name: "write-dsync", write: writeWith(0, mapfile.Dsync), sync: synced},
	WriteFsync: {name: "write-fsync", write: writeWith(0, 0), sync: fsync},
	Direct:     {name: "direct", blocks: true, write: writeWith(mapfile.Direct, mapfile.Direct|mapfile.Dsync), sync: synced},
	MmapFsync:  {name: "mmap-fsync", mapped: true, write: store, sync: fsync},
	MmapMsync:  {name: "mmap-msync", mapped: true, write: store, sync: msync},
}

// writeWith writes in one of two ways.
func writeWith(async, sync mapfile.How) func(*mapfile.Request, *File, []byte, int64, bool) (bool, error) {
	return func(r *mapfile.Request, _ *File, p []byte, off int64, toDevice bool) (bool, error) {
		r.Kind, r.P, r.Off, r.How = mapfile.WriteRequest, p, off, async
		if toDevice {
			r.How = sync
		}
		return true, nil
	}
}

// synced has nothing left to do.
func synced(*mapfile.Request, *File, int64, int64) (bool, error) { return false, nil }

func fsync(r *mapfile.Request, _ *File, _, _ int64) (bool, error) {
	r.Kind, r.P, r.How = mapfile.SyncRequest, nil, 0
	return true, nil
}

func store(_ *mapfile.Request, f *File, p []byte, off int64, _ bool) (bool, error) {
	m, err := f.writable()
	if err == nil {
		copy(m.Data[off:off+int64(len(p))], p)
	}
	return false, err
}

func msync(_ *mapfile.Request, f *File, off, n int64) (bool, error) { return false, f.msync(off, n) }
