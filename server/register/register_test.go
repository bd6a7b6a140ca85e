package register

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// nameServer is a name server that takes note of what it is asked.
type nameServer struct {
	mu      sync.Mutex
	away    bool        // refuses connections
	silent  bool        // takes requests and does not answer
	refuses bool        // answers with an error
	current bool        // answers 322 that nothing has changed
	order   string      // KVTable body of answers
	asked   []string    // requests in words, in order
	when    []time.Time // of asked
	conn    *fakeConn   // the living connection
}

type fakeConn struct{ s *nameServer }

func (s *nameServer) dial() (Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		s.conn = nil
		return nil, errors.New("connection refused")
	}
	if s.conn == nil {
		s.conn = &fakeConn{s}
	}
	return s.conn, nil
}

func (c *fakeConn) Close() error {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	c.s.conn = nil
	return nil
}

func (c *fakeConn) Call(ctx context.Context, code wire.Code, h wire.Header, body []byte) (*wire.Command, error) {
	s := c.s
	s.mu.Lock()
	s.asked = append(s.asked, words(code, h, body))
	s.when = append(s.when, time.Now())
	silent, away, refuses, current, order := s.silent, s.away, s.refuses, s.current, s.order
	s.mu.Unlock()
	switch {
	case silent:
		<-ctx.Done()
		return nil, ctx.Err()
	case away:
		return nil, errors.New("connection reset")
	case refuses:
		return &wire.Command{Code: int32(wire.StatusSystemError), Remark: []byte("no")}, nil
	}
	answer := &wire.Command{Body: []byte(order)}
	if code == wire.CodeQueryDataVersion {
		changed := "true"
		if current {
			changed = "false"
		}
		answer.Ext = wire.Ext{{Key: []byte("changed"), Value: []byte(changed)}}
	}
	return answer, nil
}

// words says a request in a line.
func words(code wire.Code, h wire.Header, body []byte) string {
	switch h := h.(type) {
	case *wire.RegisterBrokerRequest:
		if wire.BodyCRC32(body) != h.BodyCrc32 {
			return "bad crc"
		}
		var b wire.RegisterBrokerBody
		var err error
		if h.Compressed {
			err = b.DecodeCompressed(body)
		} else {
			err = fastjson.Unmarshal(body, &b)
		}
		if err != nil {
			return err.Error()
		}
		var topics []string
		for name, c := range b.TopicConfigSerializeWrapper.TopicConfigTable {
			topics = append(topics, name+":"+string('0'+rune(c.Perm)))
		}
		slices.Sort(topics)
		return "register " + h.BrokerName + " " + h.BrokerAddr + " " + h.HaServerAddr + " " + strings.Join(topics, ",")
	case *wire.QueryDataVersionRequest:
		return "query " + string(body)
	case *wire.UnregisterBrokerRequest:
		return "unregister " + h.BrokerName
	}
	return code.String()
}

// said returns what the server was asked since the last call, without who asked.
func (s *nameServer) said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := s.asked
	s.asked, s.when = nil, nil
	for i := range list {
		list[i] = strings.Replace(list[i], "register b 1.2.3.4:10911 1.2.3.4:10912 ", "register ", 1)
	}
	return list
}

func (s *nameServer) connection() *fakeConn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn
}

