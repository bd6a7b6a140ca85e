package route

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ringmq/internal/wire"
)

// ErrFull means that a registration would exceed the tables' [Limits].
var ErrFull = errors.New("the name server's tables are full")

// Registration is what a broker says about itself.
type Registration struct {
	Cluster string
	Broker  string
	Addr    string // "host:port", where clients find it
	ID      int64
	HAAddr  string // "host:port" for slaves; may be empty
	Version wire.DataVersion
	Topics  map[string]*wire.TopicConfig // of a slave they are ignored, as RouteInfoManager does
	Filters []string                     // nil leaves the known ones, empty removes them
	Link    Link
}

// Registered is the answer to a registration.
type Registered struct {
	// MasterAddr and MasterHAAddr tell a slave where its living master is; else empty.
	MasterAddr, MasterHAAddr string
	// Refused counts topics that were left out for a senseless name or queue count; RefusedTopic is one of them.
	Refused      int
	RefusedTopic string
}

// Register enters a broker, or notes that it is alive and what changed. Topics are taken only
// from a master, and only if its data version differs from the one it last registered with or
// its id is new; topics missing from the registration stay (as RouteInfoManager does).
// An error means that nothing was changed.
func (t *Table) Register(r Registration) (Registered, error) {
	if err := r.check(t.limits); err != nil {
		return Registered{}, err
	}
	now := t.clock.Now().UnixMilli()
	defer t.change()()
	if err := t.roomFor(&r); err != nil {
		return Registered{}, err
	}
	changed := true
	if m := t.live[r.Addr]; m != nil {
		changed = m.version != r.Version
		if m.broker.name != r.Broker {
			t.leave(m)
		}
	}
	m, fresh := t.join(&r)
	m.version, m.haAddr, m.link = r.Version, r.HAAddr, r.Link
	m.seen.Store(now)
	t.setFilters(m, r.Filters)

	var res Registered
	if r.ID == MasterID {
		if changed || fresh {
			res.Refused, res.RefusedTopic = t.putTopics(r.Broker, r.Topics)
		}
	} else if master := m.broker.members[MasterID]; master != nil {
		res.MasterAddr, res.MasterHAAddr = master.addr, master.haAddr
	}
	return res, nil
}

// join puts r's address at r's id of r's broker, making the broker if need be. It tells
// whether the id was free. Within a change; an address known under another name has left.
func (t *Table) join(r *Registration) (m *member, fresh bool) {
	b := t.brokers[r.Broker]
	if b == nil {
		b = &broker{name: strings.Clone(r.Broker), members: make(map[int64]*member)}
		t.brokers[b.name] = b
	}
	old := b.members[r.ID]
	fresh = old == nil
	if old != nil && old.addr == r.Addr {
		t.place(b, r)
		return old, false
	}
	if old != nil { // another process took over the id
		t.forget(old)
	}
	m = t.live[r.Addr]
	if m == nil {
		m = &member{broker: b, addr: r.Addr}
		t.live[r.Addr] = m
	} else { // a slave became master, or the other way round
		delete(b.members, m.id)
	}
	m.id = r.ID
	b.members[r.ID] = m
	t.place(b, r)
	b.publish()
	return m, fresh
}

// place puts b into r's cluster. A master decides; a slave only for a broker that has none.
func (t *Table) place(b *broker, r *Registration) {
	was := b.data.Cluster
	if was == r.Cluster || was != "" && r.ID != MasterID {
		return
	}
	t.displace(b)
	names := t.clusters[r.Cluster]
	if names == nil {
		names = make(map[string]struct{})
		t.clusters[r.Cluster] = names
	}
	names[b.name] = struct{}{}
	b.data.Cluster = r.Cluster
}

// publish renews what lookups return of b.
func (b *broker) publish() {
	addrs := make(map[int64]string, len(b.members))
	for id, m := range b.members {
		addrs[id] = m.addr
	}
	b.data.BrokerName, b.data.BrokerAddrs = b.name, addrs
}

func (t *Table) setFilters(m *member, filters []string) {
	if filters == nil {
		return
	}
	if m.filters != nil {
		t.filtered--
		m.filters = nil
	}
	if len(filters) > 0 {
		t.filtered++
		m.filters = filters
	}
}

// putTopics enters a master's topics and counts those it leaves out. Within a change.
func (t *Table) putTopics(brokerName string, topics map[string]*wire.TopicConfig) (refused int, one string) {
	n := 0
	for key, c := range topics {
		n++
		t.breathe(n)
		if !saneTopic(c) {
			refused++
			one = key
			continue
		}
		q := wire.QueueData{
			BrokerName:     brokerName,
			ReadQueueNums:  c.ReadQueueNums,
			WriteQueueNums: c.WriteQueueNums,
			Perm:           c.Perm,
			TopicSysFlag:   c.TopicSysFlag,
		}
		qs := t.topics[c.TopicName]
		with := qs.with(q)
		if with == nil {
			continue
		}
		t.queues += len(with) - len(qs)
		t.topics[c.TopicName] = with
	}
	return refused, one
}

// find returns where the broker stands or would stand.
func (qs queues) find(brokerName string) (int, bool) {
	return slices.BinarySearchFunc(qs, brokerName, func(q wire.QueueData, name string) int {
		return strings.Compare(q.BrokerName, name)
	})
}

// with returns qs with q in its place, nil if it is there already.
func (qs queues) with(q wire.QueueData) queues {
	i, ok := qs.find(q.BrokerName)
	if !ok {
		return slices.Insert(slices.Clip(qs), i, q)
	}
	if qs[i] == q {
		return nil
	}
	changed := slices.Clone(qs)
	changed[i] = q
	return changed
}

// without returns qs less the broker at i.
func (qs queues) without(i int) queues {
	return slices.Concat(qs[:i], qs[i+1:])
}

// roomFor tells whether r fits the limits. Within a change.
func (t *Table) roomFor(r *Registration) error {
	if t.live[r.Addr] == nil && len(t.live) >= t.limits.Brokers {
		return fmt.Errorf("%w: %d broker addresses", ErrFull, t.limits.Brokers)
	}
	if r.ID != MasterID || len(t.topics)+len(r.Topics) <= t.limits.Topics && t.queues+len(r.Topics) <= t.limits.Queues {
		return nil // the usual case, without looking at each topic
	}
	var newTopics, newQueues int
	for _, c := range r.Topics {
		if !saneTopic(c) {
			continue
		}
		qs, known := t.topics[c.TopicName]
		if !known {
			newTopics++
		}
		if _, has := qs.find(r.Broker); !has {
			newQueues++
		}
	}
	if len(t.topics)+newTopics > t.limits.Topics {
		return fmt.Errorf("%w: %d topics", ErrFull, t.limits.Topics)
	}
	if t.queues+newQueues > t.limits.Queues {
		return fmt.Errorf("%w: %d pairs of topic and broker", ErrFull, t.limits.Queues)
	}
	return nil
}
