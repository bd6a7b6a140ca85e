package engine

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/invariant"
	"ringmq/internal/javahash"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// openSmall opens a store on a memory twin; change alters its options.
func openSmall(t *testing.T, change func(o *Options)) (*Store, *mapfile.Mem) {
	t.Helper()
	mem := mapfile.NewMem()
	o := small(mem)
	if change != nil {
		change(&o)
	}
	s, err := Open(o)
	require.NoError(t, err)
	return s, mem
}

// reopen opens a store again, on another image of its disk.
func reopen(t *testing.T, s *Store, mem *mapfile.Mem) *Store {
	t.Helper()
	o := s.o
	o.FS = mem
	again, err := Open(o)
	require.NoError(t, err)
	return again
}

// send stores messages in queue 0 of a topic, one for each body, tagged with the body's first word.
func send(t *testing.T, s *Store, topic string, bodies ...string) (first, last Receipt) {
	t.Helper()
	q := s.Queue([]byte(topic), 0)
	for i, body := range bodies {
		r := testRecord(topic, body)
		tag, _, _ := strings.Cut(body, " ")
		tag = tag[:min(len(tag), 8)]
		r.Properties = message.Properties(nil).Append("TAGS", tag).Append("KEYS", "key-"+tag)
		r.StoreTimestamp = s.o.Clock.Now().UnixMilli()
		got, err := s.Append(q, r)
		require.NoError(t, err)
		if i == 0 {
			first = got
		}
		last = got
	}
	require.NoError(t, s.commitTo(last.End()))
	return first, last
}

// bodies joins the bodies of a result's messages.
func bodies(t *testing.T, res *GetResult) string {
	t.Helper()
	var all []string
	total := 0
	for _, b := range res.Buffers() {
		total += len(b)
		for len(b) > 0 {
			var r message.Record
			require.NoError(t, message.Decode(b, &r))
			all = append(all, string(r.Body))
			b = b[r.Size():]
		}
	}
	require.Equal(t, res.Bytes, total)
	require.Len(t, all, res.Count)
	return strings.Join(all, ",")
}

func TestGetStatus(t *testing.T) {
	s, _ := openSmall(t, nil)
	send(t, s, "T", "a", "b", "c", "a", "b")
	require.NoError(t, s.queues.Flush())
	only := func(tag string) func(int64) bool {
		return func(code int64) bool { return code == int64(tag[0]) }
	}
	for _, c := range []struct {
		name   string
		queue  *consumequeue.Queue
		offset message.QueueOffset
		max    int
		filter func(int64) bool
		status GetStatus
		next   message.QueueOffset
		bodies string
	}{
		{"all", s.Queue([]byte("T"), 0), 0, 32, nil, Found, 5, "a,b,c,a,b"},
		{"some", s.Queue([]byte("T"), 0), 1, 2, nil, Found, 3, "b,c"},
		{"none asked for", s.Queue([]byte("T"), 0), 1, 0, nil, Found, 2, "b"},
		{"tag", s.Queue([]byte("T"), 0), 0, 32, only("b"), Found, 5, "b,b"},
		{"tag, one", s.Queue([]byte("T"), 0), 0, 1, only("b"), Found, 2, "b"},
		{"tag of none", s.Queue([]byte("T"), 0), 1, 32, only("x"), NoMatchedMessage, 5, ""},
		{"at the end", s.Queue([]byte("T"), 0), 5, 32, nil, OffsetOverflowOne, 5, ""},
		{"behind the end", s.Queue([]byte("T"), 0), 6, 32, nil, OffsetOverflowBadly, 5, ""},
		{"before the begin", s.Queue([]byte("T"), 0), -1, 32, nil, OffsetTooSmall, 0, ""},
		{"empty queue", s.Queue([]byte("T"), 1), 0, 32, nil, NoMessageInQueue, 0, ""},
		{"empty queue, further", s.Queue([]byte("T"), 1), 9, 32, nil, NoMessageInQueue, 0, ""},
		{"no queue", nil, 0, 32, nil, NoMatchedLogicQueue, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			res := NewGetResult()
			defer res.Release()
			s.Get(&GetRequest{Queue: c.queue, Offset: c.offset, MaxMsgs: c.max, Filter: c.filter}, res)
			require.Equal(t, c.status, res.Status, res.Status.String())
			require.Equal(t, c.next, res.Next)
			require.Equal(t, c.bodies, bodies(t, res))
		})
	}
	require.NoError(t, s.Close())
}

