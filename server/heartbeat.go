package server

import (
	"ringmq/internal/wire"
	"ringmq/server/clients"
	"ringmq/server/filter"
	"ringmq/server/names"
)

// heartbeat serves 34 (ClientManageProcessor.heartBeat): the client enters its groups, and consumer groups
// come into being with their retry topics.
func (b *Broker) heartbeat(x *exchange) {
	var hb wire.HeartbeatData
	if !x.decodeBody(&hb) {
		return
	}
	if err := clients.Check(&hb); err != nil {
		x.refuse(err)
		return
	}
	for i := range hb.ConsumerDataSet {
		d := &hb.ConsumerDataSet[i]
		if err := b.prepareGroup(d.GroupName, d.UnitMode); err != nil {
			// Consuming goes on without: the group's name is known to be good, so it is the disk.
			b.log.Error("consumer group or its retry topic cannot be saved", "group", d.GroupName, "err", err)
		}
	}
	id := clients.Identity{Conn: x.conn, ID: hb.ClientID, Language: x.cmd.Language, Version: x.cmd.Version}
	changes, err := b.clients.Heartbeat(b.clock.Now(), id, &hb)
	b.tellConsumers(changes, b.wantsNotice)
	if err != nil {
		x.refuse(err)
		return
	}
	for i := range hb.ConsumerDataSet {
		d := &hb.ConsumerDataSet[i]
		if err := b.filters.Register(d.GroupName, d.SubscriptionDataSet, b.clock.Now()); err != nil {
			b.log.Warn("a client's filter is not registered: its pulls will be refused", "client", x.conn.Remote(), "err", err)
		}
	}
	x.ok(nil)
}

// prepareGroup makes a consumer group's configuration, if it may be made, and its retry topic.
func (b *Broker) prepareGroup(name string, unitMode bool) error {
	g, err := b.groups.FindOrCreate(name)
	if g == nil || err != nil {
		return err
	}
	_, err = b.topics.Retry(name, g.RetryQueueNums, unitMode)
	return err
}

// wantsNotice tells whether a group's clients are to hear of changes of the group.
func (b *Broker) wantsNotice(group string) bool {
	g := b.groups.Find(group)
	return g == nil || g.NotifyConsumerIDsChangedEnable
}

// unregisterClient serves 35.
func (b *Broker) unregisterClient(x *exchange) {
	var h wire.UnregisterClientRequest
	if !x.decode(&h) {
		return
	}
	b.tellConsumers(b.clients.Unregister(x.conn, h.ProducerGroup, h.ConsumerGroup), b.wantsNotice)
	x.ok(&wire.UnregisterClientResponse{})
}

// consumerList serves 38 (GET_CONSUMER_LIST_BY_GROUP): the client ids among which a group's queues are shared.
func (b *Broker) consumerList(x *exchange) {
	var h wire.GetConsumerListByGroupRequest
	if !x.decode(&h) {
		return
	}
	g := b.clients.Find(h.ConsumerGroup)
	if g == nil {
		x.reply(wire.StatusSystemError, "no consumer for this group, "+h.ConsumerGroup, &wire.GetConsumerListByGroupResponse{}, nil)
		return
	}
	ids := make([]string, len(g.Clients))
	for i, c := range g.Clients {
		ids[i] = c.ID
	}
	x.jsonRemark("", &wire.GetConsumerListByGroupResponse{}, &wire.GetConsumerListByGroupResponseBody{ConsumerIDList: ids})
}

// checkClientConfig serves 46: whether the broker can filter as a client wants.
func (b *Broker) checkClientConfig(x *exchange) {
	var body wire.CheckClientRequestBody
	if !x.decodeBody(&body) {
		return
	}
	s := body.SubscriptionData
	switch {
	case s == nil || isTagType(s.ExpressionType):
	case !b.conf().Broker.EnablePropertyFilter:
		x.fail(wire.StatusSystemError, noPropertyFilter, s.ExpressionType)
		return
	default:
		if _, err := filter.Compile(s.ExpressionType, s.SubString); err != nil {
			x.fail(wire.StatusSubscriptionParseFailed, "%v", err)
			return
		}
	}
	x.ok(nil)
}

// lockQueues serves 41 (LOCK_BATCH_MQ).
func (b *Broker) lockQueues(x *exchange) {
	var body wire.LockBatchRequestBody
	if !x.decodeBody(&body) || !x.checkHolder(body.ConsumerGroup, body.ClientID) {
		return
	}
	// Queues that the broker does not have are not granted, so a lock takes memory only for what exists.
	known := body.MqSet[:0]
	for _, q := range body.MqSet {
		if t := b.topics.Find(q.Topic); t != nil && q.QueueID >= 0 && q.QueueID < max(t.ReadQueues(), t.WriteQueues()) {
			known = append(known, q)
		}
	}
	held := b.locks.Lock(b.clock.Now(), body.ConsumerGroup, body.ClientID, known)
	x.json(&wire.LockBatchResponseBody{LockOKMQSet: held})
}

// unlockQueues serves 42 (UNLOCK_BATCH_MQ).
func (b *Broker) unlockQueues(x *exchange) {
	var body wire.UnlockBatchRequestBody
	if !x.decodeBody(&body) || !x.checkHolder(body.ConsumerGroup, body.ClientID) {
		return
	}
	b.locks.Unlock(body.ConsumerGroup, body.ClientID, body.MqSet)
	x.ok(nil)
}

// checkHolder bounds the names under which a lock is kept. It has answered when it returns false.
func (x *exchange) checkHolder(group, client string) bool {
	if err := names.CheckGroup(group); err != nil {
		x.refuse(err)
		return false
	}
	if client == "" || len(client) > clients.MaxID {
		x.fail(wire.StatusSystemError, "the clientId has %d bytes, allowing 1 to %d", len(client), clients.MaxID)
		return false
	}
	return true
}
