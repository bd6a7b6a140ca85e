package server

import (
	"slices"

	"ringmq/internal/wire"
)

// updateTopic serves 17 (UPDATE_AND_CREATE_TOPIC).
func (b *Broker) updateTopic(x *exchange) {
	if b.onSlave(x) {
		return
	}
	var h wire.UpdateAndCreateTopicRequest
	if !x.decode(&h) {
		return
	}
	err := b.topics.Update(wire.TopicConfig{
		TopicName: h.Topic, ReadQueueNums: h.ReadQueueNums, WriteQueueNums: h.WriteQueueNums,
		Perm: h.Perm, TopicFilterType: h.TopicFilterType, TopicSysFlag: h.TopicSysFlag,
	})
	if err != nil {
		x.refuse(err)
		return
	}
	b.announceTopics()
	x.reply(wire.StatusSuccess, remarkUnset, nil, nil)
}

// deleteTopic serves 215: the configuration and the queues go, the messages stay in the commit log until it is
// cleaned. Java destroys every queue without configuration while it is at it; that is request 316.
func (b *Broker) deleteTopic(x *exchange) {
	if b.onSlave(x) {
		return
	}
	var h wire.DeleteTopicInBrokerRequest
	if !x.decode(&h) {
		return
	}
	if err := b.topics.Delete(h.Topic); err != nil {
		x.refuse(err)
		return
	}
	if err := b.store.DeleteTopic(h.Topic); err != nil {
		x.refuse(err)
		return
	}
	if b.conf().Broker.AutoDeleteUnusedStats {
		b.stats.ForgetTopic(h.Topic)
	}
	x.ok(nil)
}

// allTopics serves 21 (GET_ALL_TOPIC_CONFIG).
func (b *Broker) allTopics(x *exchange) {
	x.jsonRemark("", &wire.GetAllTopicConfigResponse{}, b.topics.Snapshot())
}

// systemTopics serves 305.
func (b *Broker) systemTopics(x *exchange) { x.json(&wire.TopicList{TopicList: b.topics.System()}) }

// topicStats serves 202 (GET_TOPIC_STATS_INFO): the span of each queue that can be written.
func (b *Broker) topicStats(x *exchange) {
	var h wire.GetTopicStatsInfoRequest
	if !x.decode(&h) {
		return
	}
	t := b.topics.Find(h.Topic)
	if t == nil {
		x.fail(wire.StatusTopicNotExist, "topic[%s] not exist", h.Topic)
		return
	}
	table := make(map[wire.MessageQueue]wire.TopicOffset, t.WriteQueues())
	for id := range t.WriteQueues() {
		o := wire.TopicOffset{
			MinOffset: max(int64(b.store.MinOffset(t.NameBytes, id)), 0),
			MaxOffset: max(int64(b.store.MaxOffset(t.NameBytes, id)), 0),
		}
		if o.MaxOffset > 0 {
			o.LastUpdateTimestamp = b.storeTime(t, id, o.MaxOffset-1)
		}
		table[b.queue(t.Name, id)] = o
	}
	x.json(&wire.TopicStatsTable{OffsetTable: table})
}

// whoConsumes serves 300 (QUERY_TOPIC_CONSUME_BY_WHO): groups that subscribe now or have offsets.
func (b *Broker) whoConsumes(x *exchange) {
	var h wire.QueryTopicConsumeByWhoRequest
	if !x.decode(&h) {
		return
	}
	groups := append(b.clients.Subscribers(h.Topic), b.offsets.Groups(h.Topic)...)
	slices.Sort(groups)
	x.json(&wire.GroupList{GroupList: slices.Compact(groups)})
}
