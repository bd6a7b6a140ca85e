package inspect

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

// BenchmarkCheck checks a store of 256 MiB that is in the page cache: bytes of the commit log a second.
func BenchmarkCheck(b *testing.B) {
	for _, size := range []int{128, 1024, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			dir := b.TempDir()
			s, err := engine.Open(engine.Options{Dir: dir, CommitLogFileSize: 64 << 20})
			require.NoError(b, err)
			r := &message.Record{
				Body:     make([]byte, size),
				BornHost: netip.MustParseAddrPort("10.0.0.1:4321"), StoreHost: netip.MustParseAddrPort("127.0.0.1:10911"),
			}
			for n, bytes := 0, 0; bytes < 256<<20; n++ {
				q := s.Queue([]byte("BenchmarkTest"), int32(n%16))
				r.Topic = []byte(q.Topic())
				r.Properties = message.Properties(nil).Append("UNIQ_KEY", fmt.Sprintf("%032X", n)).Append("TAGS", "a").Append("CLUSTER", "DefaultCluster")
				got, err := s.Append(q, r)
				require.NoError(b, err)
				bytes += int(got.Size)
				if n%64 == 0 {
					_, err = s.Commit(got.End(), nil)
					require.NoError(b, err)
				}
			}
			require.NoError(b, s.Close())
			records := int64(0)
			for b.Loop() {
				s, err := Open(Options{Dir: dir})
				require.NoError(b, err)
				r, err := s.Check(context.Background(), CheckOptions{})
				require.NoError(b, err)
				require.Zero(b, r.Problems)
				b.SetBytes(int64(r.Log.End))
				records += r.Log.Records
				require.NoError(b, s.Close())
			}
			b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
		})
	}
}
