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

// pullFilter finds what the pull wants, in its own expression or in the group's heartbeats, and makes
// its filter. It has answered when it returns false.
func (b *Broker) pullFilter(x *exchange, h *wire.PullMessageRequest, g *group.Config, f *tagFilter) bool {
	if h.SysFlag&pullHasExpression != 0 {
		return b.expressionFilter(x, h, f)
	}
	sub, found := b.clients.Subscription(h.ConsumerGroup, h.Topic)
	switch {
	case !found.Group:
		x.failPull(wire.StatusSubscriptionNotExist, "the consumer's group info not exist%s", faq)
	case !g.ConsumeBroadcastEnable && found.Broadcasting:
		x.failPull(wire.StatusNoPermission, "the consumer group[%s] can not consume by broadcast way", h.ConsumerGroup)
	case sub == nil:
		x.failPull(wire.StatusSubscriptionNotExist, "the consumer's subscription not exist%s", faq)
	case sub.SubVersion < h.SubVersion:
		x.failPull(wire.StatusSubscriptionNotLatest, "the consumer's subscription not latest")
	case !isTagType(sub.ExpressionType):
		x.failPull(wire.StatusSystemError, "The broker does not support consumer to filter message by %s", sub.ExpressionType)
	default:
		f.fromSubscription(sub)
		return true
	}
	return false
}

// expressionFilter makes the filter of a pull that brings its expression along.
func (b *Broker) expressionFilter(x *exchange, h *wire.PullMessageRequest, f *tagFilter) bool {
	switch {
	case !isTagType(h.ExpressionType) && len(h.Subscription) > 0:
		x.failPull(wire.StatusSystemError, "The broker does not support consumer to filter message by %s", h.ExpressionType)
	case !isTagType(h.ExpressionType) || !f.parse(h.Subscription):
		x.failPull(wire.StatusSubscriptionParseFailed, "parse the consumer's subscription failed")
	default:
		return true
	}
	return false
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
