package delay

import (
	"io/fs"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/message"
)

// BenchmarkDeliver is what one of 100,000 delayed messages of 128 bytes costs that are due at once, on a disk.
func BenchmarkDeliver(b *testing.B) {
	const pending = 100_000
	for range b.N {
		b.StopTimer()
		dir := b.TempDir()
		store, err := engine.Open(engine.Options{Dir: dir, CommitLogFileSize: 256 << 20, NoIndex: true, DelayLevels: []time.Duration{time.Second}})
		require.NoError(b, err)
		commit := func(upTo message.LogOffset) error {
			_, err := store.Commit(upTo, nil)
			return err
		}
		s, err := Open(Options{
			Store: store, Levels: []time.Duration{time.Second}, Read: func(func([]byte) error) error { return fs.ErrNotExist }, Flush: store.Flush,
			Commit: commit, Delivered: func([]byte, int32) {}, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
		})
		require.NoError(b, err)
		for i := range pending {
			r := &message.Record{Topic: []byte("T"), QueueID: int32(i % 8), Body: make([]byte, 128), StoreTimestamp: 1000}
			Schedule(r, message.Properties(nil).Append("UNIQ_KEY", strconv.Itoa(i)).Append("DELAY", "1"), 1, 1)
			got, err := store.Append(store.Queue(r.Topic, r.QueueID), r)
			require.NoError(b, err)
			require.NoError(b, commit(got.End()))
		}
		b.ReportAllocs()
		b.StartTimer()
		for s.Step(time.UnixMilli(10_000)) == 0 {
		}
		b.StopTimer()
		require.EqualValues(b, pending, s.Offset(1))
		require.NoError(b, store.Close())
	}
	b.ReportMetric(float64(b.N)*pending/b.Elapsed().Seconds(), "messages/s")
}
