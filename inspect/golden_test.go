package inspect

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/fastjson"
	"ringmq/internal/message"
)

// TestJavaFilesByteForByte: what ringmq writes for the content of a Java broker's files are the Java broker's
// bytes. Queue entries, ext units and index entries are held against their records in
// consumequeue, index and by check.
func TestJavaFilesByteForByte(t *testing.T) {
	seen := map[string]int{}
	for name := range javaStores {
		dir := unpack(t, name)
		require.NoError(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			require.NoError(t, err)
			rel, err := filepath.Rel(dir, path)
			require.NoError(t, err)
			kind := strings.TrimSuffix(rel, backupSuffix)
			if strings.HasPrefix(rel, engine.CommitLogName+"/") {
				kind = engine.CommitLogName
			}
			if same := goldens[kind]; same != nil {
				seen[kind]++
				same(t, name+"/"+rel, b)
			}
			return nil
		}))
	}
	for kind := range goldens {
		require.NotZero(t, seen[kind], kind)
	}
}

var goldens = map[string]func(t *testing.T, name string, b []byte){
	engine.CommitLogName:  sameLog,
	engine.CheckpointName: sameCheckpoint,
	engine.LockName:       func(t *testing.T, name string, b []byte) { require.Equal(t, "lock", string(b), name) },
	engine.AbortName:      func(t *testing.T, name string, b []byte) { require.Empty(t, b, name) },
	"config/topics.json":  sameJSON, "config/subscriptionGroup.json": sameJSON,
	"config/consumerOffset.json": sameJSON, "config/lmqConsumerOffset.json": sameJSON,
	"config/delayOffset.json": sameJSON,
}

// sameLog encodes each record again.
func sameLog(t *testing.T, name string, b []byte) {
	base, ok := commitlog.ParseFileName(filepath.Base(name))
	require.True(t, ok)
	at := 0
	for {
		var r message.Record
		size, err := commitlog.CheckRecord(b[at:], base+message.LogOffset(at), &r)
		if err != nil {
			break
		}
		require.Equal(t, b[at:at+size], r.Append(nil), "%s at %d", name, at)
		at += size
	}
	h, err := message.Peek(b[at:])
	if err == message.ErrBlank {
		require.Equal(t, len(b)-at, h.Size)
		return
	}
	require.Equal(t, make([]byte, len(b)-at), b[at:], "%s: nothing behind the last record", name)
}

func sameCheckpoint(t *testing.T, name string, b []byte) {
	require.Len(t, b, engine.CheckpointSize, name)
	var values []int64
	for _, c := range engine.TimesLayout.Cells(b) {
		values = append(values, c.Value)
	}
	times := engine.DecodeTimes(b)
	require.Equal(t, []int64{times.Log, times.Queues, times.Index}, values)
	require.Equal(t, make([]byte, engine.CheckpointSize-engine.TimesLayout.Size()), b[engine.TimesLayout.Size():], name)
}

// sameJSON writes what it has read. The entries of Java's maps have another order.
func sameJSON(t *testing.T, name string, b []byte) {
	v := configs[strings.TrimSuffix(filepath.Base(name), backupSuffix)]()
	require.NoError(t, fastjson.Unmarshal(b, v), name)
	again, err := fastjson.MarshalPretty(v)
	require.NoError(t, err)
	lines := func(b []byte) []string {
		all := strings.Split(strings.ReplaceAll(string(b), ",\n", "\n"), "\n")
		slices.Sort(all)
		return all
	}
	require.Equal(t, lines(b), lines(again), name)
}
