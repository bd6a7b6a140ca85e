package route

import "strings"

// Unregister removes a broker that says goodbye. It goes only from under its own address:
// RouteInfoManager removes whoever holds the id now, which would cut off a successor that
// took the id over.
func (t *Table) Unregister(brokerName, addr string, id int64) (known bool) {
	defer t.change()()
	m := t.live[addr]
	if m == nil || m.broker.name != brokerName || m.id != id {
		return false
	}
	t.leave(m)
	return true
}

// Gone removes the brokers that registered over a connection that is closed, and returns
// their addresses. A broker that has since registered over another connection stays.
func (t *Table) Gone(link Link) (addrs []string) {
	defer t.change()()
	for addr, m := range t.live {
		if m.link == link {
			t.leave(m)
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// Expired is a broker that was removed because it has not registered for [ExpireAfter].
type Expired struct {
	Addr string
	Link Link // to be closed by the caller; nil if it registered without
}

// Expire removes the brokers that have been silent too long.
func (t *Table) Expire() (expired []Expired) {
	deadline := t.clock.Now().Add(-ExpireAfter).UnixMilli()
	defer t.change()()
	for addr, m := range t.live {
		if m.seen.Load() < deadline {
			t.leave(m)
			expired = append(expired, Expired{addr, m.link})
		}
	}
	return expired
}

// leave takes a member out of all tables, and with the last of a broker the broker's queues.
// Within a change.
func (t *Table) leave(m *member) {
	b := m.broker
	if len(b.members) > 1 {
		delete(b.members, m.id)
		b.publish()
		t.forget(m)
		return
	}
	n := 0
	for topic, qs := range t.topics {
		n++
		t.breathe(n)
		if i, ok := qs.find(b.name); ok {
			t.dropQueues(topic, qs, i)
		}
	}
	delete(t.brokers, b.name)
	t.displace(b)
	t.forget(m)
}

// forget takes a member out of the live and filter tables.
func (t *Table) forget(m *member) {
	delete(t.live, m.addr)
	if m.filters != nil {
		t.filtered--
		m.filters = nil
	}
}

// displace takes a broker out of its cluster.
func (t *Table) displace(b *broker) {
	names := t.clusters[b.data.Cluster]
	delete(names, b.name)
	if len(names) == 0 {
		delete(t.clusters, b.data.Cluster)
	}
}

// dropQueues removes the broker at i from the topic, and the topic with its last broker.
func (t *Table) dropQueues(topic string, qs queues, i int) {
	t.queues--
	if len(qs) == 1 {
		delete(t.topics, topic)
		return
	}
	t.topics[topic] = qs.without(i)
}

// DeleteTopic forgets a topic, everywhere or, with a cluster, on the brokers of that cluster.
// A broker that still has it brings it back when its data version changes.
func (t *Table) DeleteTopic(topic, cluster string) {
	defer t.change()()
	if cluster == "" {
		t.queues -= len(t.topics[topic])
		delete(t.topics, topic)
		return
	}
	for name := range t.clusters[cluster] {
		qs := t.topics[topic]
		if i, ok := qs.find(name); ok {
			t.dropQueues(topic, qs, i)
		}
	}
}

// WipeWrite takes the write permission from all topics of a broker, until the broker
// registers with another data version. It returns how many topics the broker has.
func (t *Table) WipeWrite(brokerName string) int {
	return t.setPerm(brokerName, func(perm int32) int32 { return perm &^ permWrite })
}

// AddWrite makes all topics of a broker readable and writable, whatever they were before
// (as RouteInfoManager does). It returns how many topics the broker has.
func (t *Table) AddWrite(brokerName string) int {
	return t.setPerm(brokerName, func(int32) int32 { return permRead | permWrite })
}

func (t *Table) setPerm(brokerName string, change func(int32) int32) (count int) {
	name := strings.Clone(brokerName)
	defer t.change()()
	n := 0
	for topic, qs := range t.topics {
		n++
		t.breathe(n)
		i, ok := qs.find(name)
		if !ok {
			continue
		}
		count++
		q := qs[i]
		q.Perm = change(q.Perm)
		if with := qs.with(q); with != nil {
			t.topics[topic] = with
		}
	}
	return count
}
