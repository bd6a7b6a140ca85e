package consumequeue

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

func benchTable(b *testing.B, o Options) *Table {
	b.Helper()
	fs, err := mapfile.OpenDir(b.TempDir())
	require.NoError(b, err)
	o.FS = fs
	table, err := Open(o)
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, table.Close())
		require.NoError(b, fs.Close())
	})
	return table
}

// BenchmarkPut is the dispatcher's part, with the writes of full tails, over a few queues.
func BenchmarkPut(b *testing.B) {
	for _, count := range []int32{1, 16, 512} {
		b.Run(fmt.Sprintf("queues=%d", count), func(b *testing.B) {
			table := benchTable(b, Options{})
			queues := make([]*Queue, count)
			for i := range queues {
				queues[i] = table.Queue([]byte("Topic"), int32(i))
			}
			b.ReportAllocs()
			i, off, log := 0, message.QueueOffset(0), message.LogOffset(0)
			for b.Loop() {
				if queues[i].Put(off, Entry{LogOffset: log, Size: 1000}) != nil {
					b.Fatal("put")
				}
				log += 1000
				if i++; i == len(queues) {
					i, off = 0, off+1
				}
				select {
				case <-table.Due():
					require.NoError(b, table.Flush())
				default:
				}
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	table := benchTable(b, Options{})
	var topics [][]byte
	for i := range 10_000 {
		topic := fmt.Appendf(nil, "BenchmarkTopic%05d", i)
		topics = append(topics, topic)
		for id := range int32(8) {
			table.Queue(topic, id)
		}
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if table.Lookup(topics[i%len(topics)], int32(i&7)) == nil {
			b.Fatal("lost")
		}
	}
}

// BenchmarkRead reads 32 entries, as a pull does.
func BenchmarkRead(b *testing.B) {
	for _, where := range []string{"tail", "file"} {
		b.Run(where, func(b *testing.B) {
			table := benchTable(b, Options{})
			q := table.Queue([]byte("Topic"), 0)
			fill(b, q, 0, 150)
			if where == "file" {
				fill(b, q, 150, 10_000)
				require.NoError(b, table.Flush())
			}
			dst := make([]Entry, 32)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := q.Read(100, dst); n != 32 || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// BenchmarkOpen opens 10,000 topics of 8 queues with an entry each.
func BenchmarkOpen(b *testing.B) {
	for _, crashed := range []bool{false, true} {
		b.Run(fmt.Sprintf("crashed=%v", crashed), func(b *testing.B) {
			fs, err := mapfile.OpenDir(b.TempDir())
			require.NoError(b, err)
			table, err := Open(Options{FS: fs})
			require.NoError(b, err)
			for i := range 10_000 {
				for id := range int32(8) {
					fill(b, table.Queue(fmt.Appendf(nil, "BenchmarkTopic%05d", i), id), 0, 1)
				}
			}
			require.NoError(b, table.Flush())
			for b.Loop() {
				table, err := Open(Options{FS: fs, Crashed: crashed})
				require.NoError(b, err)
				table.files.close()
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/open")
			require.NoError(b, fs.Close())
		})
	}
}
