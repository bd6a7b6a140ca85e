package txn

import (
	"log/slog"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/message"
)

// BenchmarkTransaction is what a transaction costs whose messages have 128 bytes, on a disk: prepared and committed in
// turns of so many, as a loop does.
func BenchmarkTransaction(b *testing.B) {
	for _, turn := range []int{1, 32} {
		b.Run(strconv.Itoa(turn), func(b *testing.B) {
			store, err := engine.Open(engine.Options{Dir: b.TempDir(), CommitLogFileSize: 256 << 20})
			require.NoError(b, err)
			commit := func(upTo message.LogOffset) error {
				_, err := store.Commit(upTo, nil)
				return err
			}
			s, err := Open(Options{
				Store: store, Progress: offsets{}, Settings: func() Settings { return Settings{Timeout: time.Minute, CheckMax: 15, Reserved: time.Hour} },
				MakeTopic: func(string) error { return nil }, Commit: commit, Stored: func([]byte, int32) {}, Ask: func(*Question) {},
				Host: func() netip.AddrPort { return brokerHost }, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
			})
			require.NoError(b, err)
			decisions := make([]Decision, turn)
			b.ReportAllocs()
			n := 0
			for b.Loop() {
				var upTo message.LogOffset
				for i := range decisions {
					n++
					r := &message.Record{Topic: []byte("T"), Body: make([]byte, 128), BornHost: producerHost, StoreHost: brokerHost, StoreTimestamp: s.now()}
					Prepare(r, message.Properties(nil).Append("UNIQ_KEY", strconv.Itoa(n)).Append("TRAN_MSG", "true").Append("PGROUP", "PG"))
					got, err := store.Append(store.Queue(r.Topic, r.QueueID), r)
					require.NoError(b, err)
					decisions[i] = Decision{Group: "PG", QueueOffset: got.QueueOffset, LogOffset: got.LogOffset, Commit: true}
					upTo = got.End()
				}
				require.NoError(b, commit(upTo))
				for _, d := range decisions {
					upTo, err = s.End(d)
					require.NoError(b, err)
				}
				require.NoError(b, commit(upTo))
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/transaction")
			require.NoError(b, store.Close())
		})
	}
}
