package server

import (
	"slices"

	"ringmq/consumequeue"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// Bounds of answers that a request could otherwise make as long as it likes.
const (
	maxQueryBytes   = 15 << 20 // records in the answer to 12: a frame has at most 16 MiB
	maxQueueEntries = 8192     // entries in the answer to 321
)

// queryMessage serves 12: records by topic and key, in the order of the commit log. Keys are compared
// by hash, so some may be strangers; clients look again.
func (b *Broker) queryMessage(x *exchange) {
	var h wire.QueryMessageRequest
	if !x.decode(&h) {
		return
	}
	limit := int(h.MaxNum)
	if h.UniqueKeyQuery {
		limit = b.conf().Store.DefaultQueryMaxNum
	}
	limit = min(limit, b.conf().Store.MaxMsgsNumBatch)
	found := b.store.QueryKey([]byte(h.Topic), []byte(h.Key), limit, h.BeginTimestamp, h.EndTimestamp)
	slices.Sort(found.Offsets)
	var body []byte
	for _, off := range found.Offsets {
		record, err := b.store.ReadRecord(off)
		if err != nil {
			b.log.Warn("indexed message cannot be read", "topic", h.Topic, "key", h.Key, "offset", int64(off), "err", err)
			continue
		}
		if len(body)+len(record) > maxQueryBytes {
			break
		}
		body = append(body, record...)
	}
	if len(body) == 0 {
		x.reply(wire.StatusQueryNotFound, "can not find message, maybe time range not correct", &wire.QueryMessageResponse{}, nil)
		return
	}
	x.reply(wire.StatusSuccess, "", &wire.QueryMessageResponse{
		IndexLastUpdateTimestamp: found.LastTimestamp, IndexLastUpdatePhyoffset: int64(found.LastOffset),
	}, body)
}

// viewMessage serves 33 (VIEW_MESSAGE_BY_ID): the record at a log offset. Java trusts the offset and
// sends whatever bytes lie there.
func (b *Broker) viewMessage(x *exchange) {
	var h wire.ViewMessageByIDRequest
	if !x.decode(&h) {
		return
	}
	record, err := b.store.ReadRecord(message.LogOffset(h.Offset))
	if err != nil {
		x.fail(wire.StatusSystemError, "can not find message by the offset, %d", h.Offset)
		return
	}
	x.body(record)
}

// queryConsumeQueue serves 321: a range of a queue's entries.
func (b *Broker) queryConsumeQueue(x *exchange) {
	var h wire.QueryConsumeQueueRequest
	if !x.decode(&h) {
		return
	}
	q := b.store.Lookup([]byte(h.Topic), h.QueueID)
	if q == nil {
		x.fail(wire.StatusSystemError, "%d@%s is not exist!", h.QueueID, h.Topic)
		return
	}
	body := wire.QueryConsumeQueueResponseBody{MaxQueueIndex: int64(q.Max()), MinQueueIndex: int64(q.Min())}
	if h.ConsumerGroup != "" {
		sub, _ := b.clients.Subscription([]byte(h.ConsumerGroup), []byte(h.Topic))
		body.SubscriptionData = sub
		body.FilterData = "null" // no SQL filter is kept for the group
		if sub == nil {
			body.FilterData = h.ConsumerGroup + "@" + h.Topic + " is not online!"
		}
	}
	entries, err := readEntries(q, message.QueueOffset(h.Index), int(h.Count))
	switch {
	case err != nil:
		x.refuse(err)
		return
	case h.Index < int64(q.Min()) || h.Index >= int64(q.Max()):
		// Java answers success for an index that is not there.
		x.fail(wire.StatusSuccess, "Index %d of %d@%s is not exist!", h.Index, h.QueueID, h.Topic)
		return
	}
	body.QueueData = make([]wire.ConsumeQueueData, 0, len(entries))
	for _, e := range entries {
		body.QueueData = append(body.QueueData, wire.ConsumeQueueData{
			PhysicOffset: int64(e.LogOffset), PhysicSize: e.Size, TagsCode: e.TagsCode,
		})
	}
	x.jsonRemark(remarkUnset, nil, &body)
}

// readEntries reads entries of a queue, which come in pieces.
func readEntries(q *consumequeue.Queue, from message.QueueOffset, count int) ([]consumequeue.Entry, error) {
	entries := make([]consumequeue.Entry, min(max(count, 0), maxQueueEntries))
	n := 0
	for n < len(entries) {
		got, err := q.ReadCodes(from+message.QueueOffset(n), entries[n:])
		if err != nil {
			return nil, err
		}
		if got == 0 {
			break
		}
		n += got
	}
	return entries[:n], nil
}
