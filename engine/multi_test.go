package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

func multiOptions(o *Options) { o.MultiDispatch, o.LightQueues, o.MaxLightQueues = true, true, 10 }

// sendMulti stores a message of topic T, queue 1, for several queues.
func sendMulti(t *testing.T, s *Store, body, names string) {
	t.Helper()
	r := testRecord("T", body)
	r.Properties = r.Properties.Append(PropertyMulti, names).Append(PropertyMultiOffsets, "99,98").Append("KEYS", body)
	got, err := s.Append(s.Queue(r.Topic, 1), r)
	require.NoError(t, err)
	require.NoError(t, s.commitTo(got.End()))
}

// seen reads a queue: body and offsets of each message.
func seen(t *testing.T, s *Store, topic string, id int32) string {
	t.Helper()
	q := s.Lookup([]byte(topic), id)
	if q == nil {
		return "no queue"
	}
	var all []string
	for at := q.Min(); at < q.Max(); {
		res := NewGetResult()
		s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 1}, res)
		if res.Cold {
			require.NoError(t, res.Warm())
		}
		if res.Status != Found || res.Next != at+1 {
			require.NotEqual(t, at, res.Next, "stuck")
			all = append(all, "-")
		} else {
			var r message.Record
			require.NoError(t, message.Decode(res.Buffers()[0], &r))
			all = append(all, fmt.Sprintf("%s[%s]", r.Body, r.Properties.Get(PropertyMultiOffsets)))
		}
		at++
		res.Release()
	}
	return strings.Join(all, " ")
}

// What a message of several queues leaves in each of them: live, after a kill, when all is made again from the log, and
// when an entry is damaged.
func TestMessagesOfSeveralQueues(t *testing.T) {
	s, mem := openSmall(t, multiOptions)
	sendMulti(t, s, "a", "%LMQ%x,%LMQ%y")
	sendMulti(t, s, "b", "%LMQ%y")
	sendMulti(t, s, "c", "%LMQ%y,%LMQ%y,T,U") // twice, its own, and a queue of a topic
	send(t, s, "U", "u")
	sendMulti(t, s, "d", "%LMQ%x")
	want := map[string]string{
		"T 1": "a[0,0] b[1] c[2,2,2,0] d[1]", "%LMQ%x 0": "a[0,0] d[1]", "%LMQ%y 0": "a[0,0] b[1] c[2,2,2,0]",
		"U 1": "c[2,2,2,0]", "U 0": "u[]", "%LMQ%x 1": "no queue",
	}
	holds := func() {
		t.Helper()
		for name, messages := range want {
			topic, id, _ := strings.Cut(name, " ")
			require.Equal(t, messages, seen(t, s, topic, int32(id[0]-'0')), name)
		}
	}
	holds()
	require.NoError(t, s.indexer.drain())
	require.Len(t, s.QueryKey([]byte("T"), []byte("c"), 9, 0, 1<<60).Offsets, 1, "indexed once")

	mem = mem.Kill()
	s = reopen(t, s, mem)
	holds()
	require.EqualValues(t, 2, s.light.Load())
	require.NoError(t, s.Close())
	s = reopen(t, s, mem)
	holds()
	require.NoError(t, s.Close())
	remove(t, mem, consumeQueueName)
	s = reopen(t, s, mem)
	holds()
	require.NoError(t, s.Close())

	poke(t, mem, consumeQueueName+"/%LMQ%y/0/"+strings.Repeat("0", 20), 20, make([]byte, 8)...) // entry 1 points at 0
	s = reopen(t, s, mem)
	seen(t, s, "%LMQ%y", 0) // whoever reads it first has it made again
	holds()

	require.NoError(t, s.DeleteTopic("%LMQ%y"))
	require.EqualValues(t, 1, s.light.Load())
	want["%LMQ%y 0"] = "no queue"
	holds()
	sendMulti(t, s, "e", "%LMQ%y")
	want["%LMQ%y 0"], want["T 1"] = "e[0]", want["T 1"]+" e[0]"
	mem = mem.Kill()
	s = reopen(t, s, mem)
	holds()
	require.NoError(t, s.Close())
}

