package server

import (
	"bytes"
	"math/rand/v2"
	"time"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/server/delay"
	"ringmq/server/timer"
	"ringmq/server/topic"
	"ringmq/server/txn"
)

// sendState is a turn's memory of what it appended: the answers it owes once the
// append is committed, and scratch space for the message at hand.
type sendState struct {
	header   wire.SendMessageRequest
	like     likeness // of header
	response wire.SendMessageResponse
	answers  wire.SendAnswers
	record   message.Record
	run      run
	props    []byte // properties of record as stored
	batch    batchState
	ids      []byte // text of the message ids of one answer
	out      []byte // answers for one connection, off the loop

	owed   []owedAnswer        // in the order of arrival
	member []message.LogOffset // offsets of all batch members, shared by owed
	upTo   message.LogOffset   // end of the turn's last record
}

// owedAnswer is a message that is staged but not answered.
type owedAnswer struct {
	conn        *transport.Conn
	opaque      int32
	serialize   wire.Serialize
	oneway      bool
	queueID     int32
	queueOffset message.QueueOffset
	logOffset   message.LogOffset
	// memberFrom, memberTo cut a batch's offsets out of sendState.member; equal for a single message.
	memberFrom, memberTo int32
}

// send serves 10, 310 and 320 (SendMessageProcessor): checks, then stages the message.
// The answer follows in EndTurn, after the turn's one write.
func (b *Broker) send(x *exchange) {
	s := &x.state.send
	h := &s.header
	if err := b.decodeSend(x, h); err != nil {
		b.refuseSend(x, wire.StatusSystemError, err.Error())
		return
	}
	if !b.acceptsSends(x) {
		return
	}
	t := s.run.topic
	if t == nil || !bytes.Equal(t.NameBytes, h.Topic) {
		if t = b.topics.Lookup(h.Topic); t == nil {
			b.createThenSend(x)
			return
		}
	}
	b.sendTo(x, t)
}

// acceptsSends tells whether startAcceptSendRequestTimeStamp has come. It has answered when it returns false.
func (b *Broker) acceptsSends(x *exchange) bool {
	from := b.conf().Broker.StartAcceptSendRequestTimeStamp
	if x.nowMillis < from {
		b.refuseSend(x, wire.StatusSystemError, "broker unable to service, until "+
			time.UnixMilli(from).Format("2006-01-02 15:04:05,000"))
	}
	return x.nowMillis >= from
}

// sendTo stages the request's message, or messages, for a topic that exists.
func (b *Broker) sendTo(x *exchange, t *topic.Topic) {
	s := &x.state.send
	h := &s.header
	queueID, ok := b.checkSend(x, t)
	if !ok {
		return
	}
	if bytes.HasPrefix(h.Topic, retryPrefix) {
		if t, queueID = b.retryTarget(x, t, queueID); t == nil {
			return
		}
	}
	r := &s.record
	*r = message.Record{} // and then in place: a literal would be copied
	r.Topic, r.QueueID, r.Flag, r.SysFlag, r.ReconsumeTimes = t.NameBytes, queueID, h.Flag, h.SysFlag, h.ReconsumeTimes
	r.BornTimestamp, r.BornHost = h.BornTimestamp, x.conn.Remote()
	r.StoreTimestamp, r.StoreHost = x.nowMillis, b.storeHost
	if t.MultiTag() {
		r.SysFlag |= message.FlagMultiTags
	}
	if h.Batch {
		b.appendBatch(x, t)
		return
	}
	b.appendOne(x, t)
}

// checkSend holds a send against the rules of its topic and chooses the queue (AbstractSendMessageProcessor.msgCheck). It
// has answered when ok is false.
func (b *Broker) checkSend(x *exchange, t *topic.Topic) (queueID int32, ok bool) {
	queueID = x.state.send.header.QueueID
	switch {
	case t.SendForbidden:
		b.refuseSend(x, wire.StatusNoPermission, "Sending message to topic["+t.Name+"] is forbidden.")
	case t.Order() && !b.permitted(topic.PermWrite):
		b.refuseSend(x, wire.StatusNoPermission, "the broker["+b.conf().Broker.BrokerIP1+"] sending message is forbidden")
	case queueID >= max(t.WriteQueues(), t.ReadQueues()):
		b.refuseSend(x, wire.StatusSystemError, t.QueueRefusal(queueID, x.conn.Remote()))
	case queueID < 0:
		return rand.Int32N(max(t.WriteQueues(), 1)), true
	default:
		return queueID, true
	}
	return 0, false
}