func (s *nameServer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// broker is the other side: its topics by the counter of the version that brought them.
type broker struct {
	*Registrar
	mu       sync.Mutex
	topics   map[string]int64
	version  int64
	settings Settings
	ordered  []string
	servers  map[string]*nameServer
}

func (b *broker) add(topic string) {
	b.mu.Lock()
	b.version++
	b.topics[topic] = b.version
	b.mu.Unlock()
	b.Announce()
}

func (b *broker) since(counter int64) *wire.TopicConfigSerializeWrapper {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := &wire.TopicConfigSerializeWrapper{DataVersion: wire.DataVersion{Counter: b.version}, TopicConfigTable: map[string]*wire.TopicConfig{}}
	for name, changed := range b.topics {
		if changed > counter {
			w.TopicConfigTable[name] = &wire.TopicConfig{TopicName: name, Perm: 6}
		}
	}
	return w
}

// with starts a broker with name servers a and b in a bubble of virtual time.
func with(t *testing.T, change func(b *broker), story func(b *broker, one, two *nameServer, sleep func(time.Duration))) {
	synctest.Test(t, func(t *testing.T) {
		one, two := &nameServer{}, &nameServer{}
		b := &broker{
			topics: map[string]int64{"T": 0}, servers: map[string]*nameServer{"one:9876": one, "two:9876": two},
			settings: Settings{Perm: 6, Timeout: 6 * time.Second, Force: true},
		}
		change(b)
		b.Registrar = New(Options{
			Servers:  Servers("one:9876; two:9876;"),
			Identity: Identity{Cluster: "c", Broker: "b", Addr: "1.2.3.4:10911", HAAddr: "1.2.3.4:10912"},
			Period:   30 * time.Second,
			Settings: func() Settings {
				b.mu.Lock()
				defer b.mu.Unlock()
				return b.settings
			},
			Topics: b.since,
			Ordered: func(topics map[string]string) {
				b.mu.Lock()
				defer b.mu.Unlock()
				for name := range topics {
					b.ordered = append(b.ordered, name)
				}
			},
			Dial:  func(_ context.Context, addr string) (Conn, error) { return b.servers[addr].dial() },
			Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
		})
		b.Start()
		synctest.Wait()
		story(b, one, two, func(d time.Duration) {
			time.Sleep(d) // virtual
			synctest.Wait()
		})
		b.Stop(context.Background())
	})
}

func usual(*broker) {}

func TestRegistersWithAllAndAgain(t *testing.T) {
	with(t, usual, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		require.Equal(t, []string{"register b 1.2.3.4:10911 1.2.3.4:10912 T:6"}, slices.Clone(one.asked))
		require.Equal(t, []string{"register T:6"}, one.said())
		require.Equal(t, []string{"register T:6"}, two.said())
		known, all := b.Registered()
		require.Equal(t, []int{2, 2}, []int{known, all})
		sleep(10 * time.Second)
		require.Equal(t, []string{"register T:6"}, one.said())
		sleep(29 * time.Second)
		require.Empty(t, one.said())
		sleep(time.Second)
		require.Equal(t, []string{"register T:6"}, one.said())
		two.said()
		b.Stop(context.Background())
		require.Equal(t, []string{"unregister b"}, one.said())
		require.Equal(t, []string{"unregister b"}, two.said())
		sleep(time.Minute)
		require.Empty(t, one.said())
		one.set(func() { one.away = true }) // the second Stop has nobody to talk to
		two.set(func() { two.away = true })
	})
}

func TestNewTopicsAreAnnounced(t *testing.T) {
	with(t, usual, func(b *broker, one, _ *nameServer, sleep func(time.Duration)) {
		one.said()
		b.add("U")
		synctest.Wait()
		require.Equal(t, []string{"register U:6"}, one.said(), "only what is new")
		b.Announce()
		synctest.Wait()
		require.Empty(t, one.said(), "nothing is new")
		b.add("V")
		b.add("W")
		synctest.Wait()
		said := one.said()
		require.Equal(t, "V:6,W:6", strings.Trim(strings.ReplaceAll(strings.Join(said, ","), "register ", ""), ","))
		b.Refresh()
		synctest.Wait()
		require.Equal(t, []string{"register T:6,U:6,V:6,W:6"}, one.said())

		// A name server that was started anew has forgotten all of it.
		require.NoError(t, one.connection().Close())
		b.add("X")
		synctest.Wait()
		require.Equal(t, []string{"register T:6,U:6,V:6,W:6,X:6"}, one.said())

		// What it does not take it gets again, with everything.
		one.set(func() { one.refuses = true })
		b.add("Y")
		synctest.Wait()
		require.Equal(t, []string{"register Y:6"}, one.said())
		one.set(func() { one.refuses = false })
		sleep(time.Second)
		require.Equal(t, []string{"register T:6,U:6,V:6,W:6,X:6,Y:6"}, one.said())
	})
}

func TestNameServerIsAwayAtStart(t *testing.T) {
	with(t, func(b *broker) { b.servers["one:9876"].away = true }, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		require.Empty(t, one.said())
		require.Equal(t, []string{"register T:6"}, two.said(), "the other one is not kept waiting")
		known, all := b.Registered()
		require.Equal(t, []int{1, 2}, []int{known, all})
		sleep(20*time.Second + time.Millisecond)
		one.set(func() { one.away = false })
		sleep(time.Second)
		require.Equal(t, []string{"register T:6"}, one.said(), "within a second of its return")
		sleep(9 * time.Second)
		require.Empty(t, one.said())
		sleep(time.Second)
		require.Equal(t, []string{"register T:6"}, one.said())
	})
}

