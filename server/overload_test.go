package server

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/config"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// answersOf decodes the answers of one turn.
func answersOf(t *testing.T, frames []byte) (all []wire.Command) {
	t.Helper()
	for len(frames) > 0 {
		size := int(frames[1])<<16 | int(frames[2])<<8 | int(frames[3])
		var d wire.Decoder
		var c wire.Command
		require.NoError(t, d.Decode(frames[4:4+size], &c))
		all = append(all, *c.Clone())
		frames = frames[4+size:]
	}
	return all
}

// TestLateSends: what has waited too long in its socket is refused in part, and what is hopeless as a whole.
func TestLateSends(t *testing.T) {
	for _, c := range []struct {
		name    string
		age     int64
		flags   map[string]string
		refused int // of ten
	}{
		{"in time", 199, nil, 0},
		{"late", 200, nil, 2},
		{"hopeless", 3000, nil, 10},
		{"another limit", 200, map[string]string{"waitTimeMillsInSendQueue": "300"}, 0},
		{"switched off", 5000, map[string]string{"brokerFastFailureEnable": "false"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := startBroker(t, "off", c.flags)
			p := newSender(b.Broker, wire.JSON, 1, 10, 1, 100)
			p.conns[0].Age = c.age
			var got []wire.Command
			require.NoError(t, p.turn(func(_ *transport.MemoryConn, frames []byte) { got = answersOf(t, frames) }))
			require.Len(t, got, 10)
			refused := 0
			for _, a := range got {
				if wire.Status(a.Code) == wire.StatusSuccess {
					continue
				}
				refused++
				require.Equal(t, wire.StatusSystemBusy, wire.Status(a.Code))
				require.Regexp(t, fmt.Sprintf(`^\[TIMEOUT_CLEAN_QUEUE\]broker busy, start flow control for a while, period in queue: %dms, size of queue: \d+$`, c.age), string(a.Remark))
			}
			require.Equal(t, c.refused, refused)
		})
	}
}

// TestLateOnWorker: a request that no worker came to in time is refused.
func TestLateOnWorker(t *testing.T) {
	b := startBroker(t, "off", nil)
	m := transport.NewMemory(&port{b.Broker, false})
	conn := m.Dial()
	for _, c := range []struct {
		code wire.Code
		age  time.Duration
		late bool
	}{
		{wire.CodeConsumerSendMsgBack, 0, false},
		{wire.CodeConsumerSendMsgBack, time.Second, true},
		{wire.CodeEndTransaction, time.Second, false},
		{wire.CodeEndTransaction, time.Minute, true},
		{wire.CodeGetAllTopicConfig, time.Hour, false},
	} {
		x := &exchange{conn: &conn.Conn, cmd: &wire.Command{Code: int32(c.code), Opaque: 7}, nowMillis: b.clock.Now().Add(-c.age).UnixMilli()}
		served := make(chan bool, 1)
		b.onWorker(x, func(*Broker, *exchange) { served <- true })
		var answers []wire.Command
		require.Eventually(t, func() bool {
			require.NoError(t, m.Turn([]*transport.MemoryConn{conn}, func(_ *transport.MemoryConn, p []byte) { answers = answersOf(t, p) }))
			return len(answers)+len(served) > 0
		}, 10*time.Second, time.Millisecond)
		require.Equal(t, c.late, len(answers) == 1, "%+v", c)
		if c.late {
			require.Equal(t, wire.StatusSystemBusy, wire.Status(answers[0].Code))
			require.Contains(t, string(answers[0].Remark), "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: ")
		}
	}
}

func TestQueueLimits(t *testing.T) {
	o := &config.Broker{
		BrokerFastFailureEnable: true, WaitTimeMillsInSendQueue: 1, WaitTimeMillsInPullQueue: 2,
		WaitTimeMillsInHeartbeatQueue: 3, WaitTimeMillsInTransactionQueue: 4,
	}
	for code, want := range map[wire.Code]int64{
		wire.CodeSendMessage: 1, wire.CodeSendMessageV2: 1, wire.CodeSendBatchMessage: 1, wire.CodeConsumerSendMsgBack: 1,
		wire.CodePullMessage: 2, wire.CodeHeartBeat: 3, wire.CodeEndTransaction: 4, wire.CodeGetBrokerConfig: 0,
	} {
		require.Equal(t, want, queueFor(code).limit(o), code)
		require.Equal(t, queueFor(code), limits[code], code)
	}
	o.BrokerFastFailureEnable = false
	require.Zero(t, sendQueue.limit(o))
}
