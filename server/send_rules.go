package server

import (
	"fmt"

	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/group"
	"ringmq/server/topic"
)

// faq ends remarks that name a page of help; stock clients print it (FAQUrl.suggestTodo).
const faq = "\nSee http://rocketmq.apache.org/docs/faq/ for further details."

const overloadRemark = "[OVERLOAD]system busy, start flow control for a while"

// recordSlack is what a stored record, or batch, may have beyond maxMessageSize (MessageExtEncoder).
const recordSlack = 64 << 10

var retryPrefix = []byte("%RETRY%")

// legalSizes holds the message at hand against maxMessageSize and the width of the properties' length field.
func (b *Broker) legalSizes(body, properties int) bool {
	return body <= b.conf().Store.MaxMessageSize && properties <= message.MaxProperties
}

func (b *Broker) illegalMessageRemark() string {
	return fmt.Sprintf("the message is illegal, maybe msg body or properties length not matched. "+
		"msg body length limit %dB, msg properties length limit 32KB.", b.conf().Store.MaxMessageSize)
}

// retryTarget is where a message to %RETRY%group goes: there, or to the group's dead letter topic once it was
// tried often enough. It has answered when it returns nil.
func (b *Broker) retryTarget(x *exchange, t *topic.Topic, queueID int32) (*topic.Topic, int32) {
	h := &x.state.send.header
	name := h.Topic[len(retryPrefix):]
	g := b.groups.Lookup(name)
	if g == nil {
		if x.turn != nil { // the group may have to be made
			b.sendFromWorker(x)
			return nil, 0
		}
		if g = b.retryGroup(x, string(name)); g == nil {
			return nil, 0
		}
	}
	limit := g.RetryMaxTimes
	if h.HasMaxReconsumeTimes && x.cmd.Version >= versionWithMaxReconsume {
		limit = h.MaxReconsumeTimes
	}
	if h.ReconsumeTimes < limit {
		return t, queueID
	}
	if x.turn != nil { // the topic may have to be made
		b.sendFromWorker(x)
		return nil, 0
	}
	dead, err := b.topics.DeadLetter(string(name))
	if err != nil {
		b.refuseSend(x, wire.StatusSystemError, err.Error())
		return nil, 0
	}
	return dead, 0
}

// retryGroup finds or makes the group that a message is tried again for. It has answered when it returns nil.
func (b *Broker) retryGroup(x *exchange, name string) *group.Config {
	g, err := b.groups.FindOrCreate(name)
	switch {
	case err != nil:
		b.refuseSend(x, wire.StatusSystemError, err.Error())
	case g == nil:
		b.refuseSend(x, wire.StatusSubscriptionGroupNotExist, "subscription group not exist, "+name+" "+faq)
	}
	return g
}

// versionWithMaxReconsume is V3_4_9: older clients put something else into maxReconsumeTimes.
const versionWithMaxReconsume = 121
