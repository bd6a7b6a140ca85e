package engine

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

var startBytes = flag.Int64("start-bytes", 256<<20, "how large the commit log of BenchmarkStart is")

// BenchmarkStart opens a store of messages of 1 KiB with two keys: after it was closed, after its broker was killed in full
// flow, and with queues and index to be made again, from a log in the page cache or not.
func BenchmarkStart(b *testing.B) {
	for _, how := range []string{"closed", "killed", "derived files lost", "derived files lost, cold"} {
		b.Run(how, func(b *testing.B) {
			s, n := fillStart(b)
			o := s.o
			began, cpu := time.Duration(0), time.Duration(0)
			for range b.N {
				if how == "killed" {
					s.stop()
					s.loops.Wait()
					require.NoError(b, s.lock.Close())
				} else {
					require.NoError(b, s.Close())
				}
				if how != "closed" && how != "killed" {
					for _, name := range []string{consumeQueueName, indexName, filepath.Join(ringmqName, markFile)} {
						require.NoError(b, os.RemoveAll(filepath.Join(o.Dir, name)))
					}
				}
				if how == "derived files lost, cold" {
					dropLog(b, o)
				}
				start, used := time.Now(), cpuTime(b)
				var err error
				s, err = Open(o)
				require.NoError(b, err)
				began, cpu = began+time.Since(start), cpu+cpuTime(b)-used
				require.EqualValues(b, n, s.MaxOffset([]byte("BenchTopic"), 0))
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(began.Seconds()*1e3/float64(b.N), "ms/start")
			b.ReportMetric(cpu.Seconds()*1e3/float64(b.N), "cpu-ms/start")
			require.NoError(b, s.Close())
		})
	}
}

// fillStart makes the store and leaves it open.
func fillStart(b *testing.B) (*Store, int) {
	s, err := Open(Options{Dir: b.TempDir()})
	require.NoError(b, err)
	q := s.Queue([]byte("BenchTopic"), 0)
	r := benchRecord(1024)
	n := 0
	for end := message.LogOffset(0); end < message.LogOffset(*startBytes); n++ {
		got, err := s.Append(q, r)
		require.NoError(b, err)
		if end = got.End(); n%128 == 127 {
			require.NoError(b, s.commitTo(end))
		}
	}
	require.NoError(b, s.commitTo(s.stage.stager.Tail()))
	return s, n
}

// dropLog takes the log out of the page cache.
func dropLog(b *testing.B, o Options) {
	root, err := mapfile.OpenDir(o.Dir)
	require.NoError(b, err)
	log, err := o.openLog(root, nil, nil)
	require.NoError(b, err)
	require.NoError(b, log.DropCache(0, log.Written()))
	require.NoError(b, log.Close())
	require.NoError(b, root.Close())
}
