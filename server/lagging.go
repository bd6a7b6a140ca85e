package server

import (
	"time"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/lag"
	"ringmq/server/topic"
)

// protectPeriod is how often slow groups are looked for.
const protectPeriod = 3 * time.Minute

// noteLag keeps how far a pull was behind, if slow groups are to be stopped.
func (b *Broker) noteLag(p *pullRequest, res *engine.GetResult) {
	c := b.conf()
	if c.Broker.DisableConsumeIfConsumerReadSlowly && c.Store.DiskFallRecorded {
		b.lags.Note(lag.Queue{Group: p.group, Topic: p.topic.Name, ID: p.queue.ID()}, res.Behind)
	}
}

// protect stops the groups that have fallen behind too far (BrokerController.protectBroker): their pulls are
// refused until somebody sets consumeEnable again.
func (b *Broker) protect(time.Time) {
	o := &b.conf().Broker
	if !o.DisableConsumeIfConsumerReadSlowly {
		return
	}
	for _, group := range b.lags.Slow(o.ConsumerFallbehindThreshold) {
		b.log.Warn("consumer group is too slow: it may not consume until consumeEnable is set again", "group", group,
			"consumerFallbehindThreshold", o.ConsumerFallbehindThreshold)
		b.saved(b.groups.Disable(group))
	}
}

// noteMoved stores an event for a pull that is told another offset (PullMessageProcessor.generateOffsetMovedEvent): a
// message of topic OFFSET_MOVED_EVENT, with the group as tag and key. It is committed with the answer. Runs
// anywhere, also on a loop.
func (b *Broker) noteMoved(p *pullRequest, res *engine.GetResult) {
	now := clock.Millis(b.clock.Now())
	if !b.lags.Event(lag.Queue{Group: p.group, Topic: p.topic.Name, ID: p.queue.ID()}, now) {
		return
	}
	body, err := fastjson.Marshal(&wire.OffsetMovedEvent{
		ConsumerGroup: p.group, MessageQueue: b.queue(p.topic.Name, p.queue.ID()),
		OffsetRequest: int64(p.get.Offset), OffsetNew: int64(res.Next),
	})
	if err != nil {
		b.log.Error("offset moved event cannot be encoded", "group", p.group, "err", err)
		return
	}
	r := message.Record{
		Topic: offsetMoved, BornTimestamp: now, BornHost: b.storeHost, StoreTimestamp: now, StoreHost: b.storeHost, Body: body,
		Properties: message.Properties(nil).Append(message.PropertyKeys, p.group).Append(message.PropertyTags, p.group).
			Append(message.PropertyDelay, "0"), // Java's has one, too
	}
	got, err := b.store.Append(b.store.Queue(r.Topic, 0), &r)
	if err == nil {
		_, err = b.store.Commit(got.End(), nil)
	}
	if err != nil {
		b.log.Warn("offset moved event is not stored", "group", p.group, "topic", p.topic.Name, "err", err)
	}
}

var offsetMoved = []byte(topic.OffsetMoved)
