package clients

import (
	"errors"
	"fmt"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/wire"
	"ringmq/server/names"
)

// Bounds of what clients may make the broker remember. Java has none.
const (
	// MaxGroups is the most groups of one connection.
	MaxGroups = 1024
	// MaxSubscriptions is the most topics a group may be subscribed to.
	MaxSubscriptions = 10_000
	// MaxBytes is about the most memory that all subscriptions together may take.
	MaxBytes = 256 << 20
	// MaxID is the longest client id, in bytes.
	MaxID = 1 << 10
	// MaxTags is the most tags a subscription, or a pull that brings its own, may name: each entry is compared with all.
	MaxTags = 1 << 14
	// maxExpression is the longest subscription expression, in bytes.
	maxExpression = 64 << 10
)

// Check tells whether a heartbeat is within bounds and names groups as they may be named.
func Check(hb *wire.HeartbeatData) error {
	groups := len(hb.ConsumerDataSet) + len(hb.ProducerDataSet)
	switch {
	case hb.ClientID == "" && groups > 0:
		return errors.New("the heartbeat has no clientID")
	case len(hb.ClientID) > MaxID:
		return fmt.Errorf("the clientID has %d bytes, more than %d", len(hb.ClientID), MaxID)
	case groups > MaxGroups:
		return fmt.Errorf("the heartbeat names %d groups, more than %d", groups, MaxGroups)
	}
	for i := range hb.ProducerDataSet {
		if err := names.CheckGroup(hb.ProducerDataSet[i].GroupName); err != nil {
			return err
		}
	}
	for i := range hb.ConsumerDataSet {
		if err := checkConsumer(&hb.ConsumerDataSet[i]); err != nil {
			return err
		}
	}
	return nil
}

func checkConsumer(d *wire.ConsumerData) error {
	if err := names.CheckGroup(d.GroupName); err != nil {
		return err
	}
	if n := len(d.SubscriptionDataSet); n > MaxSubscriptions {
		return fmt.Errorf("group[%s] subscribes to %d topics, more than %d", d.GroupName, n, MaxSubscriptions)
	}
	for i := range d.SubscriptionDataSet {
		s := &d.SubscriptionDataSet[i]
		if len(s.Topic) > names.MaxGroup || len(s.SubString) > maxExpression {
			return fmt.Errorf("group[%s] has a subscription whose topic is longer than %d or whose expression is longer than %d bytes",
				d.GroupName, names.MaxGroup, maxExpression)
		}
		if n := max(len(s.TagsSet), len(s.CodeSet)); n > MaxTags {
			return fmt.Errorf("group[%s] wants %d tags of a topic, more than %d", d.GroupName, n, MaxTags)
		}
	}
	return nil
}

// Heartbeat enters a client into the groups that a checked heartbeat names. The error is an answer
// for the client: it would exceed a bound; groups before the one that does are entered.
func (t *Table) Heartbeat(now time.Time, id Identity, hb *wire.HeartbeatData) ([]Change, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if id.Conn.Closing() {
		return nil, nil // Closed was or will be called: nothing may be left behind
	}
	m := t.members[id.Conn]
	if m == nil {
		m = &member{consumers: make(map[string]*Client), producers: make(map[string]*Client)}
		t.members[id.Conn] = m
	}
	defer t.forgetIdle(id.Conn, m)
	var changes []Change
	for i := range hb.ConsumerDataSet {
		change, err := t.consumer(now, m, id, &hb.ConsumerDataSet[i])
		if err != nil {
			return changes, err
		}
		if change.Group != "" {
			changes = append(changes, change)
		}
	}
	for i := range hb.ProducerDataSet {
		if err := t.producer(now, m, id, hb.ProducerDataSet[i].GroupName); err != nil {
			return changes, err
		}
	}
	return changes, nil
}

// consumer enters one consumer group of a heartbeat; t.mu is held.
func (t *Table) consumer(now time.Time, m *member, id Identity, d *wire.ConsumerData) (Change, error) {
	name := d.GroupName
	g := t.Find(name)
	old := m.consumers[name]
	var fresh *Client
	if old == nil {
		if err := m.room(); err != nil {
			return Change{}, err
		}
		fresh = newClient(id, now)
	}
	next, changed := g.with(fresh, d)
	if grown := t.bytes + next.size - sizeOf(g); grown > MaxBytes && next.size > sizeOf(g) {
		return Change{}, fmt.Errorf("the subscriptions of all groups take %d bytes, more than %d: group[%s] is not entered", grown, MaxBytes, name)
	}
	switch {
	case fresh != nil:
		m.consumers[name] = fresh
	case old.ID != id.ID: // the same connection under another name; not a change, as in Java
		m.consumers[name] = newClient(id, now)
		next = next.replaced(old, m.consumers[name])
	default:
		old.seen.Store(clock.Millis(now))
		if next.same(g) {
			return Change{}, nil // the usual heartbeat
		}
	}
	t.publish(name, g, next)
	if !changed {
		return Change{}, nil
	}
	return Change{name, next.conns()}, nil
}

// producer enters one producer group of a heartbeat; t.mu is held.
func (t *Table) producer(now time.Time, m *member, id Identity, name string) error {
	if old := m.producers[name]; old != nil {
		old.seen.Store(clock.Millis(now))
		return nil
	}
	if err := m.room(); err != nil {
		return err
	}
	client := newClient(id, now)
	m.producers[name] = client
	g := t.producers[name]
	if g == nil {
		g = make(map[Conn]*Client)
		t.producers[name] = g
	}
	g[id.Conn] = client
	t.byID[id.ID] = client
	return nil
}

func (m *member) room() error {
	if len(m.consumers)+len(m.producers) >= MaxGroups {
		return fmt.Errorf("the connection takes part in %d groups already, and may in no more", MaxGroups)
	}
	return nil
}
