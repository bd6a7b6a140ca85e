package engine

import (
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// BenchmarkRolls appends 1 KiB at a time, committing each, over many files, and says what the slowest of a thousand took near a file's
// begin and elsewhere, while the log is flushed. "paced" is 100,000 a second, in turns of a millisecond.
// BenchmarkBareRolls has what the machine itself takes: a pwrite of as many bytes at that pace, beside an fdatasync every 500 ms.
// Both time, after each message, a microsecond of work that touches neither disk nor lock: "idle" is what the scheduler and
// the hypervisor do to anybody.
//
//	go test -run '^$' -bench Rolls -benchtime 600000x -cpu 2 ./engine
func BenchmarkRolls(b *testing.B) {
	for _, way := range []struct {
		name  string
		flush FlushType
		paced bool
	}{{"async/paced", AsyncFlush, true}, {"async", AsyncFlush, false}, {"sync", SyncFlush, false}} {
		b.Run(way.name, func(b *testing.B) {
			s := benchStore(b, Options{Flush: way.flush, CommitLogFileSize: rollFile, Pace: Pace{PrewriteRate: 32 << 20}})
			q := s.Queue([]byte("BenchTopic"), 0)
			r := benchRecord(1024)
			acked := make(chan error, 1)
			ack := func(err error) { acked <- err }
			benchRolls(b, way.paced, func() (int64, error) {
				got, err := s.Append(q, r)
				switch {
				case err != nil:
				case s.Deferred():
					s.CommitOn(s.loop, got.End(), ack)
					err = <-acked
				default:
					_, err = s.Commit(got.End(), nil)
				}
				return int64(got.LogOffset), err
			})
		})
	}
}

// rollFile is the size of a file, and nearRoll how many bytes before and behind its begin count as near.
const (
	rollFile = 64 << 20
	nearRoll = 1 << 20
)

// benchRolls times put, which returns where it has put a message.
func benchRolls(b *testing.B, paced bool, put func() (int64, error)) {
	var near, between, idle []time.Duration
	work := make([]byte, 16<<10)
	turn := time.NewTicker(time.Millisecond)
	defer turn.Stop()
	for i := 0; b.Loop(); i++ {
		if paced && i%100 == 99 {
			<-turn.C
		}
		since := time.Now()
		at, err := put()
		if err != nil {
			b.Fatal(err)
		}
		end := time.Now()
		crc32.ChecksumIEEE(work)
		idle = append(idle, time.Since(end))
		if at %= rollFile; at < nearRoll || at > rollFile-nearRoll {
			near = append(near, end.Sub(since))
		} else {
			between = append(between, end.Sub(since))
		}
	}
	for name, all := range map[string][]time.Duration{"roll": near, "between": between, "idle": idle} {
		if len(all) == 0 {
			continue
		}
		slices.Sort(all)
		b.ReportMetric(float64(all[len(all)*999/1000].Nanoseconds())/1e3, name+"-p99.9-µs")
		b.ReportMetric(float64(all[len(all)/2].Nanoseconds())/1e3, name+"-p50-µs")
	}
}

// BenchmarkBareRolls: see BenchmarkRolls.
func BenchmarkBareRolls(b *testing.B) {
	for _, name := range []string{"paced", "closed"} {
		b.Run(name, func(b *testing.B) {
			const size = 4 << 30
			f, err := os.Create(filepath.Join(b.TempDir(), "log"))
			require.NoError(b, err)
			defer f.Close()
			require.NoError(b, unix.Fallocate(int(f.Fd()), 0, 0, size))
			stop := make(chan struct{})
			var flusher sync.WaitGroup
			flusher.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(500 * time.Millisecond):
						if err := unix.Fdatasync(int(f.Fd())); err != nil {
							b.Error(err)
						}
					}
				}
			})
			record, off := make([]byte, benchRecord(1024).Size()), int64(0)
			benchRolls(b, name == "paced", func() (int64, error) {
				n, err := f.WriteAt(record, off%(size-int64(len(record))))
				off += int64(n)
				return off, err
			})
			close(stop)
			flusher.Wait()
		})
	}
}
