package server

import (
	"bytes"

	"ringmq/internal/wire"
	"ringmq/server/filter"
	"ringmq/server/group"
	"ringmq/server/names"
)

// pullFilter finds what the pull wants, in its own expression or in the group's heartbeats: f tells by
// tags code, and match, unless it is nil, by the record. It has answered when ok is false.
func (b *Broker) pullFilter(x *exchange, h *wire.PullMessageRequest, g *group.Config, f *tagFilter) (match filter.Match, ok bool) {
	if h.SysFlag&pullHasExpression != 0 {
		match, ok = b.expressionFilter(x, h, f)
	} else {
		match, ok = b.subscriptionFilter(x, h, g, f)
	}
	if ok && b.conf().Broker.FilterSupportRetry && isRetry(h.Topic) {
		return b.retryFilter(h.Topic), true
	}
	return match, ok
}

// subscriptionFilter makes the filter of a pull from what the group's clients said last.
func (b *Broker) subscriptionFilter(x *exchange, h *wire.PullMessageRequest, g *group.Config, f *tagFilter) (filter.Match, bool) {
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
	case isTagType(sub.ExpressionType):
		f.fromSubscription(sub)
		return nil, true
	default:
		return b.groupFilter(x, h, sub, f)
	}
	return nil, false
}

// groupFilter finds the compiled expression of a group's subscription.
func (b *Broker) groupFilter(x *exchange, h *wire.PullMessageRequest, sub *wire.SubscriptionData, f *tagFilter) (filter.Match, bool) {
	f.all, f.unit = true, nil
	data := b.filters.Find(h.ConsumerGroup, h.Topic)
	switch {
	case data == nil:
		x.failPull(wire.StatusFilterDataNotExist, "The broker's consumer filter data is not exist!Your expression may be wrong!")
	case data.Version < h.SubVersion:
		x.failPull(wire.StatusFilterDataNotLatest, "the consumer's consumer filter data not latest")
	case !b.conf().Broker.EnablePropertyFilter:
		x.failPull(wire.StatusSystemError, noPropertyFilter, sub.ExpressionType)
	case sub.ClassFilterMode:
		return nil, true
	default:
		f.unit = data.MayWant
		return data.Match, true
	}
	return nil, false
}

// noPropertyFilter refuses expressions that are not tags while enablePropertyFilter is off.
const noPropertyFilter = "The broker does not support consumer to filter message by %s"

// expressionFilter makes the filter of a pull that brings its expression along. One that does not
// compile passes everything, as in Java, where only an assertion is in its way.
func (b *Broker) expressionFilter(x *exchange, h *wire.PullMessageRequest, f *tagFilter) (filter.Match, bool) {
	tags := isTagType(h.ExpressionType)
	switch {
	case tags && !f.parse(h.Subscription), !tags && len(h.Subscription) == 0:
		x.failPull(wire.StatusSubscriptionParseFailed, "parse the consumer's subscription failed")
	case tags:
		return nil, true
	case !b.conf().Broker.EnablePropertyFilter:
		x.failPull(wire.StatusSystemError, noPropertyFilter, h.ExpressionType)
	default:
		f.all, f.unit = true, nil
		return b.compiled.Match(h.ExpressionType, h.Subscription), true
	}
	return nil, false
}

func isRetry(topic []byte) bool { return bytes.HasPrefix(topic, []byte(names.RetryPrefix)) }

// retryFilter matches messages of a group's retry topic as their own topics' are matched.
func (b *Broker) retryFilter(topic []byte) filter.Match {
	group := topic[len(names.RetryPrefix):]
	if !b.filters.Has(group) {
		return nil
	}
	return b.filters.Retried(string(group))
}
