package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/internal/mapfile"
)

// BenchmarkBareCommits: see BenchmarkCommits. The file's blocks are fresh, as those are into which a log grows, or were written before, as no
// log finds them unless it writes everything twice.
func BenchmarkBareCommits(b *testing.B) {
	for _, waiters := range []int{1, 16, 256} {
		for _, mode := range []string{"write-dsync", "direct", "write-dsync/written", "direct/written"} {
			b.Run(fmt.Sprintf("%d/%s", waiters, mode), func(b *testing.B) {
				c := newBare(b, strings.HasPrefix(mode, "direct"), strings.HasSuffix(mode, "/written"))
				defer c.f.Close()
				var left atomic.Int64
				left.Store(int64(b.N))
				took := make(chan []time.Duration, waiters)
				begin := cpuTime(b)
				b.ResetTimer()
				for range waiters {
					go func() { took <- c.append(&left) }()
				}
				var all []time.Duration
				go c.run()
				for range waiters {
					all = append(all, <-took...)
				}
				cpuPerOp(b, begin)
				percentiles(b, all)
				close(c.wake)
			})
		}
	}
}

// bare is the least that group commit can be: waiters copy their bytes into one of two buffers, one goroutine writes
// what is there and answers.
type bare struct {
	b      *testing.B
	f      *os.File
	size   int64
	direct bool
	wake   chan struct{}
	mu     sync.Mutex
	bufs   [2][]byte
	used   int
	acks   []chan struct{}
	spare  []chan struct{}
}

// newBare makes a file that has its blocks, and writes them if that is wanted. What is fresh lasts for 1,800,000 messages.
func newBare(b *testing.B, direct, written bool) *bare {
	flags := os.O_RDWR | os.O_CREATE
	if direct {
		flags |= unix.O_DIRECT
	}
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), flags, 0o600)
	require.NoError(b, err)
	size := int64(2 << 30)
	if written {
		size = 256 << 20 // again and again
	}
	c := &bare{b: b, f: f, size: size, direct: direct, wake: make(chan struct{}, 1), bufs: [2][]byte{mapfile.Memory(1 << 20), mapfile.Memory(1 << 20)}}
	require.NoError(b, unix.Fallocate(int(f.Fd()), 0, 0, size))
	for off := int64(0); written && off < size; off += int64(len(c.bufs[0])) {
		_, err := f.WriteAt(c.bufs[0], off)
		require.NoError(b, err)
	}
	require.NoError(b, f.Sync())
	return c
}

func (c *bare) append(left *atomic.Int64) (times []time.Duration) {
	record := make([]byte, benchRecord(1024).Size())
	acked := make(chan struct{}, 1)
	for left.Add(-1) >= 0 {
		since := time.Now()
		c.mu.Lock()
		c.used += copy(c.bufs[0][c.used:], record)
		c.acks = append(c.acks, acked)
		c.mu.Unlock()
		select {
		case c.wake <- struct{}{}:
		default:
		}
		<-acked
		times = append(times, time.Since(since))
	}
	return times
}

func (c *bare) run() {
	off := int64(0)
	for range c.wake {
		c.mu.Lock()
		p, acks := c.bufs[0][:c.used], c.acks
		c.bufs[0], c.bufs[1] = c.bufs[1], c.bufs[0]
		c.acks, c.spare, c.used = c.spare[:0], acks, 0
		c.mu.Unlock()
		if len(p) == 0 {
			continue
		}
		step := int64(len(p))
		if c.direct {
			p = p[:(len(p)+4095)&^4095]
			step &^= 4095
		}
		if off+int64(len(p)) > c.size {
			off = 0
		}
		if _, err := unix.Pwritev2(int(c.f.Fd()), [][]byte{p}, off, unix.RWF_DSYNC); err != nil {
			c.b.Error(err)
		}
		off += step
		for _, ack := range acks {
			ack <- struct{}{}
		}
	}
}
