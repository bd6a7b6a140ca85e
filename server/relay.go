package server

import (
	"context"
	"errors"
	"time"

	"ringmq/internal/fastjson"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/server/clients"
	"ringmq/server/topic"
)

// How long a client may take to answer what a tool asks it through the broker.
const (
	relayTimeout  = 10 * time.Second
	statusTimeout = 5 * time.Second
)

// MQVersions below which clients do not know a request.
const (
	versionWithRelay = 62 // V3_1_8_SNAPSHOT
	versionWithReset = 28 // V3_0_7_SNAPSHOT
)

// aside serves a request that waits for a client on a goroutine for such.
func aside(fn handler) handler {
	return waiting(fn, func(b *Broker) *workers { return &b.relays })
}

// waiting serves a request on a goroutine of a pool.
func waiting(fn handler, pool func(*Broker) *workers) handler {
	return func(b *Broker, x *exchange) {
		y := &exchange{conn: x.conn, cmd: x.cmd.Clone(), nowMillis: x.nowMillis}
		if !pool(b).run(y, func() { b.guarded(fn, y) }) {
			x.fail(wire.StatusSystemBusy, overloadRemark)
		}
	}
}

// channel is a client's connection.
func channel(c *clients.Client) *transport.Conn { return c.Conn.(*transport.Conn) }

// remote is a client's address.
func remote(c *clients.Client) string { return channel(c).Remote().String() }

// consumerRunningInfo serves 307: the client tells its state itself.
func (b *Broker) consumerRunningInfo(x *exchange) {
	var h wire.GetConsumerRunningInfoRequest
	if x.decode(&h) {
		b.relay(x, h.ConsumerGroup, h.ClientID, &h, x.cmd.Body)
	}
}

// consumeDirectly serves 309 (CONSUME_MESSAGE_DIRECTLY): the client is given one stored message to consume.
func (b *Broker) consumeDirectly(x *exchange) {
	var h wire.ConsumeMessageDirectlyRequest
	if !x.decode(&h) {
		return
	}
	_, off, err := message.ParseID(h.MsgID)
	if err != nil {
		x.refuse(err)
		return
	}
	record, err := b.store.ReadRecord(off)
	if err != nil {
		x.fail(wire.StatusSystemError, "can not find message by the offset, %d", off)
		return
	}
	h.BrokerName = b.cfg.Broker.BrokerName
	b.relay(x, h.ConsumerGroup, h.ClientID, &h, record)
}

// relay passes the request on to one client and its answer back (AdminBrokerProcessor.callConsumer).
func (b *Broker) relay(x *exchange, group, id string, h wire.Header, body []byte) {
	var c *clients.Client
	if g := b.clients.Find(group); g != nil {
		c = g.Client(id)
	}
	switch {
	case c == nil:
		x.fail(wire.StatusSystemError, "The Consumer <%s> <%s> not online", group, id)
		return
	case c.Version < versionWithRelay:
		x.fail(wire.StatusSystemError, "The Consumer <%s> Version <%d> too low to finish, please upgrade it to V3_1_8_SNAPSHOT", id, c.Version)
		return
	}
	ctx, cancel := context.WithTimeout(b.stopping, relayTimeout)
	defer cancel()
	answer, err := channel(c).Call(ctx, wire.Code(x.cmd.Code), h, body)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		x.fail(wire.StatusConsumeMsgTimeout, "consumer <%s> <%s> Timeout: no answer within %v", group, id, relayTimeout)
	case err != nil:
		x.fail(wire.StatusSystemError, "invoke consumer <%s> <%s> Exception: %v", group, id, err)
	default:
		x.reply(wire.Status(answer.Code), string(answer.Remark), nil, answer.Body)
	}
}

// consumerStatus serves 223: the offsets that a group's clients hold in memory.
func (b *Broker) consumerStatus(x *exchange) {
	var h wire.InvokeBrokerToGetConsumerStatusRequest
	if !x.decode(&h) {
		return
	}
	g := b.clients.Find(h.Group)
	if g == nil {
		x.fail(wire.StatusSystemError, "No Any Consumer online in the consumer group: [%s]", h.Group)
		return
	}
	ask := wire.GetConsumerStatusFromClientRequest{Topic: h.Topic, Group: h.Group}
	body := wire.GetConsumerStatusBody{
		MessageQueueTable: map[wire.MessageQueue]int64{}, ConsumerTable: make(map[string]map[wire.MessageQueue]int64),
	}
	for _, c := range g.Clients {
		if h.ClientAddr != "" && h.ClientAddr != c.ID { // clientAddr means the client id
			continue
		}
		if !supportsReset(x, c) {
			return
		}
		if offsets, err := b.askOffsets(c, &ask); err != nil {
			b.log.Warn("client does not tell its offsets", "group", h.Group, "client", c.ID, "err", err)
		} else {
			body.ConsumerTable[c.ID] = offsets
		}
	}
	x.jsonRemark(remarkUnset, nil, &body)
}

