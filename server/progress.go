package server

import (
	"time"

	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/topic"
)

// storeTime is when the message at an offset of a queue was stored, in ms, −1 if it cannot be told.
func (b *Broker) storeTime(t *topic.Topic, queueID int32, offset int64) int64 {
	return b.store.StoreTimeAt(t.NameBytes, queueID, message.QueueOffset(offset))
}

// consumeStats serves 208 (GET_CONSUME_STATS): how far a group has come in one topic, or in all it has offsets of.
func (b *Broker) consumeStats(x *exchange) {
	var h wire.GetConsumeStatsRequest
	if !x.decode(&h) {
		return
	}
	all := wire.ConsumeStats{OffsetTable: make(map[wire.MessageQueue]wire.OffsetWrapper)}
	for _, name := range b.consumedTopics(h.ConsumerGroup, h.Topic) {
		if t := b.topics.Find(name); t != nil && b.mayConsume(h.ConsumerGroup, name) {
			b.addProgress(&all, h.ConsumerGroup, t, t.ReadQueues())
		}
	}
	x.json(&all)
}

// addProgress adds a group's progress in the first queues of a topic.
func (b *Broker) addProgress(all *wire.ConsumeStats, group string, t *topic.Topic, queues int32) {
	for id := range queues {
		w := wire.OffsetWrapper{
			BrokerOffset:   max(int64(b.store.MaxOffset(t.NameBytes, id)), 0),
			ConsumerOffset: max(b.offsets.Find(group, t.Name, id), 0),
		}
		if w.ConsumerOffset > 0 {
			w.LastTimestamp = max(b.storeTime(t, id, w.ConsumerOffset-1), 0)
		}
		all.OffsetTable[b.queue(t.Name, id)] = w
	}
	all.ConsumeTps += b.stats.GroupRate(group, t.Name)
}

// allConsumeStats serves 317 (GET_BROKER_CONSUME_STATS): every group's progress in every topic it has offsets of, or
// in the order topics only.
func (b *Broker) allConsumeStats(x *exchange) {
	var h wire.GetBrokerConsumeStatsRequest
	if !x.decode(&h) {
		return
	}
	body := wire.ConsumeStatsList{BrokerAddr: b.addr(), ConsumeStatsList: []map[string][]wire.ConsumeStats{}}
	for group := range b.groups.Snapshot().SubscriptionGroupTable {
		list := []wire.ConsumeStats{}
		for _, name := range b.offsets.Topics(group) {
			t := b.topics.Find(name)
			if t == nil || h.IsOrder && !t.Order() || !b.mayConsume(group, name) {
				continue
			}
			one := wire.ConsumeStats{OffsetTable: make(map[wire.MessageQueue]wire.OffsetWrapper)}
			b.addProgress(&one, group, t, t.WriteQueues())
			for _, w := range one.OffsetTable {
				body.TotalDiff += w.BrokerOffset - w.ConsumerOffset
			}
			list = append(list, one)
		}
		body.ConsumeStatsList = append(body.ConsumeStatsList, map[string][]wire.ConsumeStats{group: list})
	}
	x.json(&body)
}

// consumeTimeSpan serves 303 (QUERY_CONSUME_TIME_SPAN): per queue the times of its first and last message and of the
// one that a group has consumed last.
func (b *Broker) consumeTimeSpan(x *exchange) {
	var h wire.QueryConsumeTimeSpanRequest
	if !x.decode(&h) {
		return
	}
	t := b.topics.Find(h.Topic)
	if t == nil {
		x.fail(wire.StatusTopicNotExist, "topic[%s] not exist", h.Topic)
		return
	}
	now := b.clock.Now()
	spans := make([]wire.QueueTimeSpan, 0, t.WriteQueues())
	for id := range t.WriteQueues() {
		spans = append(spans, b.timeSpan(t, id, b.offsets.Find(h.Group, h.Topic, id), now))
	}
	x.json(&wire.QueryConsumeTimeSpanBody{ConsumeTimeSpanSet: spans})
}

func (b *Broker) timeSpan(t *topic.Topic, id int32, consumed int64, now time.Time) wire.QueueTimeSpan {
	end := int64(b.store.MaxOffset(t.NameBytes, id))
	s := wire.QueueTimeSpan{
		MessageQueue: b.queue(t.Name, id),
		MinTimeStamp: b.store.EarliestStoreTime(t.NameBytes, id),
		MaxTimeStamp: b.storeTime(t, id, end-1),
	}
	s.ConsumeTimeStamp = s.MinTimeStamp
	if consumed > 0 {
		s.ConsumeTimeStamp = b.storeTime(t, id, consumed-1)
	}
	if consumed < end {
		s.DelayTime = now.UnixMilli() - b.storeTime(t, id, consumed)
	}
	s.MinTimeStampStr, s.MaxTimeStampStr = spanTime(s.MinTimeStamp), spanTime(s.MaxTimeStamp)
	s.ConsumeTimeStampStr = spanTime(s.ConsumeTimeStamp)
	return s
}

// spanTime is Java's UtilAll.formatDate with yyyy-MM-dd#HH:mm:ss:SSS, in the broker's time zone.
func spanTime(millis int64) string {
	t := time.UnixMilli(millis)
	return t.Format("2006-01-02#15:04:05:") + t.Format(".000")[1:]
}
