package engine

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestBatchStaysTogether: the members of a batch have consecutive offsets and one file, even where single
// messages would have been divided.
func TestBatchStaysTogether(t *testing.T) {
	s, _ := openSmall(t, nil)
	send(t, s, "T", strings.Repeat("x", 4000))
	rs := make([]message.Record, 5)
	for i := range rs {
		rs[i] = *testRecord("T", fmt.Sprint("m", i, " ", strings.Repeat("y", 800)))
	}
	receipts := make([]Receipt, len(rs))
	require.NoError(t, s.AppendBatch(s.Queue([]byte("T"), 0), rs, receipts))
	for i, got := range receipts {
		require.EqualValues(t, 1+i, got.QueueOffset)
		require.EqualValues(t, 1, int64(got.LogOffset)/s.o.CommitLogFileSize)
		if i > 0 {
			require.Equal(t, receipts[i-1].End(), got.LogOffset)
		}
	}
	require.NoError(t, s.commitTo(receipts[4].End()))
	require.EqualValues(t, 6, s.MaxOffset([]byte("T"), 0))

	tail := s.stage.stager.Tail()
	rs[3].Topic = nil
	require.ErrorIs(t, s.AppendBatch(s.Queue([]byte("T"), 0), rs, receipts), message.ErrTopicLength)
	rs[3].Topic = []byte("T")
	rs[3].Body = make([]byte, s.o.CommitLogFileSize)
	require.ErrorIs(t, s.AppendBatch(s.Queue([]byte("T"), 0), rs, receipts), commitlog.ErrTooLarge)
	require.Equal(t, tail, s.stage.stager.Tail(), "all or none")
	require.EqualValues(t, 6, s.Queue([]byte("T"), 0).Next)
	require.NoError(t, s.Close())
}

// TestTransactionKinds: half messages and rollbacks have no place in their queue; rollbacks are not indexed.
func TestTransactionKinds(t *testing.T) {
	s, _ := openSmall(t, nil)
	q := s.Queue([]byte("T"), 0)
	for i, c := range []struct {
		kind   int32
		offset message.QueueOffset
		max    message.QueueOffset
		hits   int
	}{
		{message.TransactionNone, 0, 1, 1},
		{message.TransactionPrepared, 0, 1, 1},
		{message.TransactionRollback, 0, 1, 0},
		{message.TransactionCommit, 1, 2, 1},
	} {
		r := testRecord("T", "b")
		r.SysFlag = c.kind
		key := fmt.Sprint("k", i)
		r.Properties = r.Properties.Append("UNIQ_KEY", key).Append("KEYS", "a  b")
		got, err := s.Append(q, r)
		require.NoError(t, err)
		require.Equal(t, c.offset, got.QueueOffset)
		require.NoError(t, s.commitTo(got.End()))
		require.NoError(t, s.indexer.drain())
		require.Equal(t, c.max, q.Max())
		require.Len(t, s.QueryKey([]byte("T"), []byte(key), 9, 0, 1<<60).Offsets, c.hits)
	}
	require.Len(t, s.QueryKey([]byte("T"), []byte("a"), 9, 0, 1<<60).Offsets, 3)
	require.Len(t, s.QueryKey([]byte("T"), []byte("b"), 9, 0, 1<<60).Offsets, 3)
	require.Empty(t, s.QueryKey([]byte("T"), []byte(""), 9, 0, 1<<60).Offsets)
	require.NoError(t, s.Close())
}

// TestDelayEntry: entries of the delay queues carry the time of delivery, before and after a rebuild.
func TestDelayEntry(t *testing.T) {
	s, mem := openSmall(t, nil)
	cases := []struct {
		topic, level string
		want         int64
	}{
		{scheduleTopic, "1", 1000}, {scheduleTopic, "3", 10_000}, {scheduleTopic, "18", 7_200_000}, {scheduleTopic, "99", 7_200_000},
		{scheduleTopic, "0", -1}, {scheduleTopic, "x", -1}, {"T", "3", -1},
	}
	put := map[message.LogOffset]int64{}
	for _, c := range cases {
		r := testRecord(c.topic, "b")
		r.StoreTimestamp = 5_000_000
		r.Properties = r.Properties.Append("DELAY", c.level)
		got, err := s.Append(s.Queue([]byte(c.topic), 2), r)
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
		put[got.LogOffset] = c.want
	}
	check := func(s *Store) {
		t.Helper()
		n := 0
		for _, q := range s.queues.All() {
			entries := make([]consumequeue.Entry, q.Max())
			_, err := q.Read(0, entries)
			require.NoError(t, err)
			for _, e := range entries {
				want := int64(2598919) // "TagA"
				if put[e.LogOffset] >= 0 {
					want = 5_000_000 + put[e.LogOffset]
				}
				require.Equal(t, want, e.TagsCode)
				n++
			}
		}
		require.Len(t, put, n)
	}
	check(s)
	check(reopen(t, s, mem.Kill()))
}

