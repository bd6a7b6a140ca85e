package inspect

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/engine"
	"ringmq/internal/fastjson"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// smallOptions are those of the test stores: several files of everything after a few messages.
func smallOptions(dir string) engine.Options {
	return engine.Options{
		Dir: dir, CommitLogFileSize: 16 << 10, ConsumeQueueFileSize: 400,
		IndexSlots: 20, IndexEntries: 100,
	}
}

// newRecord is message n of the test stores.
func newRecord(n int) *message.Record {
	r := &message.Record{
		Topic: []byte(fmt.Sprint("Topic", n%3)), QueueID: int32(n % 2),
		Body:          []byte(fmt.Sprintf("message %d %s", n, strings.Repeat(".", n%150))),
		BornTimestamp: 1_700_000_000_000 + int64(n), StoreTimestamp: 1_700_000_000_500 + 100*int64(n),
		BornHost: netip.MustParseAddrPort("10.0.0.1:4321"), StoreHost: netip.MustParseAddrPort("127.0.0.1:10911"),
		Properties: message.Properties(nil).Append("TAGS", fmt.Sprint("tag", n%4)).Append("UNIQ_KEY", fmt.Sprintf("%032X", n)),
	}
	switch n % 10 {
	case 3:
		r.Properties = r.Properties.Append("KEYS", fmt.Sprintf("order%d  customer%d", n, n%7))
	case 5:
		r.Topic, r.QueueID = []byte(engine.ScheduleTopic), 2
		r.Properties = r.Properties.Append("DELAY", "3").Append("REAL_TOPIC", "Topic1").Append("REAL_QID", "0")
	case 6:
		r.SysFlag = message.TransactionPrepared
	case 7:
		r.SysFlag = message.TransactionRollback
	case 8:
		r.SysFlag, r.PreparedTransactionOffset = message.TransactionCommit, 4711
		r.BornHost, r.StoreHost = netip.MustParseAddrPort("[2001:db8::1]:9"), netip.MustParseAddrPort("[2001:db8::2]:10911")
	}
	return r
}

// makeStore writes a store of n messages and closes it.
func makeStore(t testing.TB, n int) string {
	t.Helper()
	dir := t.TempDir()
	fillStore(t, smallOptions(dir), 0, n)
	writeConfig(t, dir)
	return dir
}

// fillStore puts messages from to to-1.
func fillStore(t testing.TB, o engine.Options, from, to int) {
	t.Helper()
	s, err := engine.Open(o)
	require.NoError(t, err)
	for n := from; n < to; n++ {
		r := newRecord(n)
		got, err := s.Append(s.Queue(r.Topic, r.QueueID), r)
		require.NoError(t, err)
		_, err = s.Commit(got.End(), nil)
		require.NoError(t, err)
	}
	require.NoError(t, s.Close())
}

// writeConfig writes the state files that belong to a test store.
func writeConfig(t testing.TB, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, configName), 0o755))
	writeTopics(t, dir, "Topic0", "Topic1", "Topic2", engine.ScheduleTopic)
	for name, v := range map[string]any{
		groupsFile:           wire.SubscriptionGroupWrapper{SubscriptionGroupTable: map[string]*wire.SubscriptionGroupConfig{"CG": {GroupName: "CG"}}},
		offsetsFile:          wire.OffsetSerializeWrapper{OffsetTable: map[string]map[int32]int64{"Topic0@CG": {0: 3, 1: 5}, "Topic1@CG": {0: 2}, "%RETRY%CG@CG": {0: 0}}},
		delaysFile:           wire.DelayOffsetSerializeWrapper{OffsetTable: map[int32]int64{3: 1}},
		offsetsFile + ".bak": wire.OffsetSerializeWrapper{OffsetTable: map[string]map[int32]int64{"Topic0@CG": {0: 2}}},
	} {
		data, err := fastjson.MarshalPretty(v)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, configName, name), data, 0o600))
	}
}

// writeTopics writes topics.json.
func writeTopics(t testing.TB, dir string, names ...string) {
	t.Helper()
	topics := wire.TopicConfigSerializeWrapper{TopicConfigTable: map[string]*wire.TopicConfig{}}
	for _, name := range names {
		topics.TopicConfigTable[name] = &wire.TopicConfig{TopicName: name, ReadQueueNums: 2, WriteQueueNums: 2, Perm: 6}
	}
	data, err := fastjson.MarshalPretty(topics)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, configName, topicsFile), data, 0o600))
}

// check returns the report and what it told, a line each.
func check(t testing.TB, dir string, o CheckOptions) (*Report, []string) {
	t.Helper()
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	var lines []string
	o.Tell = func(p Problem) { lines = append(lines, p.String()) }
	r, err := s.Check(context.Background(), o)
	require.NoError(t, err)
	require.NoError(t, s.Close())
	return r, lines
}

// tree is the files of a directory: size, time of change and content.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		require.NoError(t, err)
		rel, _ := filepath.Rel(dir, path)
		files[rel] = info.ModTime().Format(time.RFC3339Nano)
		if !d.IsDir() {
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			files[rel] += string(b)
		}
		return nil
	}))
	return files
}

// TestLightOffsets: a broker with light queues keeps all offsets in another file.
func TestLightOffsets(t *testing.T) {
	dir := unpack(t, "light")
	data, err := fastjson.MarshalPretty(wire.LmqOffsetSerializeWrapper{
		LmqOffsetTable: map[string]int64{"%LMQ%a@%LMQ%g": 2}, OffsetTable: map[string]map[int32]int64{"Topic0@CG": {1: 7}},
	})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, configName, lmqOffsets), data, 0o600))
	s, err := Open(Options{Dir: dir})
	require.NoError(t, err)
	o, err := s.Offsets("", "")
	require.NoError(t, err)
	require.Empty(t, o.Missing)
	require.Len(t, o.Groups, 2)
	require.Equal(t, [4]any{"%LMQ%g", "%LMQ%a", int32(0), int64(2)}, [4]any{o.Groups[0].Group, o.Groups[0].Topic, o.Groups[0].Queue, o.Groups[0].Offset})
	require.Equal(t, [3]any{"CG", "Topic0", int64(7)}, [3]any{o.Groups[1].Group, o.Groups[1].Topic, o.Groups[1].Offset})
	require.Positive(t, o.Groups[0].Max)
	require.NoError(t, s.Close())
}
