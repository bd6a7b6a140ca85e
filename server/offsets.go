package server

import (
	"strings"

	"ringmq/internal/wire"
)

// offsetState is a turn's scratch memory for requests of consumer offsets.
type offsetState struct {
	update  wire.UpdateConsumerOffsetRequest
	updated wire.UpdateConsumerOffsetResponse
	query   wire.QueryConsumerOffsetRequest
	queried wire.QueryConsumerOffsetResponse
}

// updateConsumerOffset serves 15.
func (b *Broker) updateConsumerOffset(x *exchange) {
	h := &x.state.offset.update
	if !x.decode(h) {
		return
	}
	if err := b.offsets.Commit(h.ConsumerGroup, h.Topic, h.QueueID, h.CommitOffset); err != nil {
		x.refuse(err)
		return
	}
	x.ok(&x.state.offset.updated)
}

// queryConsumerOffset serves 14. A group that has an offset gets it at once; for another one
// the queue has to be looked at, which may block.
func (b *Broker) queryConsumerOffset(x *exchange) {
	s := &x.state.offset
	if !x.decode(&s.query) {
		return
	}
	n, ok := b.offsets.Offset(s.query.ConsumerGroup, s.query.Topic, s.query.QueueID)
	if !ok || n < 0 {
		b.later(x, (*Broker).firstConsumerOffset)
		return
	}
	s.queried.Offset = n
	x.ok(&s.queried)
}

// firstConsumerOffset answers a group that has no offset: 0 if the queue's first message is still
// there and recent, so that a young group does not miss what was sent before it came; else the client has to
// choose by its consumeFromWhere (ConsumerManageProcessor.queryConsumerOffset). Where offsets were lost, most clients would choose
// the end, and skip what they have not consumed: they are given the queue's first message.
func (b *Broker) firstConsumerOffset(x *exchange) {
	var h wire.QueryConsumerOffsetRequest
	if !x.decode(&h) {
		return
	}
	q := b.store.Lookup(h.Topic, h.QueueID)
	if q == nil || q.Min() <= 0 && b.store.InMemory(q, 0) {
		x.ok(&wire.QueryConsumerOffsetResponse{})
		return
	}
	if b.offsetsLost {
		x.ok(&wire.QueryConsumerOffsetResponse{Offset: int64(q.Min())})
		return
	}
	x.fail(wire.StatusQueryNotFound, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first")
}

// allConsumerOffsets serves 43 (GET_ALL_CONSUMER_OFFSET).
func (b *Broker) allConsumerOffsets(x *exchange) { x.json(b.offsets.Table()) }

// allDelayOffsets serves 45 (GET_ALL_DELAY_OFFSET).
func (b *Broker) allDelayOffsets(x *exchange) { x.json(b.delays.Table()) }

// correctionOffset serves 308 (QUERY_CORRECTION_OFFSET).
func (b *Broker) correctionOffset(x *exchange) {
	var h wire.QueryCorrectionOffsetRequest
	if !x.decode(&h) {
		return
	}
	var filter []string
	if strings.TrimSpace(h.FilterGroups) != "" {
		filter = strings.Split(h.FilterGroups, ",")
	}
	topic := []byte(h.Topic)
	minimum := func(queueID int32) int64 { return int64(b.store.MinOffset(topic, queueID)) }
	x.json(&wire.QueryCorrectionOffsetBody{
		CorrectionOffsets: b.offsets.Correction(h.Topic, h.CompareGroup, filter, minimum),
	})
}

// cloneGroupOffset serves 314. Without a topic all of the group's are copied; Java means to, and copies none.
func (b *Broker) cloneGroupOffset(x *exchange) {
	var h wire.CloneGroupOffsetRequest
	if !x.decode(&h) {
		return
	}
	for _, topic := range b.consumedTopics(h.SrcGroup, h.Topic) {
		if b.topics.Find(topic) == nil || !h.Offline && !b.mayConsume(h.SrcGroup, topic) {
			continue
		}
		if err := b.offsets.Clone(h.SrcGroup, h.DestGroup, topic); err != nil {
			x.refuse(err)
			return
		}
	}
	x.ok(nil)
}

// consumedTopics is the topic given, or all that a group has offsets of.
func (b *Broker) consumedTopics(group, topic string) []string {
	if strings.TrimSpace(topic) != "" {
		return []string{topic}
	}
	return b.offsets.Topics(group)
}

// mayConsume tells whether a group is offline, or subscribes to nothing, or to the topic.
func (b *Broker) mayConsume(group, topic string) bool {
	g := b.clients.Find(group)
	return g == nil || len(g.Subscriptions) == 0 || g.Subscriptions[topic] != nil
}

// maxOffset serves 30.
func (b *Broker) maxOffset(x *exchange) {
	var h wire.GetMaxOffsetRequest
	if x.decode(&h) {
		x.ok(&wire.GetMaxOffsetResponse{Offset: int64(b.store.MaxOffset([]byte(h.Topic), h.QueueID))})
	}
}

// minOffset serves 31.
func (b *Broker) minOffset(x *exchange) {
	var h wire.GetMinOffsetRequest
	if x.decode(&h) {
		x.ok(&wire.GetMinOffsetResponse{Offset: int64(b.store.MinOffset([]byte(h.Topic), h.QueueID))})
	}
}

// offsetByTime serves 29 (SEARCH_OFFSET_BY_TIMESTAMP).
func (b *Broker) offsetByTime(x *exchange) {
	var h wire.SearchOffsetByTimestampRequest
	if x.decode(&h) {
		x.ok(&wire.SearchOffsetByTimestampResponse{Offset: int64(b.store.OffsetByTime([]byte(h.Topic), h.QueueID, h.Timestamp))})
	}
}

// earliestStoreTime serves 32 (GET_EARLIEST_MSG_STORETIME): −1 when the queue has no message.
func (b *Broker) earliestStoreTime(x *exchange) {
	var h wire.GetEarliestMsgStoretimeRequest
	if x.decode(&h) {
		x.ok(&wire.GetEarliestMsgStoretimeResponse{Timestamp: b.store.EarliestStoreTime([]byte(h.Topic), h.QueueID)})
	}
}
