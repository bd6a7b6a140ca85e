package server

import (
	"fmt"

	"ringmq/internal/wire"
	"ringmq/server/group"
	"ringmq/server/topic"
)

// checkPull holds a pull against the rules that need no message: permissions, group, topic and queue, in the
// order of PullMessageProcessor. It has answered when it returns no topic.
func (b *Broker) checkPull(x *exchange, h *wire.PullMessageRequest) (*group.Config, *topic.Topic) {
	if !b.permitted(topic.PermRead) {
		x.failPull(wire.StatusNoPermission, "the broker[%s] pulling message is forbidden", b.conf().Broker.BrokerIP1)
		return nil, nil
	}
	g := b.groups.Lookup(h.ConsumerGroup)
	if g == nil {
		b.createGroupThenPull(x)
		return nil, nil
	}
	if !g.ConsumeEnable {
		x.failPull(wire.StatusNoPermission, "subscription group no permission, %s", h.ConsumerGroup)
		return nil, nil
	}
	t := b.topics.Lookup(h.Topic)
	switch {
	case t == nil:
		x.failPull(wire.StatusTopicNotExist, "topic[%s] not exist, apply first please! %s", h.Topic, faq)
	case t.Perm()&topic.PermRead == 0:
		x.failPull(wire.StatusNoPermission, "the topic[%s] pulling message is forbidden", h.Topic)
	case h.QueueID < 0 || h.QueueID >= t.ReadQueues():
		x.failPull(wire.StatusSystemError, "queueId[%d] is illegal, topic:[%s] topicConfig.readQueueNums:[%d] consumer:[/%s]",
			h.QueueID, h.Topic, t.ReadQueues(), x.conn.Remote())
	case h.MaxMsgNums < 0:
		x.failPull(wire.StatusSystemError, "maxMsgNums[%d] is illegal", h.MaxMsgNums)
	default:
		return g, t
	}
	return nil, nil
}

// createGroupThenPull makes the group, which writes subscriptionGroup.json, on a worker and runs the pull there.
func (b *Broker) createGroupThenPull(x *exchange) {
	y := &exchange{conn: x.conn, cmd: x.cmd.Clone(), nowMillis: x.nowMillis, state: new(turnState)}
	job := func(b *Broker, y *exchange) {
		h := &y.state.pull.header
		if !y.decode(h) {
			return
		}
		g, err := b.groups.FindOrCreate(string(h.ConsumerGroup))
		switch {
		case err != nil:
			y.failPull(wire.StatusSystemError, "%v", err)
		case g == nil:
			y.failPull(wire.StatusSubscriptionGroupNotExist, "subscription group [%s] does not exist, %s", h.ConsumerGroup, faq)
		default:
			b.pull(y)
		}
	}
	if !b.workers.run(y, func() { b.guarded(job, y) }) {
		x.failPull(wire.StatusSystemBusy, overloadRemark)
	}
}

// failPull refuses a pull; like Java's, the answer has an empty header.
func (x *exchange) failPull(status wire.Status, format string, args ...any) {
	x.reply(status, fmt.Sprintf(format, args...), noFields{}, nil)
}

// noFields is a header without a field: an answer that has one shows an empty extFields.
type noFields struct{}

// AppendExt implements [wire.Header].
func (noFields) AppendExt(w wire.ExtWriter) wire.ExtWriter { return w }

// permitted tells whether brokerPermission has the bit.
func (b *Broker) permitted(perm int32) bool { return int32(b.conf().Broker.BrokerPermission)&perm != 0 }
