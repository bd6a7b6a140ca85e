package server

import (
	"context"
	"errors"
	"slices"
	"strconv"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/delay"
	"ringmq/server/topic"
)

// Properties of request and reply (MessageConst).
const (
	propertyReplyTo  = "REPLY_TO_CLIENT" // client id of the producer that asked
	propertyPushTime = "PUSH_REPLY_TIME" // when the broker passed the reply on, in ms
)

// maxReplies is how many replies may wait for their clients at a time: producers that do not answer must not hold up the
// replies to others. Java has processReplyMessageThreadPoolNums threads for them.
const maxReplies = 512

func replyPool(b *Broker) *workers { return &b.replies }

// sendReply serves 324 and 325 (ReplyMessageProcessor): a consumer's reply to a message is pushed to the producer that
// asked, and stored if storeReplyMessageEnable. Like Java's, the answer tells whether the push arrived, and,
// under whatever status, where the reply was stored.
func (b *Broker) sendReply(x *exchange) {
	x.state = new(turnState)
	if !b.acceptsSends(x) {
		return
	}
	t := b.topicOfSend(x)
	if t == nil {
		return
	}
	queueID, ok := b.checkSend(x, t)
	if !ok {
		return
	}
	h := &x.state.send.header
	status, remark := b.pushReply(x, h)
	marks := b.sendExt.Load()
	response := wire.SendMessageResponse{QueueID: queueID, Region: marks.Region, TraceOn: marks.TraceOn}
	if status == wire.StatusSuccess {
		response.MsgID = []byte("0") // clients want one
	}
	if b.conf().Broker.StoreReplyMessageEnable {
		if got, err := b.storeReply(x, h, t, queueID); err != nil {
			b.stats.Broker.PutFailed.Add(1)
			b.log.Warn("reply is not stored", "topic", t.Name, "from", x.conn.Remote(), "err", err)
		} else {
			response.MsgID = message.AppendID(nil, b.storeHost, got.LogOffset)
			response.QueueOffset = int64(got.QueueOffset)
		}
	}
	if response.MsgID == nil {
		b.refuseSend(x, status, remark)
		return
	}
	x.reply(status, remark, &response, nil)
}

// pushReply brings a reply to its producer and waits until that has it.
func (b *Broker) pushReply(x *exchange, h *wire.SendMessageRequest) (wire.Status, string) {
	properties := message.Properties(slices.Clip(h.Properties))
	id := string(properties.Get(propertyReplyTo))
	if id == "" {
		return wire.StatusSystemError, "reply message properties[" + propertyReplyTo + "] is null"
	}
	producer := b.clients.Producer(id)
	if producer == nil {
		return wire.StatusSystemError, "push reply message fail, channel of <" + id + "> not found."
	}
	now := b.clock.Now().UnixMilli()
	push := wire.PushReplyMessageToClientRequest{
		ProducerGroup: string(h.ProducerGroup), Topic: string(h.Topic), DefaultTopic: string(h.DefaultTopic),
		DefaultTopicQueueNums: h.DefaultTopicQueueNums, QueueID: h.QueueID, SysFlag: h.SysFlag,
		BornTimestamp: h.BornTimestamp, Flag: h.Flag,
		Properties:     string(properties.Append(propertyPushTime, strconv.FormatInt(now, 10))),
		ReconsumeTimes: h.ReconsumeTimes, HasReconsumeTimes: h.HasReconsumeTimes,
		UnitMode: h.UnitMode, HasUnitMode: true,
		BornHost: x.conn.Remote().String(), StoreHost: b.storeHost.String(), StoreTimestamp: now,
	}
	ctx, cancel := context.WithTimeout(b.stopping, relayTimeout)
	defer cancel()
	answer, err := channel(producer).Call(ctx, wire.CodePushReplyMessageToClient, &push, x.cmd.Body)
	if err == nil && wire.Status(answer.Code) != wire.StatusSuccess {
		err = errors.New(string(answer.Remark))
	}
	if err != nil {
		b.log.Warn("reply does not reach its producer", "client", id, "err", err)
		return wire.StatusSystemError, "push reply message to " + id + "fail."
	}
	return wire.StatusSuccess, ""
}

// storeReply stores a reply with its properties as they came. Unlike Java's record, ours says whether the body is
// compressed.
func (b *Broker) storeReply(x *exchange, h *wire.SendMessageRequest, t *topic.Topic, queueID int32) (engine.Receipt, error) {
	properties := without(h.Properties, engine.PropertyMultiOffsets) // the store's to say
	r := message.Record{
		Topic: t.NameBytes, QueueID: queueID, Flag: h.Flag, SysFlag: h.SysFlag & message.FlagCompressed,
		BornTimestamp: h.BornTimestamp, BornHost: x.conn.Remote(), StoreTimestamp: b.clock.Now().UnixMilli(), StoreHost: b.storeHost,
		ReconsumeTimes: h.ReconsumeTimes, Body: x.cmd.Body, Properties: properties,
	}
	if level, _ := delayLevel(properties.Get(message.PropertyDelay)); level > 0 {
		r.Properties = delay.Schedule(&r, properties, level, b.delays.Levels())
	}
	if !b.legalSizes(len(r.Body), len(r.Properties)) {
		return engine.Receipt{}, errors.New(b.illegalMessageRemark())
	}
	got, err := b.store.Append(b.store.Queue(r.Topic, r.QueueID), &r)
	if err != nil {
		return got, err
	}
	if err := b.commitAndWait(got.End()); err != nil && !errors.Is(err, engine.ErrFlushTimeout) {
		return got, err
	}
	t.Put(1, 1, int64(got.Size))
	b.stats.BrokerPut(1, 1)
	return got, nil
}