func TestStoreTimeNeverGoesBack(t *testing.T) {
	s, mem := openSmall(t, nil)
	q := s.Queue([]byte("T"), 0)
	for _, c := range []struct{ asked, got int64 }{{100, 100}, {50, 100}, {101, 101}} {
		r := testRecord("T", "b")
		r.StoreTimestamp = c.asked
		_, err := s.Append(q, r)
		require.NoError(t, err)
		require.Equal(t, c.got, r.StoreTimestamp)
	}
	require.NoError(t, s.Close())
	s = reopen(t, s, mem)
	r := testRecord("T", "b")
	r.StoreTimestamp = 7
	_, err := s.Append(s.Queue([]byte("T"), 0), r)
	require.NoError(t, err)
	require.EqualValues(t, 101, r.StoreTimestamp, "not even over a restart")
}

// TestStagingFull: more than the staging memory holds is written on the way.
func TestStagingFull(t *testing.T) {
	for _, flush := range []FlushType{AsyncFlush, SyncFlush} {
		s, _ := openSmall(t, func(o *Options) { o.Flush = flush })
		q := s.Queue([]byte("T"), 0)
		acked := 0
		for i := range 100 {
			got, err := s.Append(q, testRecord("T", strings.Repeat("x", 900)))
			require.NoError(t, err)
			require.EqualValues(t, i, got.QueueOffset)
			if flush == SyncFlush {
				_, _ = s.Commit(got.End(), func(err error) { require.NoError(t, err); acked++ })
			}
		}
		require.NotZero(t, s.Visible())
		require.NoError(t, s.Close())
		require.EqualValues(t, 100, q.Max())
		if flush == SyncFlush {
			require.Equal(t, 100, acked)
		}
	}
}

func TestRefusals(t *testing.T) {
	s, mem := openSmall(t, nil)
	require.Nil(t, s.Queue([]byte("a/b"), 0))
	_, err := s.Append(s.Queue([]byte("a/b"), 0), testRecord("a/b", "x"))
	require.ErrorIs(t, err, ErrNoQueue)
	_, err = s.Append(s.Queue([]byte("T"), 0), testRecord("T", strings.Repeat("x", 1<<20)))
	require.ErrorIs(t, err, commitlog.ErrTooLarge)

	// A full disk refuses what needs a new file; it takes it when there is room.
	_, last := send(t, s, "T", "small")
	mem.Capacity = 1
	q := s.Queue([]byte("T"), 0)
	big := testRecord("T", strings.Repeat("x", 7000))
	_, err = s.Append(q, big)
	for err == nil {
		_, err = s.Append(q, big)
	}
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "mem/commitlog/0000")
	require.NoError(t, s.Writable(), "the next message may be smaller")
	require.NotZero(t, last)
	mem.Capacity = 0
	_, err = s.Append(q, big)
	require.NoError(t, err)

	// A disk that is nearly full refuses everything.
	space, err := mem.Space()
	require.NoError(t, err)
	mem.Capacity = (space.Total - space.Free) * 100 / 95
	require.NoError(t, s.CheckDisk())
	_, err = s.Append(q, testRecord("T", "x"))
	require.ErrorIs(t, err, ErrDiskFull)
	require.ErrorContains(t, err, "mem/commitlog")
	require.ErrorIs(t, s.Stats().Refusal, ErrDiskFull)
	mem.Capacity = 0
	require.NoError(t, s.CheckDisk())
	_, err = s.Append(q, testRecord("T", "x"))
	require.NoError(t, err)

	require.NoError(t, s.Close())
	_, err = s.Append(q, testRecord("T", "x"))
	require.ErrorIs(t, err, ErrClosed)
	require.NoError(t, s.Close())
}

