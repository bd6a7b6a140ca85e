package bench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/bench/load"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// stored is what a broker returns: records of queue 3 with these offsets.
func stored(offsets ...int64) (b []byte) {
	for _, off := range offsets {
		r := message.Record{Topic: []byte("T"), Body: []byte("body of a message"), QueueID: 3, QueueOffset: message.QueueOffset(off)}
		b = r.Append(b)
	}
	return b
}

func TestRecordsAreChecked(t *testing.T) {
	broken := stored(5, 6)
	broken[len(broken)/2+90]++ // in the second body
	short := stored(5, 6)
	for _, c := range []struct {
		name     string
		body     []byte
		check    Check
		filtered bool
		n        int
		want     PullChecks
	}{
		{"all well", stored(5, 6, 7), CheckCRC, false, 3, PullChecks{Checked: 3}},
		{"nothing looked at", broken, CheckNone, false, 2, PullChecks{}},
		{"order only", broken, CheckOrder, false, 2, PullChecks{}},
		{"damaged", broken, CheckCRC, false, 2, PullChecks{Checked: 1, Damaged: 1}},
		{"gap", stored(5, 9), CheckOrder, false, 2, PullChecks{Gaps: 3}},
		{"filtered", stored(7, 9), CheckOrder, true, 2, PullChecks{}},
		{"twice", stored(5, 5), CheckOrder, false, 2, PullChecks{Disorder: 1}},
		{"torn", short[:len(short)-1], CheckOrder, false, 1, PullChecks{Damaged: 1}},
		{"torn, not looked at", short[:len(short)-1], CheckNone, false, 1, PullChecks{Damaged: 1}},
		{"no record", []byte("hello there, I am not a record"), CheckCRC, false, 0, PullChecks{Damaged: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got PullChecks
			n, _ := got.records(c.body, &reading{queue: 3, next: 5}, c.check, c.filtered, nil)
			require.Equal(t, c.n, n)
			faulty := c.want != PullChecks{Checked: c.want.Checked}
			require.Equal(t, faulty, got.FirstFault != "", got.FirstFault)
			got.FirstFault = ""
			require.Equal(t, c.want, got)
		})
	}
	var got PullChecks
	got.records(stored(5), &reading{queue: 4, next: 5}, CheckOrder, false, nil)
	require.EqualValues(t, 1, got.Disorder, "another queue")
}

// Whatever a broker sends for records, looking at it ends, and never reads past it.
func FuzzRecords(f *testing.F) {
	f.Add(stored(5, 6, 7))
	f.Add(stored(5)[:50])
	f.Add([]byte{0, 0, 0, 91, 0xDA, 0xA3, 0x20, 0xA7})
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, check := range []Check{CheckNone, CheckOrder, CheckCRC} {
			var c PullChecks
			n, _ := c.records(body, &reading{queue: 3, next: 5}, check, false, nil)
			require.LessOrEqual(t, n*message.MinSize, len(body))
		}
	})
}

// A reader's way through a queue, by the answers it gets.
func TestReaderFollowsTheAnswers(t *testing.T) {
	answer := func(status wire.Status, next int64, body []byte) []byte {
		h := &wire.PullMessageResponse{NextBeginOffset: next, MinOffset: 2, MaxOffset: 8}
		return wire.AppendResponseTo(nil, wire.JSON, opaqueBase, status, "", h, body)[4:]
	}
	for _, c := range []struct {
		name    string
		atEnd   AtEnd
		answers [][]byte
		next    int64
		ended   bool
	}{
		{"messages", EndStop, [][]byte{answer(wire.StatusSuccess, 7, stored(5, 6))}, 7, false},
		{"filtered on", EndStop, [][]byte{answer(wire.StatusPullRetryImmediately, 7, nil)}, 7, false},
		{"moved", EndStop, [][]byte{answer(wire.StatusPullOffsetMoved, 2, nil)}, 2, false},
		{"end, stop", EndStop, [][]byte{answer(wire.StatusSuccess, 6, stored(5)), answer(wire.StatusPullNotFound, 6, nil)}, 6, true},
		{"end, rewind", EndRewind, [][]byte{answer(wire.StatusSuccess, 6, stored(5)), answer(wire.StatusPullNotFound, 6, nil)}, 5, false},
		{"end, wait", EndWait, [][]byte{answer(wire.StatusPullNotFound, 5, nil), answer(wire.StatusSuccess, 6, stored(5))}, 6, false},
		{"refused", EndStop, [][]byte{answer(wire.StatusNoPermission, 0, nil)}, 5, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := &PullOptions{Topic: "T", Queues: 1, Conns: 1, Group: "G", Max: 32, AtEnd: c.atEnd, Check: CheckCRC, Hold: time.Second}
			require.NoError(t, o.check())
			end := newEndOfAll()
			p := newPuller(o, &tally{run: &run{o: &o.Common}}, end)
			p.read(3, 5)
			var out load.Out
			for _, a := range c.answers {
				p.Pump(0, &out)
				require.Equal(t, readAsked, p.readings[0].state)
				require.NoError(t, p.Frame(0, a))
			}
			require.Equal(t, c.next, p.readings[0].next)
			require.Equal(t, c.ended, p.readings[0].state == readEnded)
			select {
			case <-end.over:
				require.True(t, c.ended)
			default:
				require.False(t, c.ended)
			}
			require.ErrorContains(t, p.Frame(0, answer(wire.StatusSuccess, 9, nil)), "not sent")
		})
	}
}

func TestPullOptions(t *testing.T) {
	good := PullOptions{Conns: 1, Queues: 1, Max: 1, AtEnd: EndStop, Check: CheckCRC}
	require.NoError(t, good.check())
	require.Equal(t, "*", good.Tags)
	for _, from := range []From{FromOldest, FromNewest, "7", "-10"} {
		good.From = from
		require.NoError(t, good.check())
	}
	for want, change := range map[string]func(*PullOptions){
		"at least 1": func(o *PullOptions) { o.Max = 0 },
		"at the end": func(o *PullOptions) { o.AtEnd = "loop" },
		"check":      func(o *PullOptions) { o.Check = "all" },
		`from "3x"`:  func(o *PullOptions) { o.From = "3x" },
	} {
		bad := good
		change(&bad)
		require.ErrorContains(t, bad.check(), want)
	}
}
