package engine

import (
	"bytes"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"ringmq/internal/message"
)

func benchStore(b *testing.B, o Options) *Store {
	b.Helper()
	o.Dir = b.TempDir()
	s, err := Open(o)
	require.NoError(b, err)
	b.Cleanup(func() { require.NoError(b, s.Close()) })
	return s
}

func benchRecord(size int) *message.Record {
	r := testRecord("BenchTopic", "")
	r.Body = bytes.Repeat([]byte("x"), size)
	r.Properties = r.Properties.Append("UNIQ_KEY", "7F0000010D5C18B4AAC21A2B3C4D0001").Append("CLUSTER", "DefaultCluster")
	return r
}

// cpuPerOp reports the processor time of the whole process for each operation since begin: other
// load on the machine moves it less than the clock.
func cpuPerOp(b *testing.B, begin time.Duration) {
	b.ReportMetric(float64(cpuTime(b)-begin)/float64(b.N), "cpu-ns/op")
}

func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	require.NoError(b, unix.Getrusage(unix.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkAppend appends turns of 64 messages, committing after each.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{128, 1024, 16384} {
		for _, noIndex := range []bool{true, false} {
			b.Run(fmt.Sprintf("%d/noIndex=%v", size, noIndex), func(b *testing.B) {
				s := benchStore(b, Options{NoIndex: noIndex})
				q := s.Queue([]byte("BenchTopic"), 0)
				r := benchRecord(size)
				b.SetBytes(int64(r.Size()))
				b.ReportAllocs()
				begin := cpuTime(b)
				b.ResetTimer()
				for i := 0; i < b.N; i++ {
					got, err := s.Append(q, r)
					if err != nil {
						b.Fatal(err)
					}
					if i%64 == 63 || i == b.N-1 {
						if _, err := s.Commit(got.End(), nil); err != nil {
							b.Fatal(err)
						}
					}
				}
				cpuPerOp(b, begin)
			})
		}
	}
}

// BenchmarkStage is Append alone: the log is thrown away.
func BenchmarkStage(b *testing.B) {
	s := benchStore(b, Options{})
	q := s.Queue([]byte("BenchTopic"), 0)
	r := benchRecord(1024)
	b.SetBytes(int64(r.Size()))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Append(q, r); err != nil {
			b.Fatal(err)
		}
		if s.stage.filling.bytes.Len() > 1<<17 {
			b.StopTimer()
			require.NoError(b, s.commitTo(s.stage.stager.Tail()))
			b.StartTimer()
		}
	}
}

// BenchmarkGet reads 32 messages at a time from the page cache.
func BenchmarkGet(b *testing.B) {
	s := benchStore(b, Options{})
	q := s.Queue([]byte("BenchTopic"), 0)
	r := benchRecord(1024)
	const n = 20000
	for i := range n {
		got, err := s.Append(q, r)
		require.NoError(b, err)
		if i%64 == 63 || i == n-1 {
			require.NoError(b, s.commitTo(got.End()))
		}
	}
	req := GetRequest{Queue: q, MaxMsgs: 32}
	b.ReportAllocs()
	messages := 0
	begin := cpuTime(b)
	for b.Loop() {
		res := NewGetResult()
		s.Get(&req, res)
		messages += res.Count
		if req.Offset = res.Next; req.Offset >= n {
			req.Offset = 0
		}
		res.Release()
	}
	b.ReportMetric(float64(cpuTime(b)-begin)/float64(messages), "cpu-ns/msg")
}

// BenchmarkSync commits single messages from many goroutines with SyncFlush.
func BenchmarkSync(b *testing.B) {
	for _, waiters := range []int{1, 64, 256} {
		b.Run(fmt.Sprint(waiters), func(b *testing.B) {
			s := benchStore(b, Options{Flush: SyncFlush, NoIndex: true})
			q := s.Queue([]byte("BenchTopic"), 0)
			var left atomic.Int64
			left.Store(int64(b.N))
			done := make(chan struct{})
			b.ReportAllocs()
			begin := cpuTime(b)
			b.ResetTimer()
			for range waiters {
				go func() {
					r := benchRecord(1024)
					acked := make(chan error, 1)
					ack := func(err error) { acked <- err }
					for left.Add(-1) >= 0 {
						got, err := s.Append(q, r)
						if err == nil {
							s.Commit(got.End(), ack)
							err = <-acked
						}
						if err != nil {
							b.Error(err)
						}
					}
					done <- struct{}{}
				}()
			}
			for range waiters {
				<-done
			}
			cpuPerOp(b, begin)
		})
	}
}
