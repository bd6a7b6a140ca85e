package timer

import (
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// BenchmarkDeliver is what one of 100,000 messages of 128 bytes costs that are due within one second, on a disk:
// indexing, and delivery.
func BenchmarkDeliver(b *testing.B) {
	const pending = 100_000
	for range b.N {
		b.StopTimer()
		dir := b.TempDir()
		store, err := engine.Open(engine.Options{Dir: dir, CommitLogFileSize: 256 << 20, NoIndex: true})
		require.NoError(b, err)
		root, err := mapfile.OpenDir(dir)
		require.NoError(b, err)
		commit := func(upTo message.LogOffset) error {
			_, err := store.Commit(upTo, nil)
			return err
		}
		s, err := Open(Options{
			Store: store, FS: root, Reserved: time.Hour, Commit: commit, Delivered: func([]byte, int32) {},
			Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
		})
		require.NoError(b, err)
		now := time.Now().UnixMilli()
		for i := range pending {
			r := &message.Record{Topic: []byte("T"), QueueID: int32(i % 8), Body: make([]byte, 128), StoreTimestamp: now}
			Schedule(r, message.Properties(nil).Append("UNIQ_KEY", strconv.Itoa(i)), now+1000+int64(i*7919%1000))
			got, err := store.Append(s.Queue(), r)
			require.NoError(b, err)
			require.NoError(b, commit(got.End()))
		}
		b.ReportAllocs()
		b.StartTimer()
		for s.Step(time.UnixMilli(now+10_000)) == 0 {
		}
		b.StopTimer()
		require.Empty(b, s.near)
		require.NoError(b, s.Close())
		require.NoError(b, store.Close())
	}
	b.ReportMetric(float64(b.N)*pending/b.Elapsed().Seconds(), "messages/s")
}
