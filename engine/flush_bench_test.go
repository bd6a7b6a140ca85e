package engine

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
)

// BenchmarkCommits commits single messages of 1 KiB from many waiters with SyncFlush, in each mode; "ring" by the ring of a loop,
// as the network's loops do. BenchmarkBareCommits is the bare loop of
// the same system calls, with as many waiters.
//
//	go test -run '^$' -bench 'Commits' -benchtime 3s ./engine
func BenchmarkCommits(b *testing.B) {
	for _, waiters := range []int{1, 16, 256} {
		for _, mode := range commitlog.Modes {
			for _, way := range []string{"calls", "ring"} {
				if way == "ring" && !mode.ByRing() {
					continue
				}
				b.Run(fmt.Sprintf("%d/%s/%s", waiters, mode, way), func(b *testing.B) {
					s := benchStore(b, Options{Flush: SyncFlush, FlushMode: mode, NoIndex: true, PrewriteRate: 1 << 30})
					warmAhead(b, s)
					benchCommits(b, s, waiters, way == "ring")
				})
			}
		}
	}
}

// warmAhead waits for the zeros ahead of the log's end.
func warmAhead(b *testing.B, s *Store) {
	b.Helper()
	require.NoError(b, s.log.Prepare(0))
	for more := true; more; {
		var err error
		more, err = s.log.Prewrite(prewriteAhead, prewriteAhead)
		require.NoError(b, err)
	}
}

func benchCommits(b *testing.B, s *Store, waiters int, byRing bool) {
	q := s.Queue([]byte("BenchTopic"), 0)
	var left atomic.Int64
	left.Store(int64(b.N))
	var on *mapfile.Loop
	if byRing {
		on = s.loop
	}
	took := make(chan []time.Duration, waiters)
	begin := cpuTime(b)
	b.ResetTimer()
	for range waiters {
		go func() {
			r := benchRecord(1024)
			acked := make(chan error, 1)
			ack := func(err error) { acked <- err }
			var times []time.Duration
			for left.Add(-1) >= 0 {
				since := time.Now()
				got, err := s.Append(q, r)
				if err == nil {
					if on == nil {
						s.Commit(got.End(), ack)
					} else {
						s.CommitOn(on, got.End(), ack)
					}
					err = <-acked
				}
				if err != nil {
					b.Error(err)
					break
				}
				times = append(times, time.Since(since))
			}
			took <- times
		}()
	}
	var all []time.Duration
	for range waiters {
		all = append(all, <-took...)
	}
	cpuPerOp(b, begin)
	percentiles(b, all)
}

// percentiles reports the middle and the tail of durations.
func percentiles(b *testing.B, all []time.Duration) {
	slices.Sort(all)
	at := func(p float64) float64 { return float64(all[int(p*float64(len(all)-1))].Nanoseconds()) / 1e3 }
	b.ReportMetric(at(0.5), "p50-µs")
	b.ReportMetric(at(0.99), "p99-µs")
	b.ReportMetric(at(0.999), "p99.9-µs")
}

// BenchmarkBareCommits: see BenchmarkCommits.
func BenchmarkBareCommits(b *testing.B) {
	for _, waiters := range []int{1, 16, 256} {
		for _, mode := range []string{"write-dsync", "direct"} {
			b.Run(fmt.Sprintf("%d/%s", waiters, mode), func(b *testing.B) {
				c := newBare(b, mode == "direct")
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
	direct bool
	wake   chan struct{}
	mu     sync.Mutex
	bufs   [2][]byte
	used   int
	acks   []chan struct{}
	spare  []chan struct{}
}

const bareFile = 256 << 20

// newBare makes a file whose blocks were written before.
func newBare(b *testing.B, direct bool) *bare {
	flags := os.O_RDWR | os.O_CREATE
	if direct {
		flags |= unix.O_DIRECT
	}
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "log"), flags, 0o600)
	require.NoError(b, err)
	c := &bare{b: b, f: f, direct: direct, wake: make(chan struct{}, 1), bufs: [2][]byte{mapfile.Memory(1 << 20), mapfile.Memory(1 << 20)}}
	for off := int64(0); off < bareFile; off += int64(len(c.bufs[0])) {
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
		if off+int64(len(p)) > bareFile {
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

// BenchmarkRolls appends 1 KiB at a time, committing each, over a dozen files, and says what the slowest of the messages that begin a
// file, with those around it, took against the others.
//
//	go test -run '^$' -bench Rolls -benchtime 400000x ./engine
func BenchmarkRolls(b *testing.B) {
	for _, flush := range []FlushType{AsyncFlush, SyncFlush} {
		b.Run([]string{"async", "sync"}[flush], func(b *testing.B) {
			s := benchStore(b, Options{Flush: flush, NoIndex: true, CommitLogFileSize: 32 << 20, PrewriteRate: 256 << 20})
			q := s.Queue([]byte("BenchTopic"), 0)
			r := benchRecord(1024)
			acked := make(chan error, 1)
			ack := func(err error) { acked <- err }
			var near, between []time.Duration
			const around = 1 << 20 // bytes before and behind a file's begin
			for b.Loop() {
				since := time.Now()
				got, err := s.Append(q, r)
				if err == nil && s.Deferred() {
					s.CommitOn(s.loop, got.End(), ack)
					err = <-acked
				} else if err == nil {
					_, err = s.Commit(got.End(), nil)
				}
				if err != nil {
					b.Fatal(err)
				}
				took := time.Since(since)
				if at := int64(got.LogOffset) % (32 << 20); at < around || at > 32<<20-around {
					near = append(near, took)
				} else {
					between = append(between, took)
				}
			}
			for name, all := range map[string][]time.Duration{"roll": near, "between": between} {
				if len(all) == 0 {
					continue
				}
				slices.Sort(all)
				b.ReportMetric(float64(all[len(all)*999/1000].Nanoseconds())/1e3, name+"-p99.9-µs")
				b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1e3, name+"-p50-µs")
			}
		})
	}
}
