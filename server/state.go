package server

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/client"
	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/statefile"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/server/clients"
	"ringmq/server/filter"
	"ringmq/server/group"
	"ringmq/server/lag"
	"ringmq/server/lock"
	"ringmq/server/offset"
	"ringmq/server/register"
	"ringmq/server/stats"
	"ringmq/server/topic"
)

// state is everything the broker remembers beside messages. Each part looks after its own
// synchronization; the fields are set by New and loadState, before anything is served.
type state struct {
	topics  *topic.Table
	groups  *group.Table
	offsets *offset.Table
	// offsetsLost: consumerOffset.json was damaged; set before use.
	offsetsLost bool
	clients     *clients.Table
	filters     *filter.Table
	locks       *lock.Table
	lags        lag.Table
	stats       *stats.Table
	config      configuration
	// compiled holds the expressions that pulls bring along.
	compiled filter.Cache

	storeIP   netip.Addr // brokerIP1
	nameConns *client.Pool
	registrar atomic.Pointer[register.Registrar] // nil until startState
	tasks     sync.WaitGroup                     // timers started by startState

	// relays runs the requests that wait for a client: one that does not answer must not keep a
	// worker from heartbeats. stopping ends their waits.
	relays   workers
	replies  workers // the same for answers on their way to requesting producers
	stopping context.Context
	stop     context.CancelFunc
}

// Periods of the broker's timers, as Java has them.
const (
	expireClientsPeriod = 10 * time.Second
	expireLocksPeriod   = 60 * time.Second
	retrySavePeriod     = 5 * time.Second
	saveFiltersPeriod   = 10 * time.Second
	firstOffsetSave     = 10 * time.Second
)

// loadState reads the files of the store's config folder.
func (b *Broker) loadState() error {
	b.config.start(b.cfg, b.clock.Now())
	b.replies.most = maxReplies
	b.stopping, b.stop = context.WithCancel(context.Background())
	o := &b.cfg.Broker
	b.nameConns = client.NewPool(0, client.Options{DialTimeout: time.Duration(b.cfg.Client.ConnectTimeoutMillis) * time.Millisecond})
	b.clients, b.locks = clients.New(), lock.New(time.Duration(b.cfg.System.LockMaxLiveTime)*time.Millisecond)
	b.stats = stats.New(o.BrokerClusterName, o.EnableDetailStat, b.clock.Now())
	b.stats.JoinLight(b.cfg.Store.EnableLmq)
	dir := filepath.Join(b.cfg.Store.StorePathRootDir, "config")
	var err error
	b.topics, err = topic.Open(topic.Options{
		Path:    filepath.Join(dir, "topics.json"),
		Cluster: o.BrokerClusterName, Broker: o.BrokerName,
		AutoCreate:   func() bool { return b.conf().Broker.AutoCreateTopicEnable },
		ClusterTopic: o.ClusterTopicEnable, BrokerTopic: o.BrokerTopicEnable,
		TraceTopic: o.TraceTopicEnable, TraceTopicName: o.MsgTraceTopicName, DefaultQueues: int32(o.DefaultTopicQueueNums),
		Light: b.cfg.Store.EnableLmq, Stats: b.stats, Clock: b.clock, Log: b.log,
		Created: func(*topic.Topic) { b.announceTopics() },
	})
	if err != nil {
		return err
	}
	b.groups, err = group.Open(group.Options{
		Path:       filepath.Join(dir, "subscriptionGroup.json"),
		AutoCreate: func() bool { return b.conf().Broker.AutoCreateSubscriptionGroup },
		Light:      b.cfg.Store.EnableLmq,
		Clock:      b.clock, Log: b.log,
	})
	if err != nil {
		return err
	}
	file := filepath.Join(dir, "consumerOffset.json")
	if b.cfg.Store.EnableLmq {
		light := filepath.Join(dir, "lmqConsumerOffset.json")
		b.offsets, err = offset.OpenLight(light, file, b.log)
		file = light
	} else {
		b.offsets, err = offset.Open(file, b.log)
	}
	if b.offsetsLost = statefile.SetAside(file); b.offsetsLost {
		b.log.Warn("consumer offsets were lost: groups without any begin at the first message of each queue, as long as the damaged file lies there",
			"file", file+".damaged")
	}
	return err
}

// loadFilters comes before the store is opened, which may ask them of messages that it dispatches again.
func (b *Broker) loadFilters() error {
	bloom, err := filter.NewBloom(b.cfg.Broker.MaxErrorRateOfBloomFilter, b.cfg.Broker.ExpectConsumerNumUseFilter)
	if err != nil {
		return err
	}
	b.cfg.Store.BitMapLengthConsumeQueueExt = bloom.Bits() // nobody chooses it: ConsumerFilterManager's constructor
	b.filters, err = filter.Open(filter.Options{
		Path: filepath.Join(b.cfg.Store.StorePathRootDir, "config", "consumerFilter.json"), Bloom: bloom, Now: b.clock.Now(), Log: b.log,
		Keep: func() time.Duration { return time.Duration(b.conf().Broker.FilterDataCleanTimeSpan) * time.Millisecond },
	})
	return err
}

// saveFilters lets the filters of groups that have left die, and writes them.
func (b *Broker) saveFilters(now time.Time) {
	b.filters.Sweep(now, func(group string) bool { return b.clients.Find(group) != nil })
	b.saved(b.filters.SaveIfMarked())
}

