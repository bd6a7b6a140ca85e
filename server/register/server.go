package register

import (
	"context"
	"sync"

	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

// state is where a name server stands.
type state uint8

const (
	unknown    state = iota // not tried yet
	registered              // it has answered the last registration
	away                    // it has not
)

// server is one name server.
type server struct {
	r     *Registrar
	index int
	addr  string
	wake  chan struct{} // capacity 1
	tried chan struct{} // closed by run after the first try

	// What the name server has; owned by run.
	conn    Conn  // on which it answered last; nil when it must get all topics
	version int64 // counter of the table's version that it has

	mu    sync.Mutex
	state state
	all   bool // the next registration must carry all topics; under mu
}

func (s *server) poke(all bool) {
	s.mu.Lock()
	s.all = s.all || all
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default: // a wake-up is waiting already
	}
}

func (s *server) isRegistered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state == registered
}

// run registers until ctx ends.
func (s *server) run(ctx context.Context) {
	timer := s.r.o.Clock.NewTimer(0)
	defer timer.Stop()
	period := min(firstPeriod, s.r.o.Period)
	first := sync.OnceFunc(func() { close(s.tried) })
	defer first()
	for {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-timer.C():
			due = true
		case <-s.wake:
		}
		ok := s.step(ctx, due)
		first()
		switch {
		case !ok:
			timer.Reset(retryAfter)
		case due:
			timer.Reset(period)
			period = s.r.o.Period
		}
	}
}

// step registers once: everything when due, else what has changed.
func (s *server) step(ctx context.Context, due bool) bool {
	settings := s.r.o.Settings()
	call, cancel := context.WithTimeout(ctx, settings.Timeout)
	defer cancel()
	err := s.register(call, settings, due)
	if ctx.Err() != nil {
		return false
	}
	s.become(err)
	return err == nil
}

func (s *server) register(ctx context.Context, settings Settings, due bool) error {
	conn, err := s.r.o.Dial(ctx, s.addr)
	if err != nil {
		s.conn = nil
		return err
	}
	all := s.takeAll() || conn != s.conn
	switch {
	case all || due && settings.Force:
		err = s.send(ctx, conn, settings, s.r.o.Topics(-1))
	case due:
		err = s.sendIfNews(ctx, conn, settings)
	default:
		if news := s.r.o.Topics(s.version); len(news.TopicConfigTable) > 0 {
			err = s.send(ctx, conn, settings, news)
		}
	}
	if err != nil {
		s.conn = nil
		if ctx.Err() != nil { // it does not answer: a new connection may
			err = ctx.Err()
			_ = conn.Close() // nothing is lost with it
		}
		return err
	}
	s.conn = conn
	return nil
}

// sendIfNews asks the name server whether it has the present version (322), which also tells it
// that the broker lives, and registers all topics if not.
func (s *server) sendIfNews(ctx context.Context, conn Conn, settings Settings) error {
	id := &s.r.o.Identity
	table := s.r.o.Topics(-1)
	body, err := fastjson.Marshal(table.DataVersion)
	if err != nil {
		return err
	}
	answer, err := conn.Call(ctx, wire.CodeQueryDataVersion, &wire.QueryDataVersionRequest{
		BrokerName: id.Broker, BrokerAddr: id.Addr, ClusterName: id.Cluster, BrokerID: id.BrokerID,
	}, body)
	if err != nil {
		return err
	}
	if wire.Status(answer.Code) != wire.StatusSuccess {
		return refusal(s.addr, answer)
	}
	var h wire.QueryDataVersionResponse
	if h.Decode(answer.Ext) == nil && !h.Changed {
		return nil
	}
	return s.send(ctx, conn, settings, table)
}

// send registers topics (103) and takes what the answer says.
func (s *server) send(ctx context.Context, conn Conn, settings Settings, topics *wire.TopicConfigSerializeWrapper) error {
	id := &s.r.o.Identity
	register := wire.RegisterBrokerBody{TopicConfigSerializeWrapper: *restrict(topics, settings.Perm)}
	h := wire.RegisterBrokerRequest{
		BrokerName: id.Broker, BrokerAddr: id.Addr, ClusterName: id.Cluster, BrokerID: id.BrokerID, HaServerAddr: id.HAAddr,
		Compressed: settings.Compressed, HasCompressed: true, HasBodyCrc32: true,
	}
	var body []byte
	var err error
	if settings.Compressed {
		body, err = register.EncodeCompressed()
	} else {
		body, err = fastjson.Marshal(&register)
	}
	if err != nil {
		return err
	}
	h.BodyCrc32 = wire.BodyCRC32(body)
	answer, err := conn.Call(ctx, wire.CodeRegisterBroker, &h, body)
	if err != nil {
		return err
	}
	if wire.Status(answer.Code) != wire.StatusSuccess {
		return refusal(s.addr, answer)
	}
	s.version = topics.DataVersion.Counter
	s.take(answer.Body)
	return nil
}

// take applies the order topics of an answer.
func (s *server) take(body []byte) {
	if len(body) == 0 || !s.r.first(s.index) {
		return
	}
	var kv wire.KVTable
	if err := fastjson.Unmarshal(body, &kv); err != nil {
		s.r.o.Log.Warn("name server's order topics cannot be read", "server", s.addr, "err", err)
		return
	}
	s.r.o.Ordered(kv.Table)
}

// leave unregisters.
func (s *server) leave(ctx context.Context) {
	id := &s.r.o.Identity
	conn, err := s.r.o.Dial(ctx, s.addr)
	if err == nil {
		_, err = conn.Call(ctx, wire.CodeUnregisterBroker, &wire.UnregisterBrokerRequest{
			BrokerName: id.Broker, BrokerAddr: id.Addr, ClusterName: id.Cluster, BrokerID: id.BrokerID,
		}, nil)
	}
	if err != nil {
		s.r.o.Log.Warn("name server could not be told that the broker stops", "server", s.addr, "err", err)
	}
}

// become notes how a registration ended, and says so when that is news.
func (s *server) become(err error) {
	s.mu.Lock()
	was := s.state
	s.state = registered
	if err != nil {
		s.state = away
	}
	is := s.state
	s.mu.Unlock()
	switch {
	case is == was:
	case is == registered:
		s.r.o.Log.Info("registered with name server", "server", s.addr)
	default:
		s.r.o.Log.Warn("name server does not take the registration, trying again every second", "server", s.addr, "err", err)
	}
}

func (s *server) takeAll() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.all
	s.all = false
	return all
}

// restrict is the table with the broker's permission in place of the topics', unless it is read and write
// (BrokerController.registerBrokerAll: order and sysFlag fall back to their defaults as well).
func restrict(w *wire.TopicConfigSerializeWrapper, perm int32) *wire.TopicConfigSerializeWrapper {
	const readWrite = 6
	if perm&readWrite == readWrite {
		return w
	}
	r := &wire.TopicConfigSerializeWrapper{DataVersion: w.DataVersion, TopicConfigTable: make(map[string]*wire.TopicConfig, len(w.TopicConfigTable))}
	for name, c := range w.TopicConfigTable {
		own := new(wire.TopicConfig)
		own.SetDefaults()
		own.TopicName, own.ReadQueueNums, own.WriteQueueNums, own.Perm = c.TopicName, c.ReadQueueNums, c.WriteQueueNums, perm
		r.TopicConfigTable[name] = own
	}
	return r
}
