package server

import (
	"ringmq/internal/wire"
	"ringmq/server/clients"
	"ringmq/server/group"
)

// updateGroup serves 200 (UPDATE_AND_CREATE_SUBSCRIPTIONGROUP).
func (b *Broker) updateGroup(x *exchange) {
	if b.onSlave(x) {
		return
	}
	var c group.Config
	if !x.decodeBody(&c) {
		return
	}
	if err := b.groups.Update(c); err != nil {
		x.refuse(err)
		return
	}
	x.ok(nil)
}

// allGroups serves 201 (GET_ALL_SUBSCRIPTIONGROUP_CONFIG).
func (b *Broker) allGroups(x *exchange) { x.json(b.groups.Snapshot()) }

// deleteGroup serves 207.
func (b *Broker) deleteGroup(x *exchange) {
	if b.onSlave(x) {
		return
	}
	var h wire.DeleteSubscriptiongroupRequest
	if !x.decode(&h) {
		return
	}
	if err := b.groups.Delete(h.GroupName); err != nil {
		x.refuse(err)
		return
	}
	if h.RemoveOffset {
		b.offsets.ForgetGroup(h.GroupName)
	}
	if b.conf().Broker.AutoDeleteUnusedStats {
		b.stats.ForgetGroup(h.GroupName)
	}
	x.ok(nil)
}

// consumerConnections serves 203 (GET_CONSUMER_CONNECTION_LIST).
func (b *Broker) consumerConnections(x *exchange) {
	var h wire.GetConsumerConnectionListRequest
	if !x.decode(&h) {
		return
	}
	g := b.clients.Find(h.ConsumerGroup)
	if g == nil {
		x.fail(wire.StatusConsumerNotOnline, "the consumer group[%s] not online", h.ConsumerGroup)
		return
	}
	body := wire.ConsumerConnection{
		ConnectionSet: connections(g.Clients), SubscriptionTable: make(map[string]wire.SubscriptionData, len(g.Subscriptions)),
		ConsumeType: g.ConsumeType, MessageModel: g.MessageModel, ConsumeFromWhere: g.ConsumeFromWhere,
	}
	for topic, s := range g.Subscriptions {
		body.SubscriptionTable[topic] = *s
	}
	x.json(&body)
}

// producerConnections serves 204 (GET_PRODUCER_CONNECTION_LIST).
func (b *Broker) producerConnections(x *exchange) {
	var h wire.GetProducerConnectionListRequest
	if !x.decode(&h) {
		return
	}
	list, ok := b.clients.Producers(h.ProducerGroup)
	if !ok {
		x.fail(wire.StatusSystemError, "the producer group[%s] not exist", h.ProducerGroup)
		return
	}
	x.json(&wire.ProducerConnection{ConnectionSet: connections(list)})
}

// allProducers serves 328 (GET_ALL_PRODUCER_INFO).
func (b *Broker) allProducers(x *exchange) {
	body := wire.ProducerTableInfo{Data: make(map[string][]wire.ProducerInfo)}
	for name, list := range b.clients.AllProducers() {
		for _, c := range list {
			body.Data[name] = append(body.Data[name], wire.ProducerInfo{
				ClientID: c.ID, RemoteIP: "/" + remote(c), Language: c.Language.String(),
				Version: c.Version, LastUpdateTimestamp: c.Seen(),
			})
		}
	}
	x.json(&body)
}

func connections(list []*clients.Client) []wire.Connection {
	set := make([]wire.Connection, len(list))
	for i, c := range list {
		set[i] = wire.Connection{ClientID: c.ID, ClientAddr: remote(c), Language: c.Language.String(), Version: c.Version}
	}
	return set
}
