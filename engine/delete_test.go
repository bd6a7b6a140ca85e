package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

func none(string) bool { return false }

// expireAll removes all commit log files but the last.
func expireAll(t *testing.T, s *Store, mem *mapfile.Mem) {
	t.Helper()
	require.NoError(t, s.log.Sync())
	mem.Now = func() time.Time { return time.Now().Add(-1000 * time.Hour) }
	fill(t, s, 40)
	require.NoError(t, s.log.Sync())
	for begin := message.LogOffset(-1); begin != s.log.Min(); {
		begin = s.log.Min()
		require.NoError(t, s.DeleteExpired(time.Now(), true))
	}
}

// TestSenderHoldsDeletedQueue: a message that is put by way of a queue which was deleted since is in the one in its place.
func TestSenderHoldsDeletedQueue(t *testing.T) {
	for _, stale := range []bool{false, true} {
		s, mem := openSmall(t, multiOptions)
		send(t, s, "T", "T0", "T1")
		sendMulti(t, s, "x", "%LMQ%x")
		old, other, light := s.Queue([]byte("T"), 0), s.Queue([]byte("T"), 1), s.Queue([]byte("%LMQ%x"), 0)
		// Appended, not committed, when the topic goes: it goes with it.
		_, err := s.Append(old, testRecord("T", "last"))
		require.NoError(t, err)
		if stale {
			require.NoError(t, s.commitTo(s.tail()))
			expireAll(t, s, mem)
			require.NoError(t, s.DeleteStaleQueues(none))
		} else {
			require.NoError(t, s.DeleteTopic("T"))
			require.NoError(t, s.DeleteTopic("%LMQ%x"))
		}
		require.True(t, old.Retired && other.Retired && light.Retired)
		require.Nil(t, s.Lookup([]byte("T"), 0))
		require.EqualValues(t, 0, s.Stats().Damage)

		got, err := s.Append(old, testRecord("T", "a x"))
		require.NoError(t, err)
		require.EqualValues(t, 0, got.QueueOffset)
		receipts := make([]Receipt, 2)
		require.NoError(t, s.AppendBatch(old, []message.Record{*testRecord("T", "b x"), *testRecord("T", "c x")}, receipts))
		require.EqualValues(t, 2, receipts[1].QueueOffset)
		require.NoError(t, s.commitTo(receipts[1].End()))
		sendMulti(t, s, "y", "%LMQ%x,T") // by the queues' names
		check := func(s *Store) {
			require.Equal(t, "a b c", words(t, s, "T"))
			require.Equal(t, "y[0,0]", seen(t, s, "%LMQ%x", 0))
			require.EqualValues(t, s.queues.Entries(), s.commit.entries)
		}
		check(s)
		for _, image := range []*mapfile.Mem{mem.Kill(), mem.Crash(rand.New(rand.NewPCG(1, 1)))} {
			again := reopen(t, s, image)
			if image.Kill(); !stale {
				require.NoError(t, again.DeleteTopic("none"))
			}
			require.NoError(t, again.Close())
		}
		again := reopen(t, s, mem.Kill())
		check(again)
		require.NoError(t, again.Close())
		require.NoError(t, s.Close())
	}
}

// TestCommitBesideDeletion: who finds commits locked by a deletion is served when it has ended.
func TestCommitBesideDeletion(t *testing.T) {
	s, _ := openSmall(t, func(o *Options) { o.Flush, o.FlushMode, o.stepped = SyncFlush, commitlog.Direct, true })
	send(t, s, "T", "0")
	got, err := s.Append(s.Queue([]byte("U"), 0), testRecord("U", "0"))
	require.NoError(t, err)
	acked := false
	s.retire("T", func(*consumequeue.Queue) bool {
		_, err = s.CommitOn(atOnce{}, got.End(), func(err error) { acked = err == nil })
		return false
	})
	require.NoError(t, err)
	require.Len(t, s.wakeCommit, 1)
	s.commitStep()
	require.True(t, acked)
	require.NoError(t, s.Close())
}

// TestStaleQueuesThatStay: of topics that are kept, of messages that wait, and of messages that are on their way.
func TestStaleQueuesThatStay(t *testing.T) {
	s, mem := openSmall(t, nil)
	topics := []string{"stale", "kept", "onItsWay", scheduleTopic, timerTopic, halfTopic, halfOpTopic}
	for _, topic := range topics {
		send(t, s, topic, "0")
	}
	expireAll(t, s, mem)
	got, err := s.Append(s.Queue([]byte("onItsWay"), 0), testRecord("onItsWay", "1"))
	require.NoError(t, err)
	require.NoError(t, s.DeleteStaleQueues(func(topic string) bool { return topic == "kept" }))
	for _, topic := range topics {
		require.Equal(t, topic == "stale", s.Lookup([]byte(topic), 0) == nil, topic)
	}
	require.NoError(t, s.commitTo(got.End()))
	require.EqualValues(t, 2, s.MaxOffset([]byte("onItsWay"), 0))
	require.NoError(t, s.Close())
}

