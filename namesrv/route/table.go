package route

import (
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/wire"
)

// MasterID is the broker id of a master; slaves have ids above it.
const MasterID = 0

// ExpireAfter is how long a broker stays without registering (BROKER_CHANNEL_EXPIRED_TIME).
const ExpireAfter = 120 * time.Second

// Permission bits of a topic's queues.
const (
	permWrite int32 = 1 << 1
	permRead  int32 = 1 << 2
)

// Topic flags.
const (
	flagUnit       int32 = 1 << 0
	flagHasUnitSub int32 = 1 << 1
)

// Link is the connection a broker registered over. The table only compares links and hands
// expired ones back to be closed.
type Link interface{ Close() }

// Limits bound the tables, so that no register can make them grow for ever.
type Limits struct {
	Brokers int // addresses
	Topics  int
	Queues  int // pairs of topic and broker
	Filters int // filter servers of one broker
}

// DefaultLimits are far above any cluster known and keep the tables below about 1 GiB.
var DefaultLimits = Limits{Brokers: 10_000, Topics: 1_000_000, Queues: 4_000_000, Filters: 256}

// Table holds the five tables. Its methods may be called from any goroutine.
type Table struct {
	clock  clock.Clock // set before start
	limits Limits      // set before start

	// changing is held over a whole change, mu only over its steps: mu is locked after it.
	changing sync.Mutex

	mu       sync.RWMutex
	topics   map[string]queues
	queues   int // sum of the lengths in topics
	brokers  map[string]*broker
	clusters map[string]map[string]struct{} // cluster → broker names, none empty
	live     map[string]*member
	filtered int // members with filter servers
}

// queues are a topic's queue counts per broker, sorted by broker name. A slice in the table
// is never changed, only replaced.
type queues []wire.QueueData

// broker is a broker set: a master and its slaves under one name.
type broker struct {
	name    string
	members map[int64]*member // by broker id, never empty outside of a change
	data    wire.BrokerData   // what lookups return; its map is replaced, never changed
}

// member is one living broker process.
type member struct {
	broker  *broker
	id      int64
	addr    string
	haAddr  string
	version wire.DataVersion
	filters []string
	link    Link
	seen    atomic.Int64 // milliseconds of the last sign of life; written under mu.RLock too
}

// New returns empty tables.
func New(c clock.Clock, l Limits) *Table {
	return &Table{
		clock: c, limits: l,
		topics:   make(map[string]queues),
		brokers:  make(map[string]*broker),
		clusters: make(map[string]map[string]struct{}),
		live:     make(map[string]*member),
	}
}

// change begins a change; the caller defers what it returns.
func (t *Table) change() (done func()) {
	t.changing.Lock()
	t.mu.Lock()
	return func() {
		t.mu.Unlock()
		t.changing.Unlock()
	}
}

// stepTopics is after how many topics a long change lets lookups through.
const stepTopics = 256

// breathe lets waiting lookups through during a change of many topics; n counts them. Other
// changes wait. A lookup may see the change half done, but every topic as before or after.
func (t *Table) breathe(n int) {
	if n%stepTopics == 0 {
		t.mu.Unlock()
		t.mu.Lock()
	}
}

// Lookup returns a topic's route, sorted by broker name; false if the topic is unknown or
// none of its brokers is. The result is shared: it must not be changed.
func (t *Table) Lookup(topic string) (wire.TopicRouteData, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	qs := t.topics[topic]
	r := wire.TopicRouteData{
		QueueDatas:        qs,
		BrokerDatas:       make([]wire.BrokerData, 0, len(qs)),
		FilterServerTable: map[string][]string{},
	}
	for i := range qs {
		b := t.brokers[qs[i].BrokerName]
		if b == nil {
			continue
		}
		r.BrokerDatas = append(r.BrokerDatas, b.data)
		if t.filtered == 0 {
			continue
		}
		for _, m := range b.members {
			if m.filters != nil {
				r.FilterServerTable[m.addr] = m.filters
			}
		}
	}
	return r, len(r.BrokerDatas) > 0
}

// Version returns the data version that a broker last registered with.
func (t *Table) Version(addr string) (v wire.DataVersion, ok bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	m := t.live[addr]
	if m == nil {
		return v, false
	}
	return m.version, true
}

// Touch is a sign of life of a broker whose tables have not changed (request 322).
func (t *Table) Touch(addr string) {
	now := t.clock.Now().UnixMilli()
	t.mu.RLock()
	defer t.mu.RUnlock()
	if m := t.live[addr]; m != nil {
		m.seen.Store(now)
	}
}