// TestGetLimits: a result ends before the message that would exceed a limit, but has at least one.
func TestGetLimits(t *testing.T) {
	body := strings.Repeat("x", 882) // 1,005 bytes a record
	for _, c := range []struct {
		name         string
		memory, disk TransferLimit
		old          bool
		count        int
	}{
		{"messages", TransferLimit{1 << 20, 3}, TransferLimit{1 << 20, 2}, false, 3},
		{"bytes", TransferLimit{2500, 32}, TransferLimit{1500, 32}, false, 2},
		{"just the bytes", TransferLimit{3015, 32}, TransferLimit{1500, 32}, false, 3},
		{"old messages, in memory", TransferLimit{1 << 20, 3}, TransferLimit{1 << 20, 2}, true, 3},
		{"old bytes, in memory", TransferLimit{2500, 32}, TransferLimit{1500, 32}, true, 2},
		{"more for old ones", TransferLimit{1 << 20, 2}, TransferLimit{1 << 20, 3}, true, 2},
		{"one too large", TransferLimit{10, 32}, TransferLimit{10, 32}, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, _ := openSmall(t, func(o *Options) {
				o.MemoryLimit, o.DiskLimit = c.memory, c.disk
				if c.old {
					o.MemoryBytes = 1
				}
			})
			send(t, s, "T", body, body, body, body, body, body)
			res := NewGetResult()
			s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 32}, res)
			require.Equal(t, c.count, res.Count)
			require.Equal(t, c.old, res.SuggestSlave)
			res.Release()
			require.NoError(t, s.Close())
		})
	}
}

// TestGetScansFar: a filter that takes nothing looks at a bounded number of entries.
func TestGetScansFar(t *testing.T) {
	s, _ := openSmall(t, nil)
	for range 40 {
		send(t, s, "T", strings.Split(strings.Repeat("a ", 25), " ")[:25]...)
	}
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 32, Filter: func(int64) bool { return false }}, res)
	require.Equal(t, NoMatchedMessage, res.Status)
	require.EqualValues(t, 800, res.Next)
	res.Release()
	require.NoError(t, s.Close())
}

// TestGetMergesNeighbours: messages that lie together are one piece, up to the end of their file.
func TestGetMergesNeighbours(t *testing.T) {
	s, _ := openSmall(t, nil)
	var all []string
	for i := range 30 {
		all = append(all, fmt.Sprint(i, " ", strings.Repeat("x", 400)))
	}
	send(t, s, "T", all...)
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 30}, res)
	require.Len(t, res.Buffers(), 2, "30 messages in two files")
	require.Equal(t, strings.Join(all, ","), bodies(t, res))
	res.Release()
	require.NoError(t, s.Close())
}

// TestGetBesideGarbage: entries that point at no message are damage; what cannot be repaired is
// stepped over.
func TestGetBesideGarbage(t *testing.T) {
	s, _ := openSmall(t, nil)
	_, last := send(t, s, "T", "a")
	q := s.Queue([]byte("T"), 0)
	for i, e := range []consumequeue.Entry{
		{LogOffset: last.End() - 20, Size: 200},
		{LogOffset: last.End() - 20, Size: 1},
		{LogOffset: last.End(), Size: message.MinSize},
		{LogOffset: 1 << 40, Size: 1000},
		{LogOffset: 1<<63 - 2000, Size: 1000},
	} {
		require.NoError(t, q.Put(message.QueueOffset(1+i), e))
	}
	get := func(at message.QueueOffset) *GetResult {
		res := NewGetResult()
		s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 32}, res)
		return res
	}
	res := get(0)
	require.Equal(t, "a", bodies(t, res))
	require.EqualValues(t, 1, res.Next, "a damaged entry ends the result")
	res.Release()
	res = get(1)
	require.Equal(t, MessageWasRemoving, res.Status)
	require.EqualValues(t, 1, res.Next)
	require.True(t, res.Cold)
	require.NoError(t, res.Warm())
	require.Zero(t, res.Count)
	res.Release()
	res = get(1)
	require.Equal(t, MessageWasRemoving, res.Status)
	require.EqualValues(t, 6, res.Next, "no record in the log belongs there")
	require.False(t, res.Cold)
	res.Release()
	require.EqualValues(t, 1, s.Stats().Damage)
}