// conf is the present configuration; request 25 replaces it.
func (b *Broker) conf() *config.BrokerFile { return b.config.now.Load() }

// startState starts the timers, which end with ctx, and the registration, which stopState ends.
func (b *Broker) startState(ctx context.Context) {
	b.tasks.Go(func() { b.stats.Run(ctx, b.clock) })
	period := time.Duration(b.cfg.Broker.FlushConsumerOffsetInterval) * time.Millisecond
	b.every(ctx, firstOffsetSave, period, func(time.Time) { b.saved(b.offsets.Save()) })
	b.every(ctx, retrySavePeriod, retrySavePeriod, func(time.Time) {
		b.saved(b.topics.SaveIfMarked())
		b.saved(b.groups.SaveIfMarked())
	})
	b.every(ctx, expireClientsPeriod, expireClientsPeriod, b.expireClients)
	b.every(ctx, saveFiltersPeriod, saveFiltersPeriod, b.saveFilters)
	b.every(ctx, expireLocksPeriod, expireLocksPeriod, b.locks.Expire)
	b.every(ctx, protectPeriod, protectPeriod, b.protect)

	r := b.newRegistrar()
	b.registrar.Store(r)
	r.Start()
}

func (b *Broker) every(ctx context.Context, first, period time.Duration, fn func(now time.Time)) {
	b.tasks.Go(func() { clock.Every(ctx, b.clock, first, period, fn) })
}

// saved reports a timer's failure to write; the next period tries again.
func (b *Broker) saved(err error) {
	if err != nil {
		b.log.Error("broker state is not on disk", "err", err)
	}
}

// stopState leaves the name servers and writes what is not yet written.
func (b *Broker) stopState(ctx context.Context) error {
	b.stop()
	b.relays.close()
	b.replies.close()
	b.tasks.Wait()
	if r := b.registrar.Load(); r != nil {
		r.Stop(ctx)
	}
	return errors.Join(b.nameConns.Close(), b.offsets.Save(), b.topics.SaveIfMarked(), b.groups.SaveIfMarked(), b.filters.SaveIfMarked())
}

// newRegistrar knows the broker's addresses, so it is made when the ports are open.
func (b *Broker) newRegistrar() *register.Registrar {
	o := &b.cfg.Broker
	port := int(b.storeHost.Port())
	return register.New(register.Options{
		Servers: register.Servers(o.NamesrvAddr),
		Identity: register.Identity{
			Cluster: o.BrokerClusterName, Broker: o.BrokerName, BrokerID: o.BrokerID,
			Addr:   b.addr(),
			HAAddr: config.HostPort(o.BrokerIP2, port+1), // Java's start-up overwrites haListenPort too
		},
		Period: time.Duration(o.RegisterNameServerPeriod) * time.Millisecond,
		Settings: func() register.Settings {
			o := &b.conf().Broker
			return register.Settings{
				Perm: int32(o.BrokerPermission), Timeout: time.Duration(o.RegisterBrokerTimeoutMills) * time.Millisecond,
				Force: o.ForceRegister, Compressed: o.CompressedRegister,
			}
		},
		Topics: b.topics.Since,
		Ordered: func(topics map[string]string) {
			if err := b.topics.SetOrdered(topics); err != nil {
				b.saved(err)
			}
		},
		Dial: func(ctx context.Context, addr string) (register.Conn, error) {
			c, err := b.nameConns.Client(ctx, addr)
			if err != nil {
				return nil, err // not a nil *client.Client in an interface
			}
			return c, nil
		},
		Clock: b.clock, Log: b.log,
	})
}

// announceTopics tells the name servers of new and changed topics.
func (b *Broker) announceTopics() {
	if r := b.registrar.Load(); r != nil {
		r.Announce()
	}
}

// expireClients closes the connections of clients that have fallen silent.
func (b *Broker) expireClients(now time.Time) {
	for _, c := range b.clients.Expire(now) {
		c.(*transport.Conn).Close()
	}
}

// connClosed takes a connection out of its groups and tells those who stay.
func (b *Broker) connClosed(c *transport.Conn) { b.tellConsumers(b.clients.Closed(c), nil) }

// tellConsumers lets the clients of changed groups know (NOTIFY_CONSUMER_IDS_CHANGED), so that they share the
// queues anew. wanted, if not nil, chooses among the groups.
func (b *Broker) tellConsumers(changes []clients.Change, wanted func(group string) bool) {
	if !b.conf().Broker.NotifyConsumerIDsChangedEnable {
		return
	}
	for _, change := range changes {
		if wanted != nil && !wanted(change.Group) {
			continue
		}
		h := wire.NotifyConsumerIdsChangedRequest{ConsumerGroup: change.Group}
		for _, c := range change.Conns {
			c.(*transport.Conn).Notify(wire.CodeNotifyConsumerIdsChanged, &h, nil)
		}
	}
}

// hostOf is the address that clients and message ids know the broker by.
func (b *Broker) hostOf(l *transport.Listener) netip.AddrPort {
	return netip.AddrPortFrom(b.storeIP, l.Addr().Port())
}

// addr is what the broker is registered as.
func (b *Broker) addr() string {
	return config.HostPort(b.cfg.Broker.BrokerIP1, int(b.storeHost.Port()))
}