// slowRemoval holds up the removal of files.
type slowRemoval struct {
	mapfile.FS
	begun chan struct{} // gets one
	going chan struct{} // closed: removals go on
}

func (f *slowRemoval) Remove(name string) error {
	select {
	case f.begun <- struct{}{}:
	default:
	}
	<-f.going
	return f.FS.Remove(name)
}

// TestNobodyWaitsForRemoval: while files of a deleted topic are removed, messages are stored, in its place too.
func TestNobodyWaitsForRemoval(t *testing.T) {
	mem := mapfile.NewMem()
	slow := &slowRemoval{FS: mem, begun: make(chan struct{}, 1), going: make(chan struct{})}
	o := small(mem)
	o.FS = slow
	s, err := Open(o)
	require.NoError(t, err)
	fill(t, s, 300)
	s.flushQueues()
	deleted := make(chan error)
	go func() { deleted <- s.DeleteTopic("A") }()
	<-slow.begun
	fill(t, s, 250)
	s.flushQueues()
	require.Equal(t, numbered("A", 0, 250), words(t, s, "A"))
	require.EqualValues(t, 550, s.MaxOffset([]byte("B"), 0))
	close(slow.going)
	require.NoError(t, <-deleted)
	require.NoError(t, s.Close())
	again := reopen(t, s, mem)
	require.Equal(t, numbered("A", 0, 250), words(t, again, "A"))
	require.EqualValues(t, 550, again.MaxOffset([]byte("B"), 0))
	require.NoError(t, again.Close())
}

// TestDeletionBesideSenders: whoever sends by way of a queue found long ago, while queues turn stale and go, finds what was
// acknowledged as long as the log has it, there and after a restart.
func TestDeletionBesideSenders(t *testing.T) {
	defer goleak.VerifyNone(t)
	for _, flush := range []FlushType{AsyncFlush, SyncFlush} {
		o := Options{
			FS: mapfile.NewMem(), Flush: flush, FlushMode: commitlog.WriteFsync, CommitLogFileSize: 32 << 10, ConsumeQueueFileSize: 20 * 10, NoIndex: true,
			Pace: Pace{CheckpointInterval: time.Millisecond}, Retention: Retention{Reserved: time.Nanosecond},
		}
		s, err := Open(o)
		require.NoError(t, err)
		var mu sync.Mutex
		acked := map[place]message.LogOffset{}
		stop, cleaned := make(chan struct{}), make(chan struct{})
		var work, cleaner sync.WaitGroup
		for w := range 4 {
			work.Go(func() {
				topic := fmt.Sprint("T", w/2)
				q := s.Queue([]byte(topic), int32(w)) // once and for all
				for i := range 200 {
					at := sendOn(t, s, q, topic, strings.Repeat("x", i))
					mu.Lock()
					acked[place{topic, q.ID(), at.QueueOffset}] = at.LogOffset // one that was there before has expired
					mu.Unlock()
					for i%20 == 10 && s.Lookup([]byte(topic), int32(w)) != nil && !t.Failed() { // until its queue is gone
						for range 40 { // more than a file
							sendOn(t, s, s.Queue([]byte("Busy"), 0), "Busy", strings.Repeat("y", 1000))
						}
						<-cleaned
					}
				}
			})
		}
		cleaner.Go(func() {
			for {
				if err := s.DeleteExpired(time.Now(), true); err != nil {
					t.Error(err)
				}
				if err := s.DeleteStaleQueues(none); err != nil {
					t.Error(err)
				}
				select {
				case <-stop:
					return
				case cleaned <- struct{}{}:
				default:
				}
			}
		})
		work.Wait()
		close(stop)
		cleaner.Wait()
		check := func(s *Store) {
			found := 0
			for p, log := range acked {
				if log < s.log.Min() {
					continue
				}
				q := s.Lookup([]byte(p.topic), p.id)
				require.NotNil(t, q, "%v at %d", p, log)
				var e [1]consumequeue.Entry
				n, err := q.Read(p.at, e[:])
				require.NoError(t, err)
				require.Equal(t, 1, n, "%v at %d: queue from %d to %d", p, log, q.Min(), q.Max())
				require.Equal(t, log, e[0].LogOffset, "%v", p)
				found++
			}
			require.NotZero(t, found)
			require.EqualValues(t, s.queues.Entries(), s.commit.entries)
		}
		check(s)
		require.NoError(t, s.Close())
		s, err = Open(o)
		require.NoError(t, err)
		check(s)
		require.NoError(t, s.Close())
	}
}

type place struct {
	topic string
	id    int32
	at    message.QueueOffset
}

// sendOn stores a message by way of a queue and waits until it is acknowledged.
func sendOn(t *testing.T, s *Store, q *consumequeue.Queue, topic, body string) Receipt {
	got, err := s.Append(q, testRecord(topic, body))
	acked := make(chan error, 1)
	if err == nil {
		var done bool
		if done, err = s.Commit(got.End(), func(err error) { acked <- err }); !done {
			err = <-acked
		}
	}
	if err != nil {
		t.Error(err)
	}
	return got
}