// appendOne stages a single message.
func (b *Broker) appendOne(x *exchange, t *topic.Topic) {
	s := &x.state.send
	seen := s.storedProperties(s.header.Properties, b.clusterProperty)
	r := &s.record
	queueID := r.QueueID
	r.Body, r.Properties = x.cmd.Body, s.props
	switch {
	case seen.noDelay:
		b.refuseSend(x, wire.StatusSystemError, badDelay)
		return
	case seen.transaction && b.conf().Broker.RejectTransactionMessage:
		b.refuseSend(x, wire.StatusNoPermission, "the broker["+b.conf().Broker.BrokerIP1+"] sending transaction message is forbidden")
		return
	case seen.transaction && seen.timer && timer.Asks(r.Properties):
		b.refuseSend(x, wire.StatusMessageIllegal, "a transaction cannot wait for a moment of its own (TIMER_DELIVER_MS, TIMER_DELAY_MS, TIMER_DELAY_SEC)")
		return
	case seen.transaction:
		s.props = txn.Prepare(r, s.halfProperties(&seen))
	case seen.delay > 0:
		s.props = delay.Schedule(r, s.props, seen.delay, b.delays.Levels())
	case seen.timer:
		if !b.timed(x) {
			return
		}
	}
	if !b.legalSizes(len(r.Body), len(r.Properties)) {
		b.refuseSend(x, wire.StatusMessageIllegal, b.illegalMessageRemark())
		return
	}
	got, err := b.store.Append(b.queueOf(s), r)
	if err != nil {
		b.refuseStore(x, err)
		return
	}
	s.owe(x, queueID, got)
	s.upTo = max(s.upTo, got.End())
	if string(r.Topic) == t.Name {
		b.count(s, t, 1, int64(got.Size))
		return
	}
	b.stats.Waits(r.Topic, int64(got.Size)) // the topic itself counts it when it comes there
	b.stats.BrokerPut(1, 1)
}

// owe notes the answer to the message just staged.
func (s *sendState) owe(x *exchange, queueID int32, got engine.Receipt) {
	s.owed = append(s.owed, owedAnswer{})
	o := &s.owed[len(s.owed)-1] // in place: copying what was written a moment ago would wait for the writes
	o.conn, o.opaque, o.serialize = x.conn, x.cmd.Opaque, x.cmd.Serialize
	o.oneway = x.cmd.IsOneway()
	o.queueID, o.queueOffset, o.logOffset = queueID, got.QueueOffset, got.LogOffset
}

// createThenSend makes the topic first.
func (b *Broker) createThenSend(x *exchange) {
	if err := topic.CheckName(x.state.send.header.Topic); err != nil {
		b.refuseSend(x, wire.StatusSystemError, err.Error())
		return
	}
	b.sendFromWorker(x)
}

// sendFromWorker starts the request over on a worker: making a topic writes topics.json. The
// message is staged and committed there, too.
func (b *Broker) sendFromWorker(x *exchange) {
	y := &exchange{conn: x.conn, cmd: x.cmd.Clone(), nowMillis: x.nowMillis, state: new(turnState)}
	if !b.workers.run(y, func() { b.guarded((*Broker).sendOnWorker, y) }) {
		b.refuseSend(x, wire.StatusSystemBusy, overloadRemark)
	}
}

// sendOnWorker is send where files may be written.
func (b *Broker) sendOnWorker(x *exchange) {
	t := b.topicOfSend(x)
	if t == nil {
		return
	}
	b.sendTo(x, t)
	b.commitOwed(nil, &x.state.send)
	b.resumePulls(nil, x.state)
}

// topicOfSend reads the header of a send and finds or makes its topic, which may write files. It has answered when it
// returns nil.
func (b *Broker) topicOfSend(x *exchange) *topic.Topic {
	h := &x.state.send.header
	if err := b.decodeSend(x, h); err != nil {
		b.refuseSend(x, wire.StatusSystemError, err.Error())
		return nil
	}
	t, err := b.topics.CreateOnSend(string(h.Topic), string(h.DefaultTopic), h.DefaultTopicQueueNums, h.UnitMode)
	switch {
	case err != nil:
		b.refuseSend(x, wire.StatusSystemError, err.Error())
		return nil
	case t == nil:
		b.refuseSend(x, wire.StatusTopicNotExist, "topic["+string(h.Topic)+"] not exist, apply first please!"+faq)
	}
	return t
}

// likeness says which headers the last one decoded can be updated to: those of the same shape.
type likeness struct {
	code           int32
	shape, changed uint32 // see wire.Command
}

// decodeSend reads the long or the short header: as a whole, or what differs from the last one.
func (b *Broker) decodeSend(x *exchange, h *wire.SendMessageRequest) error {
	cmd, last := x.cmd, &x.state.send.like
	again := cmd.Shape != 0 && cmd.Shape == last.shape && cmd.Code == last.code
	fields := cmd.Changed | last.changed
	*last = likeness{cmd.Code, cmd.Shape, cmd.Changed}
	var err error
	switch long := isLong(wire.Code(cmd.Code)); {
	case again && long:
		err = h.Update(cmd.Ext, fields)
	case again:
		err = h.UpdateV2(cmd.Ext, fields)
	case long:
		err = h.Decode(cmd.Ext)
	default:
		err = h.DecodeV2(cmd.Ext)
	}
	if err != nil {
		*last = likeness{}
	}
	return err
}

// isLong tells whether a send spells its fields' names out.
func isLong(code wire.Code) bool {
	return code == wire.CodeSendMessage || code == wire.CodeSendReplyMessage
}
