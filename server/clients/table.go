package clients

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/wire"
	"ringmq/server/names"
)

// lifetime is how long a client lives without heartbeat (CHANNEL_EXPIRED_TIMEOUT).
const lifetime = 120 * time.Second

// Conn is a client's connection. Values must be comparable.
type Conn interface {
	// Closing is true from the moment the connection is about to end; the owner calls
	// [Table.Closed] only later.
	Closing() bool
}

// Identity is who sends a heartbeat.
type Identity struct {
	Conn     Conn
	ID       string // the client's own name, "ip@pid" and the like
	Language wire.Language
	Version  int32 // MQVersion ordinal of the client
}

// Client is one connection in one group.
type Client struct {
	Identity
	seen atomic.Int64 // ms of the last heartbeat that named the group
}

func newClient(id Identity, now time.Time) *Client {
	c := &Client{Identity: id}
	c.seen.Store(clock.Millis(now))
	return c
}

// Seen is when the client last sent a heartbeat for the group, in ms.
func (c *Client) Seen() int64 { return c.seen.Load() }

// Change tells that a consumer group's clients or topics have changed, and on which connections
// its clients want to hear of it (request 40).
type Change struct {
	Group string
	Conns []Conn
}

// member is what a connection takes part in.
type member struct{ consumers, producers map[string]*Client }

// Table holds all clients of a broker. Its methods may be called from any goroutine.
type Table struct {
	groups *names.Map[*ConsumerGroup] // written under mu

	mu        sync.Mutex
	members   map[Conn]*member            // under mu
	producers map[string]map[Conn]*Client // by group; under mu
	byID      map[string]*Client          // producers by client id, the last to come wins; under mu
	bytes     int64                       // sum of the groups' sizes; under mu
}

// New returns a table without clients.
func New() *Table {
	return &Table{
		groups:  names.NewMap[*ConsumerGroup](),
		members: make(map[Conn]*member), producers: make(map[string]map[Conn]*Client), byID: make(map[string]*Client),
	}
}

// Group returns a consumer group that has clients, else nil. It does not allocate.
func (t *Table) Group(name []byte) *ConsumerGroup {
	g, _ := t.groups.Get(name)
	return g
}

// Find is [Table.Group] for a name that is a string.
func (t *Table) Find(name string) *ConsumerGroup {
	g, _ := t.groups.Find(name)
	return g
}

// Subscribers lists the online groups that are subscribed to a topic, sorted.
func (t *Table) Subscribers(topic string) (groups []string) {
	for name, g := range t.groups.All() {
		if g.Subscriptions[topic] != nil {
			groups = append(groups, name)
		}
	}
	slices.Sort(groups)
	return groups
}

// Unregister takes a connection out of a producer and a consumer group; either may be empty.
func (t *Table) Unregister(conn Conn, producer, consumer string) []Change {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.members[conn]
	if m == nil {
		return nil
	}
	t.dropProducer(conn, m, producer)
	changes := t.dropConsumer(conn, m, consumer, nil)
	t.forgetIdle(conn, m)
	return changes
}

// Closed takes a connection out of all its groups.
func (t *Table) Closed(conn Conn) (changes []Change) {
	t.mu.Lock()
	defer t.mu.Unlock()
	m := t.members[conn]
	if m == nil {
		return nil
	}
	for name := range m.producers {
		t.dropProducer(conn, m, name)
	}
	for name := range m.consumers {
		changes = t.dropConsumer(conn, m, name, changes)
	}
	t.forgetIdle(conn, m)
	return changes
}

// Expire takes clients without recent heartbeat out of their groups and returns their
// connections, which the caller closes. A connection that still lives for another group is
// closed too, and leaves that group when [Table.Closed] is called.
func (t *Table) Expire(now time.Time) (conns []Conn) {
	dead := func(c *Client) bool { return clock.Millis(now)-c.Seen() > lifetime.Milliseconds() }
	t.mu.Lock()
	defer t.mu.Unlock()
	for conn, m := range t.members {
		expired := false
		for name, c := range m.producers {
			if dead(c) {
				t.dropProducer(conn, m, name)
				expired = true
			}
		}
		for name, c := range m.consumers {
			if dead(c) {
				t.dropConsumer(conn, m, name, nil) // nobody is told
				expired = true
			}
		}
		if expired {
			conns = append(conns, conn)
			t.forgetIdle(conn, m)
		}
	}
	return conns
}

func (t *Table) dropProducer(conn Conn, m *member, name string) {
	c := m.producers[name]
	if c == nil {
		return
	}
	delete(m.producers, name)
	delete(t.producers[name], conn)
	if len(t.producers[name]) == 0 {
		delete(t.producers, name)
	}
	if t.byID[c.ID] == c { // another connection may have taken the id over
		delete(t.byID, c.ID)
	}
}

func (t *Table) dropConsumer(conn Conn, m *member, name string, changes []Change) []Change {
	if m.consumers[name] == nil {
		return changes
	}
	delete(m.consumers, name)
	g := t.Find(name)
	next := g.without(conn)
	t.publish(name, g, next)
	if next == nil {
		return changes
	}
	return append(changes, Change{name, next.conns()})
}

// publish replaces a group's state; next is nil when its last client has left.
func (t *Table) publish(name string, old, next *ConsumerGroup) {
	t.bytes += sizeOf(next) - sizeOf(old)
	if next == nil {
		t.groups.Delete(name)
		return
	}
	t.groups.Put(name, next)
}

func (t *Table) forgetIdle(conn Conn, m *member) {
	if len(m.consumers)+len(m.producers) == 0 {
		delete(t.members, conn)
	}
}

func sizeOf(g *ConsumerGroup) int64 {
	if g == nil {
		return 0
	}
	return g.size
}
