package hold

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// script runs a Table against one queue. Each step is a line:
//
//	hold NAME OFFSET DEADLINE [tag=CODE] [record=TEXT]   a pull waits for the entry at OFFSET
//	arrive TAGSCODE [TEXT]   one more entry becomes visible, whose record is TEXT, or gone
//	appear TAGSCODE          an entry becomes visible that nobody is told of
//	scan NOW
//	-> NAMES                 TakeReady gives these, sorted by their wait's end; "-" for none
type script struct {
	t     *testing.T
	table Table
	queue *consumequeue.Queue
	now   int64
	// record is the last entry's; views counts how often it was looked at.
	record string
	views  int
}

func (s *script) view(q *consumequeue.Queue, at message.QueueOffset, look func(record []byte)) bool {
	require.Same(s.t, s.queue, q)
	require.Equal(s.t, q.Max()-1, at)
	s.views++
	if s.record == "gone" {
		return false
	}
	look([]byte(s.record))
	return true
}

func (s *script) run(steps string) {
	for n, line := range strings.Split(strings.TrimSpace(steps), "\n") {
		line = strings.TrimSpace(line)
		var name string
		var a, b int64
		switch word, rest, _ := strings.Cut(line, " "); word {
		case "hold":
			fields := strings.Fields(rest)
			name = fields[0]
			fmt.Sscan(fields[1], &a)
			fmt.Sscan(fields[2], &b)
			w := Waiter{Queue: s.queue, Offset: message.QueueOffset(a), DeadlineMillis: b, Pull: name}
			for _, f := range fields[3:] {
				what, want, _ := strings.Cut(f, "=")
				switch what {
				case "tag":
					w.Match = func(code int64) bool { return fmt.Sprint(code) == want }
				case "record":
					w.MatchRecord = func(record []byte) bool { return string(record) == want }
				}
			}
			require.True(s.t, s.table.Add(w, s.now))
		case "arrive", "appear":
			s.record = ""
			fmt.Sscan(rest, &a, &s.record)
			next := s.queue.Max()
			require.NoError(s.t, s.queue.Put(next, consumequeue.Entry{LogOffset: message.LogOffset(next) * 100, Size: 100, TagsCode: a}))
			if word == "arrive" {
				s.table.Arrive(s.queue, s.queue.Max(), a)
			}
		case "scan":
			fmt.Sscan(rest, &s.now)
			s.table.Scan(s.now)
		case "->":
			var got []string
			for _, w := range s.table.TakeReady(nil) {
				got = append(got, w.Pull.(string))
			}
			if len(got) == 0 {
				got = []string{"-"}
			}
			require.Equal(s.t, rest, strings.Join(got, " "), "line %d", n+1)
			require.False(s.t, s.table.Pending())
		default:
			s.t.Fatalf("line %d: %q", n+1, line)
		}
	}
}

func TestScripts(t *testing.T) {
	for name, steps := range map[string]string{
		"an arrival wakes those who wait for it": `
			hold a 0 9000
			hold b 1 9000
			-> -
			arrive 7
			-> a
			arrive 7
			-> b
			arrive 7
			-> -`,
		"a filter sleeps through what it refuses": `
			hold a 0 9000 tag=7
			arrive 8
			-> -
			arrive 7
			-> a`,
		"a refused entry is noticed by the recheck, so that the offset moves on": `
			scan 1000
			hold a 0 99000 tag=7
			arrive 8
			scan 5999
			-> -
			scan 6000
			-> a`,
		"time is up": `
			hold a 0 3000
			hold b 0 4000
			scan 2999
			-> -
			scan 3000
			-> a
			scan 4000
			-> b`,
		"an entry that came before the wait began wakes at once": `
			appear 7
			hold a 0 9000
			-> a
			hold b 1 9000
			-> -`,
		"a record is looked at once, and only while somebody would": `
			hold a 0 9000
			arrive 7 x
			-> a
			hold a 1 9000 record=x
			hold b 1 9000 record=y
			hold c 1 9000 tag=8 record=x
			hold d 1 9000
			arrive 7 x looked at
			-> a d
			arrive 8 z looked at
			-> -
			arrive 8 x looked at
			-> c
			arrive 7 y looked at
			-> b
			hold a 5 9000 tag=7
			arrive 8 x
			-> -
			arrive 7 x
			-> a`,
		"who would look at a record that is gone is woken": `
			hold a 0 9000 record=x
			arrive 7 y looked at
			-> -
			arrive 7 gone looked at
			-> a`,
		"a refused record is noticed by the recheck": `
			scan 1000
			hold a 0 99000 record=x
			arrive 8 y looked at
			scan 5999
			-> -
			scan 6000
			-> a`,
		"an arrival wakes all who lag": `
			hold a 0 9000
			hold b 0 9000
			hold c 5 9000
			arrive 1
			-> a b`,
	} {
		t.Run(name, func(t *testing.T) {
			queues, err := consumequeue.Open(consumequeue.Options{FS: mapfile.NewMem()})
			require.NoError(t, err)
			s := &script{t: t, queue: queues.Queue([]byte("T"), 0)}
			s.table.View = s.view
			s.run(steps)
			require.Equal(t, strings.Count(steps, "looked at"), s.views, "records looked at")
			require.EqualValues(t, strings.Count(steps, "hold")-woken(steps), s.table.Held())
		})
	}
}

// TestRoom: what is on hold is bounded, and what its clients have left goes.
func TestRoom(t *testing.T) {
	queues, err := consumequeue.Open(consumequeue.Options{FS: mapfile.NewMem()})
	require.NoError(t, err)
	q := queues.Queue([]byte("T"), 0)
	const forever = 1 << 60
	var table Table
	left := client(false)
	require.True(t, table.Add(Waiter{Queue: q, Pull: "a", DeadlineMillis: forever, Bytes: MaxBytes - 1, Client: &left}, 0))
	require.True(t, table.Add(Waiter{Queue: q, Pull: "b", DeadlineMillis: forever, Bytes: 1}, 0))
	require.False(t, table.Add(Waiter{Queue: q, Pull: "c", DeadlineMillis: forever, Bytes: 1}, 0))
	require.EqualValues(t, 2, table.Held())

	table.Scan(RecheckMillis)
	require.False(t, table.Pending())
	left = true
	table.Scan(2*RecheckMillis - 1)
	require.False(t, table.Pending(), "nobody looks yet")
	table.Scan(2 * RecheckMillis)
	ready := table.TakeReady(nil)
	require.Len(t, ready, 1)
	require.Equal(t, "a", ready[0].Pull)
	require.True(t, table.Add(Waiter{Queue: q, Pull: "c", DeadlineMillis: forever, Bytes: MaxBytes - 1}, 0))
}

type client bool

func (c *client) Closing() bool { return bool(*c) }

// woken counts the names behind "->" lines.
func woken(steps string) int {
	n := 0
	for line := range strings.SplitSeq(steps, "\n") {
		if rest, ok := strings.CutPrefix(strings.TrimSpace(line), "-> "); ok && rest != "-" {
			n += len(strings.Fields(rest))
		}
	}
	return n
}
