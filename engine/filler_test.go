package engine

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/internal/message"
)

// TestFillers: whatever the size of a part, its fillers are records from its begin to its end.
func TestFillers(t *testing.T) {
	for _, size := range []message.LogOffset{92, 93, 104, 105, 106, 500, fillerBytes - 1, fillerBytes + 91, fillerBytes + 92, fillerBytes + 93, 3*fillerBytes + 7} {
		b := fillers(4096, 4096+size, 1<<40, 77)
		require.Len(t, b, int(size))
		for at := 0; at < len(b); {
			var r message.Record
			n, err := commitlog.CheckRecord(b[at:], message.LogOffset(4096+at), &r)
			require.NoError(t, err, "size %d at %d", size, at)
			require.True(t, isFiller(&r))
			require.False(t, isQueued(r.SysFlag))
			require.EqualValues(t, 77, r.StoreTimestamp)
			at += n
		}
	}
	require.Equal(t, []byte{0, 0, 0, 100, 0xCB, 0xD4, 0x31, 0x94}, fillers(4096, 4196, 4196, 77))
	require.False(t, isFiller(&message.Record{Topic: []byte(fillerTopic)}))
	require.False(t, isFiller(&message.Record{SysFlag: message.TransactionRollback, Topic: []byte("Other")}))
}

// TestRebuildFills: after it, a reader that ends at the first damage, as a Java broker's recovery does, comes to the
// log's end; what was lost stays lost.
func TestRebuildFills(t *testing.T) {
	for name, spoil := range map[string]func(b []byte) []int{
		"a body":   func(b []byte) []int { return []int{bytes.Index(b, []byte("message 10"))} },
		"a length": func(b []byte) []int { return []int{bytes.Index(b, []byte("message 10")) - 88} },
		"in a row": func(b []byte) []int {
			i := bytes.Index(b, []byte("message 10"))
			return []int{i - 88, i + 300, i + 700}
		},
		"file ends": func(b []byte) []int { return []int{bytes.LastIndex(b, []byte("message")) - 84} },
	} {
		t.Run(name, func(t *testing.T) {
			o := rebuildOptions(t)
			fillRebuild(t, o, 200)
			log := filepath.Join(o.Dir, commitLogName)
			first := filepath.Join(log, strings.Repeat("0", 20))
			b, err := os.ReadFile(first)
			require.NoError(t, err)
			for _, i := range spoil(b) {
				b[i] ^= 0x40
			}
			require.NoError(t, os.WriteFile(first, b, 0o600))
			got, err := Rebuild(context.Background(), o, RebuildOptions{Fill: true})
			require.NoError(t, err)
			require.Positive(t, got.Filled)
			require.Equal(t, got.Damage, got.Filled)
			require.Less(t, got.Records, int64(200))

			require.EqualValues(t, 200, got.Entries, "no offset is given out again")
			require.EqualValues(t, got.End, readAsJava(t, log))
			kept, err := os.ReadDir(filepath.Join(o.Dir, ringmqName, damageDir))
			require.NoError(t, err)
			require.NotEmpty(t, kept)

			// The log is whole now: made again, nothing is damaged, and nothing else is lost.
			again, err := Rebuild(context.Background(), o, RebuildOptions{Fill: true})
			require.NoError(t, err)
			require.Zero(t, again.Damage)
			require.Equal(t, got.Entries, again.Entries)
			require.NoError(t, os.RemoveAll(filepath.Join(o.Dir, consumeQueueName)))
			s, said := openQuiet(t, o)
			require.NotContains(t, said, "ERROR")
			require.EqualValues(t, 34, s.MaxOffset([]byte("T0"), 0))
			require.NoError(t, s.Close())
		})
	}
}

// readAsJava is where a reader ends that believes every record and end mark, and no search.
func readAsJava(t *testing.T, log string) (end message.LogOffset) {
	files, err := os.ReadDir(log)
	require.NoError(t, err)
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(log, f.Name()))
		require.NoError(t, err)
		base, _ := commitlog.ParseFileName(f.Name())
		for at := 0; ; {
			var r message.Record
			n, err := commitlog.CheckRecord(b[at:], base+message.LogOffset(at), &r)
			if err == message.ErrBlank {
				break
			}
			if err != nil {
				return base + message.LogOffset(at)
			}
			at += n
			end = base + message.LogOffset(at)
		}
	}
	return end
}