func TestStopDoesNotWaitForTheAbsent(t *testing.T) {
	with(t, func(b *broker) { b.servers["one:9876"].away = true }, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		two.said()
		start := time.Now()
		b.Stop(context.Background())
		require.Zero(t, time.Since(start))
		require.Empty(t, one.said())
		require.Equal(t, []string{"unregister b"}, two.said())
	})
	with(t, usual, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		one.set(func() { one.silent = true }) // registered, and then it hangs
		start := time.Now()
		b.Stop(context.Background())
		require.Equal(t, leaveTimeout, time.Since(start))
		one.set(func() { one.silent = false })
	})
	with(t, func(b *broker) { b.servers["one:9876"].silent = true }, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		start := time.Now()
		b.Stop(context.Background()) // in the middle of the first registration
		require.Zero(t, time.Since(start))
	})
}

func TestSilentNameServerGetsANewConnection(t *testing.T) {
	with(t, func(b *broker) { b.servers["one:9876"].silent = true }, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		first := one.connection()
		require.NotNil(t, first)
		sleep(6 * time.Second)
		require.Nil(t, one.connection())
		one.set(func() { one.silent = false })
		sleep(time.Second)
		require.NotNil(t, one.connection())
		require.NotSame(t, first, one.connection())
		known, _ := b.Registered()
		require.Equal(t, 2, known)
	})
}

func TestAsksFirstUnlessForced(t *testing.T) {
	with(t, func(b *broker) { b.settings.Force = false }, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		require.Equal(t, []string{"register T:6"}, one.said(), "the first time it is not asked")
		one.set(func() { one.current = true })
		sleep(10 * time.Second)
		require.Equal(t, []string{`query {"counter":0,"timestamp":0}`}, one.said())
		one.set(func() { one.current = false })
		sleep(30 * time.Second)
		require.Equal(t, []string{`query {"counter":0,"timestamp":0}`, "register T:6"}, one.said())
		one.set(func() { one.refuses = true })
		sleep(30 * time.Second)
		require.Equal(t, []string{`query {"counter":0,"timestamp":0}`}, one.said())
		one.set(func() { one.refuses = false })
		sleep(time.Second)
		require.Equal(t, []string{"register T:6"}, one.said())
	})
}

func TestCompressedAndRestricted(t *testing.T) {
	with(t, func(b *broker) { b.settings.Compressed, b.settings.Perm = true, 4 }, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		require.Equal(t, []string{"register T:4"}, one.said())
	})
}

func TestOrderTopicsOfTheFirstRegistered(t *testing.T) {
	with(t, func(b *broker) {
		b.servers["one:9876"].away = true
		b.servers["one:9876"].order = `{"table":{"A":"b:4"}}`
		b.servers["two:9876"].order = `{"table":{"B":"b:4"}}`
	}, func(b *broker, one, two *nameServer, sleep func(time.Duration)) {
		applied := func() []string {
			b.mu.Lock()
			defer b.mu.Unlock()
			list := slices.Compact(b.ordered)
			b.ordered = nil
			return list
		}
		require.Equal(t, []string{"B"}, applied())
		one.set(func() { one.away = false })
		sleep(time.Second)
		require.Equal(t, []string{"A"}, applied())
		sleep(30 * time.Second)
		require.Equal(t, []string{"A"}, applied(), "the second one's are ignored")
		one.set(func() { one.order = "{" })
		sleep(30 * time.Second)
		require.Empty(t, applied())
		one.set(func() { one.order = "" })
		sleep(30 * time.Second)
		require.Empty(t, applied(), "no table is no news")
	})
}

func TestPeriodIsClamped(t *testing.T) {
	for given, want := range map[time.Duration]time.Duration{0: minPeriod, time.Hour: maxPeriod, 20 * time.Second: 20 * time.Second} {
		require.Equal(t, want, New(Options{Period: given}).o.Period)
	}
}

func TestServers(t *testing.T) {
	require.Empty(t, Servers(""))
	require.Equal(t, []string{"a:1", "b:2"}, Servers(" a:1;;b:2; "))
}

func TestWithoutNameServers(t *testing.T) {
	r := New(Options{})
	r.Start()
	r.Announce()
	r.Stop(context.Background())
}
