package index

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

func benchIndex(b *testing.B) *Index {
	b.Helper()
	fs, err := mapfile.OpenDir(b.TempDir())
	require.NoError(b, err)
	x, err := Open(Options{FS: fs})
	require.NoError(b, err)
	b.Cleanup(func() {
		require.NoError(b, x.Close())
		require.NoError(b, fs.Close())
	})
	return x
}

// BenchmarkPut indexes records of one unique key each, in files of the default size.
func BenchmarkPut(b *testing.B) {
	x := benchIndex(b)
	topic := []byte("BenchmarkTopic")
	uniq := []byte("7F0000010000000000000000000000000")
	var hashes []int32
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		for at, n := len(uniq)-1, i; at > 16; at, n = at-1, n/10 {
			uniq[at] = byte('0' + n%10)
		}
		hashes = AppendHashes(hashes[:0], topic, uniq, nil)
		if x.Put(message.LogOffset(i)*1000, 1_700_000_000_000+int64(i), hashes) != nil {
			b.Fatal("put")
		}
	}
}

// BenchmarkPutAll indexes records of one unique key each, with hashes from everywhere, 1,000 at a time.
func BenchmarkPutAll(b *testing.B) {
	x := benchIndex(b)
	records, hashes := make([]Record, 1000), make([]int32, 1000)
	random, off := uint32(1), message.LogOffset(0)
	b.ReportAllocs()
	for i := 0; i < b.N; i += len(records) {
		for k := range records {
			random = random*1664525 + 1013904223
			hashes[k] = int32(random >> 1)
			records[k] = Record{off, 1_700_000_000_000 + int64(i), int32(k + 1)}
			off += 1000
		}
		if _, err := x.PutAll(records, hashes); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHashes(b *testing.B) {
	topic, uniq, keys := []byte("BenchmarkTopic"), []byte("7F0000010000000000000000000000000"), []byte("order-17 customer-4711")
	var hashes []int32
	b.ReportAllocs()
	for b.Loop() {
		hashes = AppendHashes(hashes[:0], topic, uniq, keys)
	}
}

func BenchmarkQuery(b *testing.B) {
	x := benchIndex(b)
	topic := []byte("BenchmarkTopic")
	for i := range 1_000_000 {
		hashes := []int32{Hash(topic, fmt.Appendf(nil, "%08d", i))}
		require.NoError(b, x.Put(message.LogOffset(i)*1000, 1_700_000_000_000+int64(i), hashes))
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		key := fmt.Appendf(nil, "%08d", i%1_000_000)
		if len(x.Query(topic, key, 64, 0, 1<<60).Offsets) == 0 {
			b.Fatal("lost")
		}
	}
}
