package engine

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestInspectState: what the state files of a closed, a damaged and a crashed store say.
func TestInspectState(t *testing.T) {
	o := rebuildOptions(t)
	fillRebuild(t, o, 10)
	root, err := mapfile.OpenReadOnly(o.Dir)
	require.NoError(t, err)
	defer root.Close()
	how, closed, err := LastRun(root)
	require.NoError(t, err)
	require.True(t, closed)
	require.Equal(t, "clean stop", how)
	m, ok, damaged, err := ReadMark(root)
	require.NoError(t, err)
	require.True(t, ok)
	require.Zero(t, damaged)
	require.True(t, m.Closed)
	require.EqualValues(t, 10, m.Entries)
	require.Equal(t, m.Anchor, m.Indexed)
	require.EqualValues(t, 2000, m.AnchorTime)
	require.Equal(t, m.Queues, m.Index)

	b, err := os.ReadFile(filepath.Join(o.Dir, CheckpointName))
	require.NoError(t, err)
	require.Len(t, b, CheckpointSize)
	require.Equal(t, Times{Log: 2000, Queues: 2000}, DecodeTimes(b))

	name := filepath.Join(o.Dir, MarksName)
	marks, err := os.ReadFile(name)
	require.NoError(t, err)
	marks[20] ^= 1
	marks[markStride+20] ^= 1
	require.NoError(t, os.WriteFile(name, marks, 0o600))
	_, _, damaged, err = ReadMark(root)
	require.NoError(t, err)
	require.Positive(t, damaged)

	require.NoError(t, os.WriteFile(filepath.Join(o.Dir, AbortName), nil, 0o600))
	how, closed, err = LastRun(root)
	require.NoError(t, err)
	require.False(t, closed)
	require.Equal(t, "crash of a Java broker", how)
	require.NoError(t, os.Remove(name))
	_, ok, _, err = ReadMark(root)
	require.NoError(t, err)
	require.False(t, ok)
}

func TestReadDeleted(t *testing.T) {
	o := rebuildOptions(t)
	fillRebuild(t, o, 10)
	s, err := Open(o)
	require.NoError(t, err)
	require.NoError(t, s.DeleteTopic("T1"))
	end := s.Visible()
	root, err := mapfile.OpenReadOnly(o.Dir)
	require.NoError(t, err)
	defer root.Close()
	deleted, err := ReadDeleted(root)
	require.NoError(t, err)
	require.Equal(t, map[string]message.LogOffset{"T1": end}, deleted)
	require.NoError(t, s.Close())
	require.NoError(t, os.RemoveAll(filepath.Join(o.Dir, ringmqName)))
	deleted, err = ReadDeleted(root)
	require.NoError(t, err)
	require.Empty(t, deleted)
}

func TestDerive(t *testing.T) {
	d := NewDeriver([]time.Duration{time.Minute})
	r := testRecord("T", "b")
	r.LogOffset, r.QueueOffset = 4096, 7
	r.Properties = r.Properties.Append("UNIQ_KEY", "u").Append("KEYS", "a b")
	got := d.Derive(r)
	require.True(t, got.Queued)
	require.Len(t, got.Hashes, 3)
	require.EqualValues(t, 4096, got.Entry.LogOffset)
	require.EqualValues(t, r.Size(), got.Entry.Size)
	require.EqualValues(t, 2598919, got.Entry.TagsCode)

	r.Topic = []byte(ScheduleTopic)
	r.Properties = r.Properties.Append("DELAY", "3")
	require.EqualValues(t, 2000+60_000, d.Derive(r).Entry.TagsCode, "the highest level there is")
	require.EqualValues(t, 60_000, d.Derive(r).Delay)
	require.EqualValues(t, 2000+10_000, NewDeriver(nil).Derive(r).Entry.TagsCode)
	r.SysFlag = message.TransactionRollback
	got = d.Derive(r)
	require.False(t, got.Queued)
	require.Empty(t, got.Hashes)
}
