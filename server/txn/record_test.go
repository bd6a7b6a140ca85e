package txn

import (
	"maps"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

// describe is what of a record the rules are about.
func describe(r *message.Record) string {
	props := map[string]string{}
	for n, v := range r.Properties.All() {
		props[string(n)] = string(v)
	}
	var text []string
	for _, n := range []string{"REAL_TOPIC", "REAL_QID", "TRAN_MSG", "PGROUP", "TAGS", "WAIT", "UNIQ_KEY",
		"TRANSACTION_CHECK_TIMES", "TRAN_PREPARED_QUEUE_OFFSET"} {
		if v, ok := props[n]; ok {
			text = append(text, n+"="+v)
			delete(props, n)
		}
	}
	for n := range maps.Keys(props) {
		text = append(text, "unexpected "+n)
	}
	return strings.Join([]string{
		string(r.Topic) + "/" + strconv.Itoa(int(r.QueueID)), "body=" + string(r.Body),
		"flag=" + strconv.Itoa(int(r.Flag)), "sysFlag=" + strconv.Itoa(int(r.SysFlag)),
		"attempts=" + strconv.Itoa(int(r.ReconsumeTimes)), "prepared=" + strconv.Itoa(int(r.PreparedTransactionOffset)),
		"from=" + r.BornHost.String(), "at=" + r.StoreHost.String(), strings.Join(text, " "),
	}, " ")
}

// TestRecords holds every kind of record that transactions store against store.md's rules, which
// a Java broker's files were read for.
func TestRecords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, engine.AsyncFlush)
		s.settings.CheckMax = 1
		const hosts = " from=10.0.0.1:4000 at=10.0.0.2:10911 "
		const from = "REAL_TOPIC=T REAL_QID=2 TRAN_MSG=true PGROUP=PG TAGS=x WAIT=true UNIQ_KEY=K"
		born := time.Now().UnixMilli()
		s.prepare("z", nil) // so that offsets are not all 0
		require.NoError(t, s.end(s.halves["z"]))
		s.prepare("a", message.Properties("WAIT\x01true\x02TRAN_PREPARED_QUEUE_OFFSET\x010"))
		half := s.arrived(HalfTopic, 0)[1]
		require.Equal(t, HalfTopic+"/0 body=a flag=5 sysFlag=0 attempts=1 prepared=0"+hosts+from+"a", describe(half))
		s.wait(6 * time.Second)
		s.check()
		again := s.arrived(HalfTopic, 0)[0]
		require.Equal(t, HalfTopic+"/0 body=a flag=0 sysFlag=0 attempts=0 prepared=0"+hosts+from+
			"a TRANSACTION_CHECK_TIMES=1 TRAN_PREPARED_QUEUE_OFFSET=1", describe(again))
		require.Equal(t, []int64{born, born + 6000}, []int64{again.BornTimestamp, again.StoreTimestamp})

		asked := new(message.Record)
		require.NoError(t, message.Decode(s.lastQuestion.Record, asked))
		require.Equal(t, "T/2 body=a flag=5 sysFlag=0 attempts=1 prepared=0"+hosts+from+
			"a TRANSACTION_CHECK_TIMES=1 TRAN_PREPARED_QUEUE_OFFSET=1", describe(asked))
		require.Equal(t, again.QueueOffset, asked.QueueOffset)
		require.Equal(t, again.LogOffset, asked.LogOffset)

		s.wait(time.Second)
		s.check()
		require.Equal(t, DiscardTopic+"/0"+strings.TrimPrefix(describe(again), HalfTopic+"/0"), describe(s.arrived(DiscardTopic, 0)[0]))
		require.Equal(t, map[string]bool{HalfTopic: true, DiscardTopic: true}, s.made)

		d := s.questions["a"]
		d.Commit = true
		require.NoError(t, s.end(d))
		real := s.arrived("T", 2)[0]
		require.Equal(t, "T/2 body=a flag=0 sysFlag=8 attempts=0 prepared="+strconv.Itoa(int(again.LogOffset))+hosts+from+
			"a TRANSACTION_CHECK_TIMES=1 TRAN_PREPARED_QUEUE_OFFSET=1", describe(real))
		require.Equal(t, []int64{born, born + 7000}, []int64{real.BornTimestamp, real.StoreTimestamp})
		ops := s.arrived(OpTopic, 0)
		require.Len(t, ops, 2)
		require.Equal(t, OpTopic+"/0 body=2 flag=0 sysFlag=0 attempts=0 prepared=0 from=10.0.0.2:10911 at=10.0.0.2:10911 TAGS=d WAIT=true",
			describe(ops[1]))
		require.Equal(t, offsets{HalfTopic: 3, OpTopic: 1}, s.progress)
	})
}