// TestCold: what may not be in memory is not touched before Warm.
func TestCold(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.CommitLogFileSize = 1 << 20; o.StagingBytes = 4 << 20 })
	send(t, s, "T", "a", "b")
	for range 80 {
		send(t, s, "U", strings.Repeat("x", 1<<20-200)) // behind it, the first ones are no longer hot
	}
	mem.Cold.Store(true)
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 32}, res)
	require.Equal(t, Found, res.Status)
	require.True(t, res.Cold)
	require.Equal(t, 2, res.Count)
	require.NoError(t, res.Warm())
	require.False(t, res.Cold)
	require.Equal(t, "a,b", bodies(t, res))
	res.Release()
	res = NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("U"), 0), Offset: 79, MaxMsgs: 32}, res)
	require.False(t, res.Cold, "moments old")
	res.Release()
	require.NoError(t, s.Close())
}

// TestColdLimits: messages far behind the end come in the device's portions, and in memory's once they are there. Who looks
// again when they are, without waiting, finds them.
func TestColdLimits(t *testing.T) {
	for _, c := range []struct {
		name string
		then func(res *GetResult) error
		want []string // the first is cold
	}{
		{"waits", (*GetResult).Warm, []string{"a,b,c", "d,e,f,g,h", "i"}},
		{"looks again", func(res *GetResult) error { res.Again(); return nil }, []string{"a,b,c,d,e", "f,g,h,i"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, mem := openSmall(t, func(o *Options) {
				o.CommitLogFileSize, o.StagingBytes = 1<<20, 4<<20
				o.MemoryBytes, o.MemoryLimit, o.DiskLimit = 1, TransferLimit{1 << 20, 5}, TransferLimit{1 << 20, 3}
			})
			send(t, s, "T", "a", "b", "c", "d", "e", "f", "g", "h", "i")
			for range 80 {
				send(t, s, "U", strings.Repeat("x", 1<<20-200))
			}
			mem.Cold.Store(true)
			next := message.QueueOffset(0)
			for i, want := range c.want { // three lie together: the whole block is read
				res := NewGetResult()
				s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), Offset: next, MaxMsgs: 32}, res)
				require.Equal(t, i == 0, res.Cold)
				require.True(t, res.SuggestSlave)
				if res.Cold {
					read := make(chan struct{})
					res.Fetch(func() { close(read) })
					<-read
					require.NoError(t, c.then(res))
					require.False(t, res.Cold)
				}
				require.Equal(t, want, bodies(t, res))
				next = res.Next
				res.Release()
			}
			require.NoError(t, s.Close())
		})
	}
}

// TestAgainDoesNotWait: what cannot be found without waiting is left to Warm.
func TestAgainDoesNotWait(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.CommitLogFileSize, o.StagingBytes = 1<<20, 4<<20 })
	send(t, s, "T", "a", "b")
	for range 80 {
		send(t, s, "U", strings.Repeat("x", 1<<20-200))
	}
	mem.Cold.Store(true)
	res := NewGetResult()
	s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 32}, res)
	require.True(t, res.Cold)
	res.Again()
	require.True(t, res.Cold, "nothing was fetched")
	require.NoError(t, res.Warm())
	require.Equal(t, "a,b", bodies(t, res))
	res.Release()
	require.NoError(t, s.Close())
}

// bodyIs is a Match for messages with one of these bodies.
func bodyIs(t *testing.T, want ...string) func(record []byte) bool {
	return func(record []byte) bool {
		var r message.Record
		require.NoError(t, message.Decode(record, &r))
		require.Equal(t, len(record), r.Size())
		return slices.Contains(want, string(r.Body))
	}
}

