package clients

import (
	"maps"
	"slices"

	"ringmq/internal/wire"
)

// ConsumerGroup is a consumer group that has clients, at one moment. Nothing of it changes once published.
type ConsumerGroup struct {
	Name             string
	ConsumeType      string // CONSUME_PASSIVELY (push) or CONSUME_ACTIVELY (pull)
	MessageModel     string // CLUSTERING or BROADCASTING
	ConsumeFromWhere string
	Clients          []*Client // never empty
	Subscriptions    map[string]*wire.SubscriptionData

	size int64 // estimated bytes of Subscriptions
}

// Client finds a client by its id.
func (g *ConsumerGroup) Client(id string) *Client {
	for _, c := range g.Clients {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// conns lists the connections of the group.
func (g *ConsumerGroup) conns() []Conn {
	conns := make([]Conn, len(g.Clients))
	for i, c := range g.Clients {
		conns[i] = c.Conn
	}
	return conns
}

// with is the group after a heartbeat from a client. client is nil if it was present already.
// changed is true for what the other clients have to know: a new client, a topic more or less.
// A changed expression alone is not (ConsumerGroupInfo.updateSubscription).
func (g *ConsumerGroup) with(client *Client, d *wire.ConsumerData) (next *ConsumerGroup, changed bool) {
	next = &ConsumerGroup{
		Name: d.GroupName, ConsumeType: d.ConsumeType, MessageModel: d.MessageModel, ConsumeFromWhere: d.ConsumeFromWhere,
		Subscriptions: make(map[string]*wire.SubscriptionData, len(d.SubscriptionDataSet)),
	}
	var old map[string]*wire.SubscriptionData
	if g != nil {
		next.Clients, old = g.Clients, g.Subscriptions
	}
	if client != nil {
		next.Clients = append(slices.Clip(next.Clients), client)
		changed = true
	}
	for i := range d.SubscriptionDataSet {
		sub := &d.SubscriptionDataSet[i]
		known := old[sub.Topic]
		if earlier := next.Subscriptions[sub.Topic]; earlier != nil {
			known = earlier // named twice: the newer one counts
		}
		if known == nil || sub.SubVersion > known.SubVersion {
			own := *sub // not a pointer into the heartbeat, which would keep all of it alive
			known = &own
		}
		changed = changed || old[sub.Topic] == nil
		next.Subscriptions[sub.Topic] = known
	}
	for topic := range old {
		changed = changed || next.Subscriptions[topic] == nil
	}
	for _, s := range next.Subscriptions {
		next.size += size(s)
	}
	return next, changed
}

// without is the group after a client has left, nil if it was the last.
func (g *ConsumerGroup) without(conn Conn) *ConsumerGroup {
	next := *g
	next.Clients = slices.DeleteFunc(slices.Clone(g.Clients), func(c *Client) bool { return c.Conn == conn })
	if len(next.Clients) == 0 {
		return nil
	}
	return &next
}

// replaced is the group after one client's connection got another client id.
func (g *ConsumerGroup) replaced(old, client *Client) *ConsumerGroup {
	next := *g
	next.Clients = slices.Clone(g.Clients)
	next.Clients[slices.Index(next.Clients, old)] = client
	return &next
}

// same tells whether two states differ in nothing.
func (g *ConsumerGroup) same(h *ConsumerGroup) bool {
	return g.ConsumeType == h.ConsumeType && g.MessageModel == h.MessageModel && g.ConsumeFromWhere == h.ConsumeFromWhere &&
		maps.Equal(g.Subscriptions, h.Subscriptions)
}
