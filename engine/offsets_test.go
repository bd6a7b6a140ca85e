package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

func TestOffsetByTime(t *testing.T) {
	s, _ := openSmall(t, nil)
	q := s.Queue([]byte("T"), 0)
	for _, at := range []int64{1000, 1000, 2000, 2010, 2010, 2010, 5000} {
		r := testRecord("T", "x")
		r.StoreTimestamp = at
		got, err := s.Append(q, r)
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
	}
	for _, c := range []struct {
		at   int64
		want message.QueueOffset
	}{
		{0, 0}, {999, 0}, // before the first
		{1000, 0}, {2000, 2}, {2010, 3}, {5000, 6}, // exactly
		{1499, 1}, {1501, 2}, {2004, 2}, {2006, 3}, {4000, 6}, {3000, 5}, // the nearer one
		{1500, 1}, {2005, 2}, {3505, 5}, // as near: the earlier one
		{5001, 6}, {1 << 60, 6}, // behind the last: the last
	} {
		require.Equal(t, c.want, s.OffsetByTime([]byte("T"), 0, c.at), "%d", c.at)
	}
	require.Zero(t, s.OffsetByTime([]byte("T"), 1, 5000))
	s.Queue([]byte("E"), 0)
	require.Zero(t, s.OffsetByTime([]byte("E"), 0, 5000))

	require.EqualValues(t, 1000, s.EarliestStoreTime([]byte("T"), 0))
	require.EqualValues(t, -1, s.EarliestStoreTime([]byte("E"), 0))
	require.EqualValues(t, -1, s.EarliestStoreTime([]byte("X"), 0))
	require.EqualValues(t, 2000, s.StoreTimeAt([]byte("T"), 0, 2))
	require.EqualValues(t, -1, s.StoreTimeAt([]byte("T"), 0, 7))
	require.EqualValues(t, 7, s.MaxOffset([]byte("T"), 0))
	require.Zero(t, s.MaxOffset([]byte("X"), 0))
	require.Zero(t, s.MinOffset([]byte("X"), 0))
	require.True(t, s.InMemory(q, 0))
	require.True(t, s.InMemory(q, 99))
	s.SetLimits(Limits{MemoryBytes: 200})
	require.False(t, s.InMemory(q, 0))
	require.True(t, s.InMemory(q, 6))
	require.NoError(t, s.Close())
}

// TestOffsetByTimeStepsOverHoles: entries without a message have no time.
func TestOffsetByTimeStepsOverHoles(t *testing.T) {
	s, _ := openSmall(t, nil)
	q := s.Queue([]byte("T"), 0)
	put := func(at int64) {
		r := testRecord("T", "x")
		r.StoreTimestamp = at
		got, err := s.Append(q, r)
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
	}
	hole := func() {
		require.NoError(t, q.Put(q.Max(), consumequeue.Hole(consumequeue.Entry{LogOffset: q.EndLogOffset(), Size: message.MinSize})))
		q.Next = q.Max()
	}
	hole()
	require.Zero(t, s.OffsetByTime([]byte("T"), 0, 5))
	put(1000)
	hole()
	hole()
	put(2000)
	hole()
	for at, want := range map[int64]message.QueueOffset{0: 1, 1000: 1, 1400: 1, 1600: 4, 2000: 4, 3000: 4} {
		require.Equal(t, want, s.OffsetByTime([]byte("T"), 0, at), "%d", at)
	}
	require.NoError(t, s.Close())
}

func TestQueryKeyAndReadRecord(t *testing.T) {
	s, _ := openSmall(t, nil)
	first, last := send(t, s, "T", "one x", "two x", "one y")
	require.NoError(t, s.indexer.drain())
	require.Equal(t, []message.LogOffset{last.LogOffset, first.LogOffset}, s.QueryKey([]byte("T"), []byte("key-one"), 9, 0, time.Now().UnixMilli()).Offsets)
	require.Len(t, s.QueryKey([]byte("T"), []byte("key-one"), 1, 0, time.Now().UnixMilli()).Offsets, 1)
	require.Empty(t, s.QueryKey([]byte("U"), []byte("key-one"), 9, 0, time.Now().UnixMilli()).Offsets)
	b, err := s.ReadRecord(last.LogOffset)
	require.NoError(t, err)
	var r message.Record
	require.NoError(t, message.Decode(b, &r))
	require.Equal(t, "one y", string(r.Body))
	_, err = s.ReadRecord(last.LogOffset + 1)
	require.Error(t, err)
	require.NoError(t, s.Close())
}
