package engine

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// queuesPerTopic is RocketMQ's default for clients that create topics (defaultTopicQueueNums).
const queuesPerTopic = 8

// manyTopics is a store with topics, each queue having a few messages, which are in memory as in a store that runs. Its
// loops do not run.
func manyTopics(b *testing.B, topics int) *Store {
	mem := mapfile.NewMem()
	s, err := Open(Options{FS: mem, NoIndex: true, stepped: true, CommitLogFileSize: 1 << 30, StagingBytes: 4 << 20})
	require.NoError(b, err)
	r := benchRecord(100)
	var last Receipt
	for i := range topics {
		r.Topic = benchTopic(r.Topic[:0], i)
		for id := range int32(queuesPerTopic) {
			last, err = s.Append(s.Queue(r.Topic, id), r)
			require.NoError(b, err)
		}
	}
	require.NoError(b, s.commitTo(last.End()))
	return s
}

// benchTopic appends the name of the i-th topic. It is written anew each time, as a request brings it: reading it from a
// table of names would be one more cache miss, and the benchmark's own.
func benchTopic(b []byte, i int) []byte {
	b = append(b, "BenchmarkTopic00000"...)
	for at := len(b) - 1; i > 0; at, i = at-1, i/10 {
		b[at] = byte('0' + i%10)
	}
	return b
}

var topicCounts = []int{10, 1000, 10_000, 60_000}

// quiet keeps the collector away from what follows: the memory twin's files would be marked again and again. It
// returns how long marking takes while nothing else runs.
func quiet(b *testing.B) time.Duration {
	runtime.GC()
	begin := time.Now()
	runtime.GC()
	took := time.Since(begin)
	percent := debug.SetGCPercent(-1)
	b.Cleanup(func() { debug.SetGCPercent(percent) })
	return took
}

// BenchmarkTopicsAppend appends turns of 64 messages to queues at random: what it costs that there are many.
func BenchmarkTopicsAppend(b *testing.B) {
	for _, topics := range topicCounts {
		b.Run(fmt.Sprint(topics), func(b *testing.B) {
			s := manyTopics(b, topics)
			mark := quiet(b)
			var heap runtime.MemStats
			runtime.ReadMemStats(&heap)
			r := benchRecord(100)
			random := rand.New(rand.NewPCG(1, 2))
			i := 0
			b.ReportAllocs()
			begin := cpuTime(b)
			name := benchTopic(nil, 0)
			for b.Loop() {
				r.Topic = benchTopic(name[:0], random.IntN(topics))
				got, err := s.Append(s.Queue(r.Topic, random.Int32N(queuesPerTopic)), r)
				if err != nil {
					b.Fatal(err)
				}
				if i++; i%64 == 0 {
					if err := s.commitTo(got.End()); err != nil {
						b.Fatal(err)
					}
				}
			}
			cpuPerOp(b, begin)
			b.ReportMetric(float64(heap.HeapAlloc-1<<30)/float64(topics*queuesPerTopic), "B/queue")
			b.ReportMetric(float64(mark.Milliseconds()), "ms/gc")
			runtime.KeepAlive(s)
		})
	}
}

// BenchmarkTopicsGet reads the last message of queues at random.
func BenchmarkTopicsGet(b *testing.B) {
	for _, topics := range topicCounts {
		b.Run(fmt.Sprint(topics), func(b *testing.B) {
			s := manyTopics(b, topics)
			quiet(b)
			random := rand.New(rand.NewPCG(1, 2))
			req := GetRequest{MaxMsgs: 32}
			name := benchTopic(nil, 0)
			b.ReportAllocs()
			begin := cpuTime(b)
			for b.Loop() {
				name = benchTopic(name[:0], random.IntN(topics))
				req.Queue = s.Queue(name, random.Int32N(queuesPerTopic))
				req.Offset = req.Queue.Max() - 1
				res := NewGetResult()
				s.Get(&req, res)
				if res.Count != 1 {
					b.Fatal(res.Status)
				}
				res.Release()
			}
			cpuPerOp(b, begin)
		})
	}
}

// BenchmarkTopicsFlush writes the entries of 1,000 messages to 100 queues, as the checkpointer does every second,
// with other queues at rest: it must not cost more that there are many. The directory is a real one.
func BenchmarkTopicsFlush(b *testing.B) {
	for _, topics := range []int{100, 10_000} {
		b.Run(fmt.Sprint(topics), func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir(), NoIndex: true, stepped: true})
			require.NoError(b, err)
			r := benchRecord(100)
			put := func(topic int) {
				r.Topic = fmt.Appendf(nil, "BenchmarkTopic%05d", topic)
				_, err := s.Append(s.Queue(r.Topic, 0), r)
				require.NoError(b, err)
			}
			for i := range topics {
				put(i)
			}
			require.NoError(b, s.commitTo(s.stage.stager.Tail()))
			for range 3 { // the tails go after they have rested
				s.flushQueues()
			}
			begin := cpuTime(b)
			for b.Loop() {
				b.StopTimer()
				for i := range 1000 {
					put(i % 100)
				}
				require.NoError(b, s.commitTo(s.stage.stager.Tail()))
				b.StartTimer()
				s.flushQueues()
			}
			cpuPerOp(b, begin)
			require.NoError(b, s.queues.Close())
			require.EqualValues(b, message.LogOffset(0), s.log.Min())
		})
	}
}

// BenchmarkTopicsSync puts the entries of as many queues on the device, which each got a message since the last time.
func BenchmarkTopicsSync(b *testing.B) {
	for _, queues := range []int{10, 100, 1000, 8000} {
		b.Run(fmt.Sprint(queues), func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir(), NoIndex: true, stepped: true})
			require.NoError(b, err)
			r := benchRecord(100)
			turn := func() {
				for i := range queues {
					r.Topic = fmt.Appendf(r.Topic[:0], "BenchmarkTopic%05d", i/queuesPerTopic)
					_, err := s.Append(s.Queue(r.Topic, int32(i%queuesPerTopic)), r)
					require.NoError(b, err)
				}
				require.NoError(b, s.commitTo(s.stage.stager.Tail()))
			}
			turn()
			require.NoError(b, s.checkpointStep(false))
			begin := cpuTime(b)
			for b.Loop() {
				b.StopTimer()
				turn()
				b.StartTimer()
				require.NoError(b, s.checkpointStep(false))
			}
			cpuPerOp(b, begin)
			require.NoError(b, s.queues.Close())
		})
	}
}