// A crash at any moment leaves queues that agree with the records.
func TestSeveralQueuesOverPowerCuts(t *testing.T) {
	for cut := range 12 {
		s, mem := openSmall(t, func(o *Options) { multiOptions(o); o.Flush = SyncFlush; o.stepped = true })
		for i := range 30 {
			r := testRecord("T", fmt.Sprint("m", i))
			r.Properties = r.Properties.Append(PropertyMulti, fmt.Sprintf("%%LMQ%%%d,%%LMQ%%all", i%3))
			got, err := s.Append(s.Queue(r.Topic, 0), r)
			require.NoError(t, err)
			if i%4 == cut%4 {
				require.NoError(t, s.commitTo(got.End()))
			}
			if i%12 == cut {
				s.checkpoint()
			}
		}
		s = reopen(t, s, mem.Crash(rand.New(rand.NewPCG(uint64(cut), 1))))
		require.Equal(t, strings.Fields(seen(t, s, "T", 0)), strings.Fields(seen(t, s, "%LMQ%all", 0)))
		total := 0
		for i := range 3 {
			if q := s.Lookup(fmt.Appendf(nil, "%%LMQ%%%d", i), 0); q != nil {
				total += int(q.Max())
			}
		}
		require.EqualValues(t, s.MaxOffset([]byte("T"), 0), total)
		require.NotZero(t, total)
		require.NoError(t, s.Close())
	}
}

func TestSeveralQueuesRefused(t *testing.T) {
	s, _ := openSmall(t, multiOptions)
	for names, want := range map[string]error{
		"a/b":                            ErrMulti,
		"%LMQ%x,,%LMQ%y":                 ErrMulti,
		strings.Repeat("x", 200):         ErrMulti,
		strings.Repeat("T,", 1000) + "T": ErrMulti, // no room for the offsets
	} {
		r := testRecord("T", "b")
		r.Properties = r.Properties.Append(PropertyMulti, names).Append("fill", strings.Repeat("x", 15_000))
		_, err := s.Append(s.Queue(r.Topic, 0), r)
		require.ErrorIs(t, err, want, names)
	}
	for i := range 20 {
		r := testRecord("T", "b")
		r.Properties = r.Properties.Append(PropertyMulti, fmt.Sprint("%LMQ%n", i))
		_, err := s.Append(s.Queue(r.Topic, 0), r)
		if i < 5 {
			require.NoError(t, err)
		}
		if i > 11 {
			require.ErrorIs(t, err, ErrLightQueues)
		}
	}
	_, err := s.LightQueue([]byte("%LMQ%other"))
	require.ErrorIs(t, err, ErrLightQueues)
	q, err := s.LightQueue([]byte("%LMQ%n0"))
	require.NoError(t, err)
	require.EqualValues(t, "%LMQ%n0", q.Topic())
	require.NoError(t, s.Close())
}

// Without the option the properties are text, and half and delayed messages wait with their own queue alone.
func TestSeveralQueuesOnlyWhereTheyMayBe(t *testing.T) {
	s, _ := openSmall(t, nil)
	sendMulti(t, s, "a", "%LMQ%x")
	require.Equal(t, "a[99,98]", seen(t, s, "T", 1))
	require.Nil(t, s.Lookup([]byte("%LMQ%x"), 0))
	require.NoError(t, s.Close())

	s, _ = openSmall(t, func(o *Options) { multiOptions(o); o.LightQueues = false })
	for _, topic := range []string{scheduleTopic, halfTopic, timerTopic, "T"} {
		r := testRecord(topic, "b")
		r.Properties = r.Properties.Append(PropertyMulti, "%LMQ%x")
		got, err := s.Append(s.Queue(r.Topic, 2), r)
		require.NoError(t, err)
		require.NoError(t, s.commitTo(got.End()))
		require.Equal(t, topic == "T", s.Lookup([]byte("%LMQ%x"), 2) != nil, "not light: the number is the message's")
	}
	require.NoError(t, s.Close())
}

func TestRebuildOfSeveralQueues(t *testing.T) {
	o := rebuildOptions(t)
	multiOptions(&o)
	s, err := Open(o)
	require.NoError(t, err)
	for i := range 40 {
		sendMulti(t, s, fmt.Sprint("m", i), fmt.Sprintf("%%LMQ%%%d,%%LMQ%%all", i%3))
	}
	require.NoError(t, s.Close())
	queues := readTree(t, o.Dir+"/"+consumeQueueName)
	require.NoError(t, mapfile.RemoveAll(mustDir(t, o.Dir), consumeQueueName))
	o.MultiDispatch = false // what the records say is enough
	got, err := Rebuild(context.Background(), o, RebuildOptions{})
	require.NoError(t, err)
	require.EqualValues(t, 120, got.Entries)
	require.Equal(t, queues, readTree(t, o.Dir+"/"+consumeQueueName))
}

func mustDir(t *testing.T, path string) *mapfile.Dir {
	t.Helper()
	dir, err := mapfile.OpenDir(path)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, dir.Close()) })
	return dir
}
