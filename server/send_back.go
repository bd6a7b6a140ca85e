package server

import (
	"math/rand/v2"
	"strconv"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/delay"
	"ringmq/server/group"
	"ringmq/server/topic"
)

// sendBack serves 36 (SendMessageProcessor.asyncConsumerSendMsgBack): a consumer gives a message back. It is stored
// again, for %RETRY%group after a pause that grows with the attempts, or for %DLQ%group when it was
// tried often enough. Runs on a worker.
func (b *Broker) sendBack(x *exchange) {
	var h wire.ConsumerSendMsgBackRequest
	if !x.decode(&h) {
		return
	}
	g, err := b.groups.FindOrCreate(h.Group)
	switch {
	case err != nil:
		x.fail(wire.StatusSystemError, "%v", err)
		return
	case g == nil:
		x.fail(wire.StatusSubscriptionGroupNotExist, "subscription group not exist, %s %s", h.Group, faq)
		return
	case !b.permitted(topic.PermWrite):
		x.fail(wire.StatusNoPermission, "the broker[%s] sending message is forbidden", b.conf().Broker.BrokerIP1)
		return
	case g.RetryQueueNums <= 0:
		x.ok(nil)
		return
	}
	retry, err := b.topics.Retry(h.Group, g.RetryQueueNums, h.UnitMode)
	if err != nil {
		x.fail(wire.StatusSystemError, "%v", err)
		return
	}
	if retry.Perm()&topic.PermWrite == 0 {
		x.fail(wire.StatusNoPermission, "the topic[%s] sending message is forbidden", retry.Name)
		return
	}
	raw, err := b.store.ReadRecord(message.LogOffset(h.Offset))
	var r message.Record
	if err == nil {
		err = message.Decode(raw, &r)
	}
	if err != nil {
		x.fail(wire.StatusSystemError, "look message by offset failed, %d", h.Offset)
		return
	}
	if err := b.storeAgain(x, &h, g, retry, &r); err != nil {
		status, remark := storeRefusal(err)
		x.fail(status, "%s", remark)
		return
	}
	x.ok(nil)
}

// storeAgain stores a message that came back; it returns when the message is safe, because the
// consumer forgets it then.
func (b *Broker) storeAgain(x *exchange, h *wire.ConsumerSendMsgBackRequest, g *group.Config, target *topic.Topic, r *message.Record) error {
	level := h.DelayLevel
	limit := g.RetryMaxTimes
	if h.HasMaxReconsumeTimes && x.cmd.Version >= versionWithMaxReconsume {
		limit = h.MaxReconsumeTimes
	}
	queueID := rand.Int32N(g.RetryQueueNums)
	if r.ReconsumeTimes >= limit || level < 0 {
		dead, err := b.topics.DeadLetter(h.Group)
		if err != nil {
			return err
		}
		target, queueID, level = dead, 0, 0
	} else if level == 0 {
		level = 3 + r.ReconsumeTimes
	}
	origin := string(r.Topic)
	if known := r.Properties.Get(propertyRetryTopic); known != nil {
		origin = string(known)
	}
	firstID := string(r.Properties.Get(propertyOriginID))
	if firstID == "" {
		firstID = string(message.AppendID(nil, r.StoreHost, r.LogOffset))
	}
	props := without(r.Properties, propertyRetryTopic, propertyOriginID, message.PropertyDelay, message.PropertyWait,
		engine.PropertyMultiOffsets)
	if level > 0 {
		props = delay.Unscheduled(props)
	}
	props = props.Append(propertyRetryTopic, origin).Append(propertyOriginID, firstID).Append(message.PropertyWait, "false").
		Append(message.PropertyDelay, strconv.Itoa(int(level)))
	r.Topic, r.QueueID, r.ReconsumeTimes, r.StoreTimestamp = target.NameBytes, queueID, r.ReconsumeTimes+1, x.nowMillis
	r.SysFlag &^= message.FlagTransaction
	r.Properties = props
	if level > 0 {
		delay.Schedule(r, props, int(level), b.delays.Levels())
	}
	got, err := b.store.Append(b.store.Queue(r.Topic, r.QueueID), r)
	if err != nil {
		return err
	}
	if level > 0 {
		b.stats.Waits(r.Topic, int64(got.Size))
	}
	b.stats.SentBack(h.Group, origin, int64(got.Size))
	return b.commitAndWait(got.End())
}

// Properties that a message keeps through its attempts (MessageConst).
const (
	propertyRetryTopic = "RETRY_TOPIC"       // where it came from first
	propertyOriginID   = "ORIGIN_MESSAGE_ID" // its offset id there
)

// without copies properties, leaving some out.
func without(p message.Properties, names ...string) message.Properties {
	var kept message.Properties
next:
	for name, value := range p.All() {
		for _, n := range names {
			if string(name) == n {
				continue next
			}
		}
		kept = appendProperty(kept, name, value)
	}
	return kept
}

// commitAndWait commits on a worker, and answers the pulls that waited for what was committed.
func (b *Broker) commitAndWait(upTo message.LogOffset) error {
	err := b.store.CommitAndWait(upTo)
	b.resumePulls(nil, nil)
	return err
}
