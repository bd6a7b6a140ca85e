package engine

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
)

// BenchmarkCommits commits single messages of 1 KiB from many waiters with SyncFlush, in each mode; "ring" by that of the storage loop,
// which has to be woken (the network's loops submit their own, as ringmq bench flush does). BenchmarkBareCommits is the bare loop of
// the same system calls, with as many waiters.
// Both have fresh blocks before them, which cost a commit more than blocks that were written before: the store writes zeros ahead
// as a broker does, which one waiter never catches up with and 256 do at once. "written" is a store whose whole file has zeros
// already, beside the bare loop on such blocks; it lasts for 900,000 messages.
//
//	go test -run '^$' -bench 'Commits' -benchtime 1500ms -cpu 2 ./engine
func BenchmarkCommits(b *testing.B) {
	for _, waiters := range []int{1, 16, 256} {
		for _, mode := range commitlog.Modes {
			for _, way := range []string{"calls", "ring", "calls/written", "ring/written"} {
				byRing, written := strings.HasPrefix(way, "ring"), strings.HasSuffix(way, "/written")
				if byRing && !mode.ByRing() || written && mode != commitlog.Direct && mode != commitlog.WriteDsync {
					continue
				}
				b.Run(fmt.Sprintf("%d/%s/%s", waiters, mode, way), func(b *testing.B) {
					o := Options{Flush: SyncFlush, FlushMode: mode, NoIndex: true}
					ahead := int64(1 << 30)
					if !written {
						o.PrewriteRate, ahead = 32<<20, prewriteAhead
					}
					s := benchStore(b, o)
					warmAhead(b, s, ahead)
					benchCommits(b, s, waiters, byRing)
				})
			}
		}
	}
}

// warmAhead waits for zeros up to so many bytes ahead of the log's end.
func warmAhead(b *testing.B, s *Store, ahead int64) {
	b.Helper()
	require.NoError(b, s.log.Prepare(0))
	for more := true; more; {
		var err error
		more, err = s.log.Prewrite(ahead, ahead)
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
