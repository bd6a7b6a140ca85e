package engine

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// TestLive runs the loops on a real directory: several goroutines append, commit and read at once, files
// roll, checkpoints move; every message arrives once, in order, and is there after a restart.
func TestLive(t *testing.T) {
	defer goleak.VerifyNone(t)
	everyMode(t, func(t *testing.T, flush FlushType, mode commitlog.Mode) {
		o := Options{
			Dir: t.TempDir(), Flush: flush, FlushMode: mode, CommitLogFileSize: 1 << 20, ConsumeQueueFileSize: 20 * 500,
			IndexSlots: 1000, IndexEntries: 4000, StagingBytes: 512 << 10,
			Pace: Pace{FlushInterval: 5 * time.Millisecond, CheckpointInterval: 10 * time.Millisecond, PrewriteRate: 1 << 30},
		}
		s, err := Open(o)
		require.NoError(t, err)
		arrived := make([]atomic.Int64, 4)
		news := make([]chan struct{}, len(arrived)) // one for each reader
		for i := range news {
			news[i] = make(chan struct{}, 1)
		}
		s.OnArrival(func(q *consumequeue.Queue, max message.QueueOffset, tagsCode int64) {
			if n := arrived[q.ID()].Add(1); n != int64(max) || tagsCode != 2598919 {
				t.Errorf("arrival %d of queue %d says %d, tags %d", n, q.ID(), max, tagsCode)
			}
			s.wake(news[q.ID()])
		})
		const perWriter = 1500
		var work sync.WaitGroup
		for w := range arrived {
			work.Go(func() { write(t, s, int32(w), perWriter) })
			work.Go(func() { follow(t, s, int32(w), perWriter, news[w]) })
		}
		work.Wait()
		require.NoError(t, s.Close())
		s, err = Open(o)
		require.NoError(t, err)
		for w := range arrived {
			require.EqualValues(t, perWriter, arrived[w].Load())
			follow(t, s, int32(w), perWriter, nil)
		}
		require.Zero(t, s.Stats().Damage)
		require.NoError(t, s.Close())
	})
}

// everyMode runs a test with each flush type and mode.
func everyMode(t *testing.T, test func(t *testing.T, flush FlushType, mode commitlog.Mode)) {
	for _, flush := range []FlushType{AsyncFlush, SyncFlush} {
		for _, mode := range commitlog.Modes {
			t.Run(fmt.Sprint(flush, "/", mode), func(t *testing.T) { test(t, flush, mode) })
		}
	}
}

// write appends numbered messages in turns of a few and waits for each turn.
func write(t *testing.T, s *Store, id int32, n int) {
	q := s.Queue([]byte("T"), id)
	acked := make(chan error, 1)
	for i := 0; i < n; {
		var last Receipt
		for range min(1+i%7, n-i) {
			var err error
			last, err = s.Append(q, testRecord("T", fmt.Sprint(i, " ", strings.Repeat("x", i%900))))
			if err != nil || last.QueueOffset != message.QueueOffset(i) {
				t.Errorf("append %d: %v %v", i, last, err)
				return
			}
			i++
		}
		if s.Deferred() {
			_, _ = s.Commit(last.End(), func(err error) { acked <- err })
		} else {
			_, err := s.Commit(last.End(), nil)
			acked <- err
		}
		if err := <-acked; err != nil {
			t.Errorf("commit: %v", err)
		}
		if q.Max() <= last.QueueOffset {
			t.Error("acknowledged, but not visible")
		}
	}
}

// follow reads a queue from its begin until it has n messages; it waits for news at its end.
func follow(t *testing.T, s *Store, id int32, n int, news chan struct{}) {
	q := s.Queue([]byte("T"), id)
	for at := message.QueueOffset(0); at < message.QueueOffset(n); {
		if q.Max() == at {
			<-news
			continue
		}
		res := NewGetResult()
		s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 32}, res)
		if res.Cold {
			if err := res.Warm(); err != nil {
				t.Errorf("offset %d of queue %d: %v", at, id, err)
			}
		}
		for _, b := range res.Buffers() {
			for len(b) > 0 {
				var r message.Record
				if err := errors.Join(message.Decode(b, &r), message.CheckBody(b, &r)); err != nil || r.QueueOffset != at {
					t.Errorf("offset %d of queue %d: got %d, %v", at, id, r.QueueOffset, err)
					return
				}
				at++
				b = b[r.Size():]
			}
		}
		res.Release()
	}
}

// TestFlushTimeoutLive: the watcher tells a waiter that the device takes too long.
func TestFlushTimeoutLive(t *testing.T) {
	defer goleak.VerifyNone(t)
	mem := mapfile.NewMem()
	o := small(mem)
	o.stepped, o.Clock, o.Flush, o.SyncFlushTimeout = false, nil, SyncFlush, 20*time.Millisecond
	stuck := make(chan struct{})
	var slow atomic.Bool
	mem.Fault = func(op mapfile.Op) error {
		if slow.Load() && op.Kind == mapfile.OpWrite && strings.HasPrefix(op.Name, commitLogName) {
			<-stuck
		}
		return nil
	}
	s, err := Open(o)
	require.NoError(t, err)
	slow.Store(true)
	q := s.Queue([]byte("T"), 0)
	got, err := s.Append(q, testRecord("T", "x"))
	require.NoError(t, err)
	acked := make(chan error, 1)
	_, _ = s.Commit(got.End(), func(err error) { acked <- err })
	require.ErrorIs(t, <-acked, ErrFlushTimeout)
	require.Zero(t, q.Max())
	close(stuck)
	_, _ = s.Commit(got.End(), func(err error) { acked <- err })
	require.NoError(t, <-acked)
	require.EqualValues(t, 1, q.Max())
	require.NoError(t, s.Close())
}