func (b *Broker) askOffsets(c *clients.Client, ask *wire.GetConsumerStatusFromClientRequest) (map[wire.MessageQueue]int64, error) {
	ctx, cancel := context.WithTimeout(b.stopping, statusTimeout)
	defer cancel()
	answer, err := channel(c).Call(ctx, wire.CodeGetConsumerStatusFromClient, ask, nil)
	if err != nil {
		return nil, err
	}
	var body wire.GetConsumerStatusBody
	if err := fastjson.Unmarshal(answer.Body, &body); err != nil {
		return nil, err
	}
	return body.MessageQueueTable, nil
}

// supportsReset refuses clients older than the requests 220 and 221. It has answered when it returns false.
func supportsReset(x *exchange, c *clients.Client) bool {
	if c.Version >= versionWithReset {
		return true
	}
	x.fail(wire.StatusSystemError, "the client does not support this feature. version=%d", c.Version)
	return false
}

// resetOffset serves 222: the clients of a group are told to go on from a time. They store the new offsets
// themselves; the broker's own are not touched (Broker2Client.resetOffset).
func (b *Broker) resetOffset(x *exchange) {
	var h wire.InvokeBrokerToResetOffsetRequest
	if !x.decode(&h) {
		return
	}
	t := b.topics.Find(h.Topic)
	if t == nil {
		x.fail(wire.StatusSystemError, "[reset-offset] reset offset failed, no topic in this broker. topic=%s", h.Topic)
		return
	}
	offsets, ok := b.resetTargets(t, &h)
	if !ok {
		x.fail(wire.StatusSystemError, "THe consumer group <%s> not exist", h.Group)
		return
	}
	g := b.clients.Find(h.Group)
	if g == nil {
		x.fail(wire.StatusConsumerNotOnline, "Consumer not online, so can not reset offset, Group: %s Topic: %s Timestamp: %d",
			h.Group, h.Topic, h.Timestamp)
		return
	}
	push, err := resetBody(offsets, x.cmd.Language == wire.LanguageCpp)
	if err != nil {
		x.refuse(err)
		return
	}
	// isForce is not passed on, as in Java: the offsets are final already.
	ask := wire.ResetConsumerClientOffsetRequest{Topic: h.Topic, Group: h.Group, Timestamp: h.Timestamp}
	for _, c := range g.Clients {
		if !supportsReset(x, c) {
			return
		}
		channel(c).Notify(wire.CodeResetConsumerClientOffset, &ask, push)
	}
	b.log.Info("clients are told to reset offsets", "topic", h.Topic, "group", h.Group, "timestamp", h.Timestamp, "force", h.IsForce)
	x.jsonRemark(remarkUnset, nil, &wire.ResetOffsetBody{OffsetTable: offsets})
}

// resetTargets finds the offset of each queue at a time, −1 for the end; without force only those that lie
// before the group's own count. It is false for a group that has not an offset of every queue.
func (b *Broker) resetTargets(t *topic.Topic, h *wire.InvokeBrokerToResetOffsetRequest) (map[wire.MessageQueue]int64, bool) {
	offsets := make(map[wire.MessageQueue]int64, t.WriteQueues())
	for id := range t.WriteQueues() {
		own := b.offsets.Find(h.Group, t.Name, id)
		if own == -1 {
			return nil, false
		}
		var target int64
		if h.Timestamp == -1 {
			target = int64(b.store.MaxOffset(t.NameBytes, id))
		} else {
			target = int64(b.store.OffsetByTime(t.NameBytes, id, h.Timestamp))
		}
		if !h.IsForce && target >= own {
			target = own
		}
		offsets[b.queue(t.Name, id)] = max(target, 0)
	}
	return offsets, true
}

// resetBody encodes the offsets for clients; those in C++ cannot read objects as keys.
func resetBody(offsets map[wire.MessageQueue]int64, forC bool) ([]byte, error) {
	if !forC {
		return fastjson.Marshal(&wire.ResetOffsetBody{OffsetTable: offsets})
	}
	var body wire.ResetOffsetBodyForC
	for q, n := range offsets {
		body.OffsetTable = append(body.OffsetTable, wire.MessageQueueForC{
			BrokerName: q.BrokerName, Topic: q.Topic, QueueID: q.QueueID, Offset: n,
		})
	}
	return fastjson.Marshal(&body)
}