// The group of a checker that has had no work is nobody's consumer: tools would list it with every topic it reads.
func TestACheckWithoutMessagesNotesNoProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, engine.AsyncFlush)
		s.check()
		require.Empty(t, s.progress)
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newStage(t, engine.AsyncFlush)
		s.prepare("a", nil)
		s.prepare("b", nil)
		a, b := s.halves["a"], s.halves["b"]
		a.Commit, b.Commit = true, true
		require.NoError(t, s.end(b))
		real := s.arrived("T", 2)[0]
		for _, c := range []struct {
			d    Decision
			want Refusal
		}{
			{Decision{"PG", 0, 1 << 40, true}, NotFound},
			{Decision{"PG", 0, -1, true}, NotFound},
			{Decision{"PG", 0, a.LogOffset + 1, true}, NotFound},
			{Decision{"PG", real.QueueOffset, real.LogOffset, true}, NotFound}, // Java stores it again
			{Decision{"PX", a.QueueOffset, a.LogOffset, true}, WrongGroup},
			{Decision{"PG", b.QueueOffset, a.LogOffset, true}, WrongQueueOffset},
			{Decision{"PG", a.QueueOffset, b.LogOffset, false}, WrongQueueOffset},
		} {
			_, err := s.service.End(c.d)
			require.Equal(t, c.want, err, "%+v", c.d)
		}
		_, err := s.service.Resume(a.LogOffset)
		require.Equal(t, NotDiscarded, err)
		require.Empty(t, s.arrived("T", 2))

		r := &message.Record{Topic: halfTopic, Properties: message.Properties("PGROUP\x01PG")}
		got, err := s.store.Append(s.store.Queue(halfTopic, 0), r)
		require.NoError(t, err)
		require.NoError(t, s.store.CommitAndWait(got.End()))
		_, err = s.service.End(Decision{"PG", got.QueueOffset, got.LogOffset, true})
		require.Equal(t, NoPlace, err)
		_, err = s.service.End(Decision{"PG", got.QueueOffset, got.LogOffset, true})
		require.Equal(t, NoPlace, err, "a refused end leaves no claim behind")
		require.NoError(t, s.end(Decision{"PG", got.QueueOffset, got.LogOffset, false}))
	})
}

func TestEndedSetForgetsBeforeItsWindow(t *testing.T) {
	e := newEndedSet(0)
	for _, off := range []message.QueueOffset{0, 63, 64, 1000, window + 100} {
		require.False(t, e.has(off))
		e.add(off)
		require.True(t, e.has(off))
	}
	require.False(t, e.has(-1))
	require.False(t, e.has(65))
	e.slide(window + 64)
	for off, want := range map[message.QueueOffset]bool{0: false, 63: false, 64: true, 1000: true, window + 100: true, window + 101: false} {
		require.Equal(t, want, e.has(off), "%d", off)
	}
	e.add(63)
	require.False(t, e.has(63))
	e.slide(10 * window)
	require.Empty(t, e.words)
	e.add(9*window + 5)
	require.True(t, e.has(9*window+5))
}

func TestOpListMovesOverAFinishedPrefix(t *testing.T) {
	l := opList{next: 10}
	l.note(9, 0)
	l.note(11, 5)
	l.finish(100)
	require.EqualValues(t, 10, l.next, "10 is not noted yet")
	l.note(10, 7)
	l.note(12, 3)
	l.note(13, opGarbage)
	l.finish(6)
	require.EqualValues(t, 10, l.next, "half message 7 is not passed")
	l.finish(8)
	require.EqualValues(t, 14, l.next)
	require.Empty(t, l.halfs)
}