// TestSyncFlush: messages are seen and acknowledged when the device has them, not before.
func TestSyncFlush(t *testing.T) {
	s, _ := openSmall(t, func(o *Options) { o.Flush = SyncFlush })
	q := s.Queue([]byte("T"), 0)
	got, err := s.Append(q, testRecord("T", "x"))
	require.NoError(t, err)
	var acks []error
	ack := func(err error) { acks = append(acks, err) }
	done, err := s.Commit(got.End(), ack)
	require.NoError(t, err)
	require.False(t, done)
	require.Empty(t, acks)
	require.Zero(t, q.Max())
	s.commitStep()
	require.Equal(t, []error{nil}, acks)
	require.EqualValues(t, 1, q.Max())
	require.Equal(t, got.End(), s.log.Durable())

	// It is safe already: ack comes at once.
	done, _ = s.Commit(got.End(), ack)
	require.True(t, done)
	require.Equal(t, []error{nil, nil}, acks)

	// Nobody waits: the committer is woken.
	got, err = s.Append(q, testRecord("T", "x"))
	require.NoError(t, err)
	done, err = s.Commit(got.End(), nil)
	require.NoError(t, err)
	require.True(t, done)
	require.Len(t, s.wakeCommit, 1)
	require.EqualValues(t, 1, q.Max())
	s.commitStep()
	require.EqualValues(t, 2, q.Max())
	require.NoError(t, s.Close())
}

// TestFlushTimeout: who has waited too long is told so; the message stays.
func TestFlushTimeout(t *testing.T) {
	s, _ := openSmall(t, func(o *Options) { o.Flush = SyncFlush })
	clock := s.o.Clock.(*frozen)
	q := s.Queue([]byte("T"), 0)
	var acks []error
	commit := func() {
		got, err := s.Append(q, testRecord("T", "x"))
		require.NoError(t, err)
		_, _ = s.Commit(got.End(), func(err error) { acks = append(acks, err) })
	}
	commit()
	clock.now = clock.now.Add(3 * time.Second)
	commit()
	require.True(t, s.acks.expire(clock.now))
	require.Empty(t, acks)
	clock.now = clock.now.Add(2 * time.Second)
	require.True(t, s.acks.expire(clock.now), "the second one still waits")
	require.Equal(t, []error{ErrFlushTimeout}, acks)
	s.commitStep()
	require.Equal(t, []error{ErrFlushTimeout, nil}, acks)
	require.False(t, s.acks.expire(clock.now))
	require.EqualValues(t, 2, q.Max())
	require.NoError(t, s.Close())
}

// TestFailedSyncIsNeverAcknowledged: all who wait, and all who come later, get the error; reads go on.
func TestFailedSyncIsNeverAcknowledged(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.Flush = SyncFlush })
	q := s.Queue([]byte("T"), 0)
	good, err := s.Append(q, testRecord("T", "good"))
	require.NoError(t, err)
	s.commitStep()
	broken := errors.New("broken")
	mem.Fault = func(op mapfile.Op) error {
		if op.Kind == mapfile.OpSync {
			return broken
		}
		return nil
	}
	var acks []error
	ack := func(err error) { acks = append(acks, err) }
	for range 3 {
		got, err := s.Append(q, testRecord("T", "bad"))
		require.NoError(t, err)
		_, _ = s.Commit(got.End(), ack)
	}
	s.commitStep()
	mem.Fault = nil
	require.Len(t, acks, 3)
	for _, err := range acks {
		require.ErrorIs(t, err, broken)
	}
	_, err = s.Append(q, testRecord("T", "later"))
	require.ErrorIs(t, err, broken)
	_, _ = s.Commit(good.End()+1, ack)
	require.ErrorIs(t, acks[3], broken)
	require.ErrorIs(t, s.Stats().Refusal, broken)
	res := NewGetResult()
	s.Get(&GetRequest{Queue: q, MaxMsgs: 32}, res)
	require.Equal(t, "good", bodies(t, res))
	require.EqualValues(t, 1, q.Max())
	res.Release()
	require.ErrorIs(t, s.Close(), broken)
	_, err = mem.Stat(abortName)
	require.NoError(t, err, "it was no clean stop")
}

// TestWriting: a batch on its way to the files is seen to take its time.
func TestWriting(t *testing.T) {
	s, _ := openSmall(t, nil)
	q := s.Queue([]byte("T"), 0)
	r := testRecord("T", "body")
	_, err := s.Append(q, r)
	require.NoError(t, err)
	require.Zero(t, s.Writing(r.StoreTimestamp+5), "staged only")
	s.commit.Lock()
	defer s.commit.Unlock()
	b := s.takeBatch()
	require.EqualValues(t, 5, s.Writing(r.StoreTimestamp+5))
	require.Zero(t, s.Writing(r.StoreTimestamp-5), "by a clock that was set back")
	require.NoError(t, s.log.Write(b.bytes, false))
	s.show(b)
	require.Zero(t, s.Writing(r.StoreTimestamp+5))
}