func TestMatch(t *testing.T) {
	s, mem := openSmall(t, func(o *Options) { o.CommitLogFileSize = 1 << 20; o.StagingBytes = 4 << 20 })
	send(t, s, "T", "a 1", "b 1", "a 2", "b 2", "a 3")
	tagA := func(code int64) bool { return code == javahash.TagsCode([]byte("a")) }
	f := func(cold bool, filter func(int64) bool, match func([]byte) bool, offset message.QueueOffset, most int, status GetStatus, want string, next message.QueueOffset) {
		t.Helper()
		res := NewGetResult()
		defer res.Release()
		s.Get(&GetRequest{Queue: s.Queue([]byte("T"), 0), Offset: offset, MaxMsgs: most, Filter: filter, Match: match}, res)
		require.Equal(t, cold, res.Cold)
		if cold {
			require.NoError(t, res.Warm())
		}
		require.Equal(t, status, res.Status)
		require.Equal(t, want, bodies(t, res))
		require.Equal(t, next, res.Next)
	}
	run := func(cold bool) {
		t.Helper()
		f(cold, nil, bodyIs(t, "a 1", "b 2"), 0, 32, Found, "a 1,b 2", 5)
		f(cold, nil, bodyIs(t, "none"), 0, 32, NoMatchedMessage, "", 5)
		f(cold, tagA, bodyIs(t, "b 1", "a 2"), 0, 32, Found, "a 2", 5)
		f(cold, nil, bodyIs(t, "a 3"), 3, 32, Found, "a 3", 5)
	}
	run(false)
	f(false, nil, bodyIs(t, "b 1", "b 2"), 0, 1, Found, "b 1", 2)
	for range 80 {
		send(t, s, "U", strings.Repeat("x", 1<<20-200))
	}
	mem.Cold.Store(true)
	run(true)
	f(true, nil, bodyIs(t, "b 1", "b 2"), 0, 1, Found, "b 1", 2)
	require.NoError(t, s.Close())
}

func TestView(t *testing.T) {
	s, _ := openSmall(t, nil)
	var arrived []string
	s.OnArrival(func(q *consumequeue.Queue, end message.QueueOffset, _ int64) {
		require.True(t, s.View(q, end-1, func(record []byte) {
			var r message.Record
			require.NoError(t, message.Decode(record, &r))
			arrived = append(arrived, string(r.Body))
		}))
	})
	send(t, s, "T", "a", "b")
	require.Equal(t, []string{"a", "b"}, arrived)
	none := func([]byte) { t.Error("there is none") }
	require.False(t, s.View(s.Queue([]byte("T"), 0), 2, none))
	require.False(t, s.View(s.Queue([]byte("T"), 1), 0, none))
	require.NoError(t, s.Close())
}

// TestOnCommitted: the committer tells of messages that were acknowledged before they could be got.
func TestOnCommitted(t *testing.T) {
	s, _ := openSmall(t, func(o *Options) { o.AckFromStaging, o.stepped = true, true })
	told := 0
	q := s.Queue([]byte("T"), 0)
	s.OnCommitted(func() {
		told++
		require.EqualValues(t, told, q.Max())
	})
	for i := range 3 {
		got, err := s.Append(q, testRecord("T", "body"))
		require.NoError(t, err)
		done, err := s.Commit(got.End(), nil)
		require.NoError(t, err)
		require.True(t, done)
		require.EqualValues(t, i, q.Max())
		s.commitStep()
		require.Equal(t, i+1, told)
	}
	s.OnCommitted(nil) // Close commits, too
	require.NoError(t, s.Close())
}

func TestGetDoesNotAllocate(t *testing.T) {
	if invariant.Race {
		t.Skip("sync.Pool drops results at random under the race detector")
	}
	s, _ := openSmall(t, nil)
	send(t, s, "T", "a", "b", "c")
	req := GetRequest{Queue: s.Queue([]byte("T"), 0), MaxMsgs: 32, Match: func(record []byte) bool { return len(record) > 0 }}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		res := NewGetResult()
		s.Get(&req, res)
		res.Release()
	}))
}

func TestAppendDoesNotAllocate(t *testing.T) {
	s, _ := openSmall(t, func(o *Options) { o.CommitLogFileSize, o.StagingBytes = 1<<20, 2<<20 })
	q := s.Queue([]byte("T"), 0)
	r := testRecord("T", "body")
	r.Properties = r.Properties.Append("UNIQ_KEY", "0123456789").Append("KEYS", "a b")
	turn := func() {
		for range 50 {
			if _, err := s.Append(q, r); err != nil {
				t.Fatal(err)
			}
		}
		s.takeAndForget()
	}
	turn()
	turn()
	require.Zero(t, testing.AllocsPerRun(20, turn))
}

// takeAndForget empties the staging memory without writing it.
func (s *Store) takeAndForget() {
	s.commit.Lock()
	defer s.commit.Unlock()
	b := s.takeBatch()
	b.reset()
	s.commit.spare = b
}
