package server

import (
	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/server/hold"
	"ringmq/server/topic"
)

// PullMessage sysFlag bits (PullSysFlag).
const (
	pullCommitsOffset = 1 << 0
	pullMaySuspend    = 1 << 1
	pullHasExpression = 1 << 2
	pullClassFilter   = 1 << 3
)

// pullState is a turn's scratch memory for pulls.
type pullState struct {
	header   wire.PullMessageRequest
	response wire.PullMessageResponse
	head     []byte
	ready    []hold.Waiter
	filter   tagFilter
	request  pullRequest
	// match is filter's, made once.
	match func(tagsCode int64) bool
}

// pullRequest is a pull whose checks have passed: all that is needed to run it, now or again after a
// wait.
type pullRequest struct {
	conn      *transport.Conn
	opaque    int32
	serialize wire.Serialize
	queue     *consumequeue.Queue
	get       engine.GetRequest
	topic     *topic.Topic
	group     string
	// filter is what get.Filter looks at: the turn's until the pull is held; nil passes all. get.Match
	// is nobody's: it does not change.
	filter *tagFilter
	// brokers are where the consumer is sent next, if it keeps up and if not (suggestWhichBrokerId).
	brokers [2]int64
	// suspendMillis is how long the pull may be held; 0 means not at all, and it is 0 once it has been.
	suspendMillis int64
	// began is when the turn did, in ms; 0 for a pull that is run again after a wait.
	began int64
}

// pull serves 11 (PullMessageProcessor): checks, then messages, then a wait if there are none.
func (b *Broker) pull(x *exchange) {
	st := &x.state.pull
	h := &st.header
	if !x.decode(h) {
		return
	}
	g, t := b.checkPull(x, h)
	if t == nil {
		return
	}
	match, ok := b.pullFilter(x, h, g, &st.filter)
	if !ok {
		return
	}
	if h.SysFlag&pullCommitsOffset != 0 {
		b.offsets.Commit(h.ConsumerGroup, h.Topic, h.QueueID, h.CommitOffset)
	}
	q := b.pullQueue(x, t, h.QueueID)
	if q == nil {
		return
	}
	p := &st.request
	*p = pullRequest{
		conn: x.conn, opaque: x.cmd.Opaque, serialize: x.cmd.Serialize,
		queue: q, topic: t, group: g.GroupName,
		brokers: [2]int64{g.BrokerID, g.WhichBrokerWhenConsumeSlowly},
	}
	p.get = engine.GetRequest{Queue: p.queue, Offset: message.QueueOffset(h.QueueOffset), MaxMsgs: int(h.MaxMsgNums)}
	p.get.Match, p.get.Unit = match, st.filter.unit
	if !st.filter.all {
		if st.match == nil {
			st.match = st.filter.match
		}
		p.filter, p.get.Filter = &st.filter, st.match
	}
	if h.SysFlag&pullMaySuspend != 0 {
		p.suspendMillis = h.SuspendTimeoutMillis
		if !b.conf().Broker.LongPollingEnable {
			p.suspendMillis = b.conf().Broker.ShortPollingTimeMills
		}
	}
	b.runPull(x.turn, st, p, x.nowMillis)
	*p = pullRequest{} // it must not keep a connection alive
}

// pullQueue is the queue to pull from, made if there may be one more. It has answered when it returns nil.
func (b *Broker) pullQueue(x *exchange, t *topic.Topic, id int32) *consumequeue.Queue {
	if !t.Light {
		return b.store.Queue(t.NameBytes, id)
	}
	q, err := b.store.LightQueue(t.NameBytes)
	if err != nil {
		x.failPull(wire.StatusSystemError, "store getMessage return null")
	}
	return q
}
