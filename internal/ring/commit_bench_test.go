package ring

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkCommit is a group commit as the store does it, a batch written behind the last one into a file that has
// its blocks (fresh), or was written before (old), by the ways the kernel offers: decision 5 stands on it.
//
//	go test -run '^$' -bench Commit -cpu 2 ./internal/ring
func BenchmarkCommit(b *testing.B) {
	const fileSize = 256 << 20
	for _, size := range []int{4 << 10, 64 << 10, 256 << 10} {
		for _, way := range []string{"pwritev2-dsync", "pwritev2-direct", "ring-dsync", "ring-fsync", "ring-direct"} {
			for _, age := range []string{"fresh", "old"} {
				b.Run(fmt.Sprintf("%s/%s/%dKiB", way, age, size>>10), func(b *testing.B) {
					runtime.LockOSThread()
					defer runtime.UnlockOSThread()
					flags := os.O_RDWR | os.O_CREATE
					if strings.HasSuffix(way, "direct") {
						flags |= unix.O_DIRECT
					}
					f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), flags, 0o600)
					require.NoError(b, err)
					defer f.Close()
					fd := int(f.Fd())
					require.NoError(b, unix.Fallocate(fd, 0, 0, fileSize))
					mem, err := unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
					require.NoError(b, err)
					for i := range mem {
						mem[i] = byte(i)
					}
					for off := int64(0); age == "old" && off < fileSize; off += int64(len(mem)) {
						_, err := unix.Pwrite(fd, mem, off)
						require.NoError(b, err)
					}
					require.NoError(b, unix.Fsync(fd))
					commit := committer(b, way, fd)
					p := mem[:size]
					b.SetBytes(int64(size))
					off := int64(0)
					for b.Loop() {
						require.NoError(b, commit(p, off))
						if off += int64(size); off+int64(size) > fileSize {
							off = 0
						}
					}
				})
			}
		}
	}
}

// committer returns one way to bring bytes to the device.
func committer(b *testing.B, way string, fd int) func(p []byte, off int64) error {
	if strings.HasPrefix(way, "pwritev2") {
		return func(p []byte, off int64) error {
			_, err := unix.Pwritev2(fd, [][]byte{p}, off, unix.RWF_DSYNC)
			return err
		}
	}
	r, err := Setup(8, 16)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, r.Close()) })
	return func(p []byte, off int64) error {
		want := uint32(1)
		write := r.GetSQE()
		if way != "ring-fsync" {
			write.PrepareWrite(fd, p, uint64(off), unix.RWF_DSYNC)
		} else {
			write.PrepareWrite(fd, p, uint64(off), 0)
			write.Flags |= SQEIOLink
			r.GetSQE().PrepareFsync(fd, true)
			want = 2
		}
		var failed error
		for seen := uint32(0); seen < want; {
			if _, err := r.SubmitAndWait(want-seen, -1); err != nil {
				return err
			}
			n := r.ForEachCQE(func(c *CQE) {
				if c.Res < 0 {
					failed = unix.Errno(-c.Res)
				}
			})
			r.AdvanceCQ(n)
			seen += n
		}
		return failed
	}
}
