package mapfile

import (
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"ringmq/internal/invariant"
)

// PhysicalMemory is the machine's RAM in bytes; 0 when the kernel does not tell.
func PhysicalMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(info.Totalram) * int64(info.Unit)
}

// UsableMemory is how much memory this process may have of its own: the RAM, or less if its control groups or
// GOMEMLIMIT say so.
func UsableMemory() int64 {
	groups, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		groups = nil // a kernel without control groups
	}
	return min(PhysicalMemory(), debug.SetMemoryLimit(-1), groupLimit(string(groups), os.ReadFile))
}

// groupLimit is the least limit of the control groups that /proc/self/cgroup names, and of those around them. A
// container that sees its own group as the root has it there.
//
//	0::/a/b           version 2: memory.max
//	4:memory:/a/b     version 1: memory.limit_in_bytes
func groupLimit(groups string, read func(name string) ([]byte, error)) int64 {
	limit := int64(math.MaxInt64)
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		root, name := "/sys/fs/cgroup", "memory.max"
		switch controllers {
		case "":
		case "memory":
			root, name = root+"/memory", "memory.limit_in_bytes"
		default:
			continue
		}
		for dir := path.Clean("/" + group); ; dir = path.Dir(dir) {
			if b, err := read(path.Join(root, dir, name)); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64); err == nil { // not "max"
					limit = min(limit, n)
				}
			}
			if dir == "/" {
				break
			}
		}
	}
	return limit
}

// Reserve returns n bytes of zeros outside of Go's heap that direct reads can use: for what is large, and shall go back to the
// kernel the moment it is not needed, by [Release]. It does not ask for pages of 2 MiB: those are what a virtual machine
// gives back to its host while they are free, and the first touch of one took 4 ms.
func Reserve(n int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	if err != nil {
		return nil, os.NewSyscallError("mmap", err)
	}
	return b, nil
}

// Release gives back what Reserve returned. Nobody may use it any more.
func Release(b []byte) {
	if err := unix.Munmap(b); err != nil {
		invariant.Failed("munmap of %d bytes: %v", len(b), err)
	}
}
