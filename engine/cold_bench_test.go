package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// coldStore is a store with messages of 1 KiB in one queue, none of which the page cache has.
func coldStore(b *testing.B, n int) *Store {
	s := benchStore(b, Options{NoIndex: true, Limits: Limits{MemoryBytes: 1 << 40}})
	q := s.Queue([]byte("BenchTopic"), 0)
	r := benchRecord(1024)
	for i := range n {
		got, err := s.Append(q, r)
		require.NoError(b, err)
		if i%256 == 255 || i == n-1 {
			require.NoError(b, s.commitTo(got.End()))
		}
	}
	require.NoError(b, s.log.Sync())
	forget(b, s)
	return s
}

// forget drops the log from the page cache, and what was read from the device, as if a minute had gone by.
func forget(b *testing.B, s *Store) {
	require.NoError(b, s.log.DropCache(0, s.log.Written()))
	for range 60 {
		s.log.Forget()
	}
}

// readCold reads the queue from an offset on until stop says so, and returns how many messages there were and how many
// of the pulls had to wait.
func readCold(b *testing.B, s *Store, to int, stop func() bool) (messages, waits int) {
	req := GetRequest{Queue: s.Queue([]byte("BenchTopic"), 0), MaxMsgs: 32}
	ready := make(chan struct{}, 1)
	for req.Offset = 0; int(req.Offset) < to && !stop(); {
		res := NewGetResult()
		s.Get(&req, res)
		if res.Cold {
			waits++
			res.Fetch(func() { ready <- struct{}{} })
			<-ready
			if err := res.Warm(); err != nil {
				b.Error(err)
				return messages, waits
			}
		}
		if res.Count == 0 {
			b.Errorf("nothing at %d: %s", req.Offset, res.Status)
			return messages, waits
		}
		messages += res.Count
		req.Offset = res.Next
		res.Release()
	}
	return messages, waits
}

// BenchmarkCold reads messages of which the page cache has none, one pull after the other. An op is a message.
func BenchmarkCold(b *testing.B) {
	const n = 256 << 10
	s := coldStore(b, n+64<<10) // the last 64 MiB count as recent
	b.ReportAllocs()
	messages, waits, begin := 0, 0, cpuTime(b)
	b.ResetTimer()
	for messages < b.N {
		b.StopTimer()
		forget(b, s)
		b.StartTimer()
		got, waited := readCold(b, s, min(n, b.N-messages), func() bool { return false })
		messages, waits = messages+got, waits+waited
	}
	cpuPerOp(b, begin)
	b.ReportMetric(float64(waits)/float64(messages)*1000, "waits/kmsg")
}

// BenchmarkColdBesideProducer commits a message every 200 µs, alone and beside a reader that reads cold messages as fast
// as it can.
func BenchmarkColdBesideProducer(b *testing.B) {
	s := coldStore(b, 640<<10)
	own := s.Queue([]byte("Own"), 0)
	produce := func(b *testing.B, seconds float64) {
		r := benchRecord(1024)
		r.Topic = []byte("Own")
		var took []time.Duration
		ticks := time.NewTicker(200 * time.Microsecond)
		defer ticks.Stop()
		for begin := time.Now(); time.Since(begin).Seconds() < seconds; {
			<-ticks.C
			start := time.Now()
			got, err := s.Append(own, r)
			if err == nil {
				err = s.commitTo(got.End())
			}
			require.NoError(b, err)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
		b.ReportMetric(float64(took[len(took)*999/1000].Microseconds()), "p99.9-µs")
	}
	b.Run("alone", func(b *testing.B) { produce(b, 2) })
	b.Run("beside", func(b *testing.B) {
		stop, done := make(chan struct{}), make(chan struct{})
		messages := 0
		begin := time.Now()
		go func() {
			defer close(done)
			messages, _ = readCold(b, s, 576<<10, func() bool {
				select {
				case <-stop:
					return true
				default:
					return false
				}
			})
		}()
		produce(b, 2)
		close(stop)
		<-done
		b.ReportMetric(float64(messages)/time.Since(begin).Seconds(), "read-msg/s")
	})
}
