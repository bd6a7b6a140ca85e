package clients

import "ringmq/internal/wire"

// Found is what is known of a consumer group that has clients.
type Found struct {
	Group        bool // the group has clients
	Broadcasting bool // every client gets every message
}

// Subscription returns what a group wants of a topic, nil if nothing, and whether the group is
// there at all. It does not allocate; the subscription must not be changed.
func (t *Table) Subscription(group, topic []byte) (*wire.SubscriptionData, Found) {
	g := t.Group(group)
	if g == nil {
		return nil, Found{}
	}
	return g.Subscriptions[string(topic)], Found{Group: true, Broadcasting: g.MessageModel == wire.Broadcasting}
}

// size estimates the memory a subscription takes.
func size(s *wire.SubscriptionData) int64 {
	n := 256 + len(s.Topic) + len(s.SubString) + len(s.ExpressionType) + 8*len(s.CodeSet)
	for _, tag := range s.TagsSet {
		n += 16 + len(tag)
	}
	return int64(n)
}
