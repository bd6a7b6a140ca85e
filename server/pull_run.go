package server

import (
	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/server/hold"
)

// runPull looks for messages and answers, or puts the pull on hold. t is nil off the loop.
func (b *Broker) runPull(t *transport.Turn, st *pullState, p *pullRequest, nowMillis int64) {
	res := engine.NewGetResult()
	p.began = nowMillis
	b.store.Get(&p.get, res)
	status := pullStatus(res.Status, p.get.Offset)
	switch {
	case status == wire.StatusPullNotFound && p.suspendMillis > 0:
		res.Release()
		if !b.holdPull(p, nowMillis) {
			p.refuse()
		}
	case res.Cold:
		b.warmPull(p, res)
	default:
		b.answerPull(t, st, p, status, res)
	}
}

// pullStatus maps the store's finding to the answer (PullMessageProcessor).
func pullStatus(s engine.GetStatus, offset message.QueueOffset) wire.Status {
	switch s {
	case engine.Found:
		return wire.StatusSuccess
	case engine.MessageWasRemoving, engine.NoMatchedMessage:
		return wire.StatusPullRetryImmediately
	case engine.OffsetTooSmall, engine.OffsetOverflowBadly:
		return wire.StatusPullOffsetMoved
	case engine.NoMessageInQueue, engine.NoMatchedLogicQueue:
		if offset != 0 {
			return wire.StatusPullOffsetMoved
		}
	}
	return wire.StatusPullNotFound
}

// answerPull sends the answer; the messages go from the commit log's pages. It takes over res.
func (b *Broker) answerPull(t *transport.Turn, st *pullState, p *pullRequest, status wire.Status, res *engine.GetResult) {
	b.noteLag(p, res)
	if status == wire.StatusPullOffsetMoved {
		b.noteMoved(p, res)
	}
	h := &st.response
	*h = wire.PullMessageResponse{
		NextBeginOffset: int64(res.Next), MinOffset: int64(res.Min), MaxOffset: int64(res.Max),
	}
	if b.conf().Broker.SlaveReadEnable {
		h.SuggestWhichBrokerID = p.brokers[0]
		if res.SuggestSlave {
			h.SuggestWhichBrokerID = p.brokers[1]
		}
	}
	bodyLen := 0
	if status == wire.StatusSuccess {
		bodyLen = res.Bytes
		b.stats.GroupGet(p.group, p.topic.Name, int64(res.Count), int64(res.Bytes))
		b.stats.GroupLatency(p.group, p.topic.Name, p.queue.ID(), b.pullTook(p))
	} else {
		b.stats.GroupMissed()
	}
	st.head = wire.AppendResponseHead(st.head[:0], p.serialize, p.opaque, status, res.Status.String(), h, bodyLen)
	owned := t != nil && t.Owns(p.conn)
	switch {
	case bodyLen > 0 && owned:
		t.Gather(p.conn, st.head, res)
		return
	case bodyLen > 0:
		p.conn.SendGather(st.head, res)
		return
	case owned:
		buf := t.Buf(p.conn)
		*buf = append(*buf, st.head...)
	default:
		p.conn.Send(st.head)
	}
	res.Release()
}

// pullTook is how long it took to find the messages of a pull, in ms; 0 for one that was held.
func (b *Broker) pullTook(p *pullRequest) int64 {
	if p.began == 0 {
		return 0
	}
	return b.clock.Now().UnixMilli() - p.began
}

// heldBytes is about what a pull on hold takes, without the tags it has brought along.
const heldBytes = 512

// holdPull keeps a copy of the pull until a message comes or its time is up, unless too many are kept.
func (b *Broker) holdPull(p *pullRequest, nowMillis int64) bool {
	held, bytes := new(pullRequest), int64(heldBytes)
	*held = *p
	if p.filter != nil {
		held.filter = p.filter.clone()
		held.get.Filter = held.filter.match
		bytes += 4 * int64(len(held.filter.parsed))
	}
	deadline := nowMillis + p.suspendMillis
	held.suspendMillis = 0
	return b.hold.Add(hold.Waiter{
		Queue: held.queue, Offset: held.get.Offset, DeadlineMillis: deadline,
		Match: held.get.Filter, MatchRecord: held.get.Match, Pull: held, Bytes: bytes, Client: held.conn,
	}, nowMillis)
}

// refuse answers SYSTEM_BUSY: stock clients pull again after some seconds.
func (p *pullRequest) refuse() {
	p.conn.Send(wire.AppendResponseTo(nil, p.serialize, p.opaque, wire.StatusSystemBusy, overloadRemark, nil, nil))
}

// resumePulls runs the pulls whose wait is over: in the turn that brought their message, or,
// with t and st nil, on whatever goroutine ended their wait.
func (b *Broker) resumePulls(t *transport.Turn, st *turnState) {
	if !b.hold.Pending() {
		return
	}
	if st == nil {
		st = new(turnState)
	}
	ps := &st.pull
	ps.ready = b.hold.TakeReady(ps.ready[:0])
	for i := range ps.ready {
		p := ps.ready[i].Pull.(*pullRequest)
		if !p.conn.Closing() {
			b.runPull(t, ps, p, 0)
		}
	}
	clear(ps.ready)
}

// warmPull answers a pull whose messages are not in memory: they are read without anybody waiting, and the
// connection's loop answers, among its other turns. Off the loop, and when there is still something to wait for, a worker does.
func (b *Broker) warmPull(p *pullRequest, res *engine.GetResult) {
	if p.filter != nil { // the turn's
		res.Refilter(p.filter.clone().match)
	}
	q := *p
	res.Fetch(func() {
		if !q.conn.OnLoop(func(t *transport.Turn) { b.answerFetched(t, &q, res) }) {
			b.answerOnWorker(&q, res)
		}
	})
}

// answerFetched answers a pull whose messages were read a moment ago. It runs on the connection's loop.
func (b *Broker) answerFetched(t *transport.Turn, p *pullRequest, res *engine.GetResult) {
	if p.conn.Closing() {
		res.Release()
		return
	}
	if res.Again(); res.Cold {
		b.answerOnWorker(p, res)
		return
	}
	b.answerPull(t, &stateOf(t).pull, p, pullStatus(res.Status, p.get.Offset), res)
}

// answerOnWorker has a worker answer a pull, which may wait for the device.
func (b *Broker) answerOnWorker(p *pullRequest, res *engine.GetResult) {
	if !b.workers.put(job{conn: p.conn.ID(), run: func() { b.answerWarm(p, res) }}) {
		res.Release()
		p.refuse()
	}
}

func (b *Broker) answerWarm(p *pullRequest, res *engine.GetResult) {
	if err := res.Warm(); err != nil {
		b.log.Error("a pull cannot be answered", "topic", p.topic.Name, "queue", p.queue.ID(), "err", err)
	}
	b.answerPull(nil, new(pullState), p, pullStatus(res.Status, p.get.Offset), res)
}
