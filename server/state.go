package server

// BROKER: this file is yours; replace this note. Contract between state and hot path:
// BROKER owns server/state.go and declares there:
//   type state struct { topics *topic.Table; groups *group.Table; offsets *offset.Table; clients *clients.Table; locks *lock.Table; stats *stats.Stats; registrar *register.Registrar ... }   // embedded in Broker
//   func stateRoutes() map[wire.Code]route           // all codes but 10, 310, 320, 11
//   func (b *Broker) loadState() error               // after b.store is open
//   func (b *Broker) startState(ctx context.Context) // timers, first registration (must not block start)
//   func (b *Broker) stopState(ctx context.Context) error
//   func (b *Broker) connClosed(c *transport.Conn)
//   func (b *Broker) storeOptions() engine.Options   // from config.Store
//   func (b *Broker) hostOf(l *transport.Listener) netip.AddrPort  // brokerIP1 + port actually listened on
// What LEAD's send/pull needs on hot paths (no alloc, []byte keys):
//   topics.Lookup(name []byte) *topic.Topic (nil if unknown): Config fields (ReadQueues, WriteQueues, Perm, Order), Forbidden bool (sending forbidden, behaviour §1.2), Stats counters (atomic) reachable from it: t.Put(count, bytes)
//   topics.Check(name []byte) error with the exact remark texts; topics.CreateOnSend(topic, defaultTopic string, clientQueueNums int32, unitMode bool) (*topic.Topic, error) — may persist, so LEAD calls it on a worker
//   groups.Lookup(name []byte) *group.Config or nil ; groups.FindOrCreate(name string) (…, error) (persisting: asynchronous or on worker)
//   clients.Subscription(group, topic []byte) — consumer group info incl. whether any channel, message model, the SubscriptionData for topic with its precomputed code set
//   offsets.Commit(group, topic []byte, qid int32, off int64)
//   stats: GroupGet(group, topic, count, bytes), BrokerPut/Get …
