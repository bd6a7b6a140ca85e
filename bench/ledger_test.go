package bench

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/bench/load"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// sent has a sender send its window and be told that its messages lie in queue 1, from offset 100 on. It returns the unique keys
// as they left.
func sent(t *testing.T, o *SendOptions, l *ledger) (keys []string) {
	t.Helper()
	r := &run{o: &o.Common}
	s, err := newSender(r, o, 0, &tally{run: r})
	require.NoError(t, err)
	s.ledger, s.prefix = l, keyPrefix(s.slots)
	var out load.Out
	s.Pump(0, &out)
	for k := range s.slots {
		keys = append(keys, fmt.Sprintf("%016X%s", s.prefix, s.slots[k].counts[0]))
		h := &wire.SendMessageResponse{MsgID: []byte("id"), QueueID: 1, QueueOffset: int64(100 + k)}
		require.NoError(t, s.Frame(0, wire.AppendResponseTo(nil, o.Serialize, int32(opaqueBase+k), wire.StatusSuccess, "", h, nil)[4:]))
	}
	return keys
}

// What was acknowledged is crossed off by the message that was sent, and by no other, nor elsewhere.
func TestLedgerKnowsWhatWasAcknowledged(t *testing.T) {
	for _, serialize := range []wire.Serialize{wire.JSON, wire.RocketMQ} {
		o := options(t, "64")
		o.Conns, o.InFlight, o.Serialize = 1, 4, serialize
		l := newLedger([]int64{0, 100})
		keys := sent(t, o, l)
		require.Empty(t, l.places[0])
		require.Len(t, l.places[1], 4)
		left := func() (n int) {
			for _, id := range l.places[1] {
				n += int(min(id, 1))
			}
			return n
		}
		read := func(queue int32, offset message.QueueOffset, key string) int {
			l.cross(&message.Record{QueueID: queue, QueueOffset: offset, Properties: message.Properties(nil).Append("UNIQ_KEY", key)})
			return left()
		}
		require.Equal(t, 4, read(1, 100, keys[1]), "another message in its place")
		require.Equal(t, 4, read(0, 100, keys[0]), "another queue")
		require.Equal(t, 4, read(7, 100, keys[0]))
		require.Equal(t, 4, read(1, 99, keys[0]))
		require.Equal(t, 4, read(1, 100, "no number of 32 digits, this one"))
		require.Equal(t, 3, read(1, 100, keys[0]))
		require.Equal(t, 3, read(1, 100, keys[0]), "read twice")
		require.Equal(t, 2, read(1, 103, keys[3]))
		require.Zero(t, l.twice)
		removed, lost := l.left([]int64{0, 102})
		require.Equal(t, [2]uint64{1, 1}, [2]uint64{removed, lost})
	}
}

// A place that was given away before, or that no queue has, is the broker's fault.
func TestLedgerFindsPlacesGivenTwice(t *testing.T) {
	o := options(t, "64")
	o.Conns, o.InFlight = 1, 4
	l, other := newLedger([]int64{0, 100}), newLedger([]int64{0, 100})
	sent(t, o, l)
	sent(t, o, other)
	l.merge(other)
	require.EqualValues(t, 4, l.twice)
	for _, at := range []struct {
		queue  int32
		offset int64
	}{{-1, 0}, {2, 0}, {1, 99}, {0, maxPlaces}} {
		l.note(at.queue, at.offset, 1)
	}
	require.EqualValues(t, 8, l.twice)
	require.False(t, (&Acknowledged{Twice: l.twice}).Whole())
}

func TestPlaceOfAnswersFromOthers(t *testing.T) {
	var r replyReader
	frame := func(header string) []byte {
		return append([]byte{0, 0, byte(len(header) >> 8), byte(len(header))}, header...)
	}
	queue, offset, err := r.place(frame(`{"code":0,"extFields":{"queueOffset" : "12","msgId":"x","queueId":"3"},"flag":1,"opaque":5}`))
	require.NoError(t, err)
	require.EqualValues(t, 3, queue)
	require.EqualValues(t, 12, offset)
	for _, ext := range []string{`"queueId":"3"`, `"queueId":"3","queueOffset":"1x","msgId":"x"`, `"queueId":"99999999999","queueOffset":"1","msgId":"x"`} {
		_, _, err = r.place(frame(`{"code":0,"extFields":{` + ext + `},"flag":1,"opaque":5}`))
		require.Error(t, err, ext)
	}
}
