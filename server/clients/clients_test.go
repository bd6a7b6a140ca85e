package clients

import (
	"bufio"
	"cmp"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
	"ringmq/server/names"
)

// conn is a connection of a script.
type conn struct {
	name    string
	closing bool
}

func (c *conn) Closing() bool { return c.closing }

// script runs one step a line against a table; the outcome stands after "=>".
//
//	hb CONN ID GROUP[!MODEL]:TOPIC[@VERSION],… P=GROUP …   heartbeat; outcome: who is told
//	unregister CONN PRODUCER CONSUMER                      - for none; outcome: who is told
//	close CONN                                             outcome: who is told
//	after DURATION
//	expire                                                 outcome: connections to close
//	group GROUP                                            outcome: model, client ids, topics
//	producers GROUP, id CLIENT                             outcome: connections
//	subscribers TOPIC                                      outcome: groups
//	members                                                outcome: number of connections remembered
type script struct {
	table *Table
	now   time.Time
	conns map[string]*conn
}

func (s *script) conn(name string) *conn {
	if s.conns[name] == nil {
		s.conns[name] = &conn{name: name}
	}
	return s.conns[name]
}

func (s *script) step(t *testing.T, f []string) string {
	switch f[0] {
	case "hb":
		return s.heartbeat(t, s.conn(f[1]), f[2], f[3:])
	case "unregister":
		none := func(name string) string { return strings.TrimPrefix(name, "-") }
		return told(s.table.Unregister(s.conn(f[1]), none(f[2]), none(f[3])))
	case "close":
		s.conn(f[1]).closing = true
		return told(s.table.Closed(s.conn(f[1])))
	case "after":
		d, err := time.ParseDuration(f[1])
		require.NoError(t, err)
		s.now = s.now.Add(d)
		return ""
	case "expire":
		return show(s.table.Expire(s.now))
	case "group":
		return describe(s.table.Group([]byte(f[1])))
	case "producers":
		list, ok := s.table.Producers(f[1])
		require.Equal(t, ok, len(list) > 0)
		return clientConns(list)
	case "id":
		if c := s.table.Producer(f[1]); c != nil {
			return clientConns([]*Client{c})
		}
		return "none"
	case "subscribers":
		return strings.Join(s.table.Subscribers(f[1]), " ")
	case "members":
		return strconv.Itoa(len(s.table.members))
	}
	t.Fatalf("%s?", f[0])
	return ""
}

func (s *script) heartbeat(t *testing.T, c *conn, id string, words []string) string {
	hb := &wire.HeartbeatData{ClientID: id}
	for _, w := range words {
		if p, ok := strings.CutPrefix(w, "P="); ok {
			hb.ProducerDataSet = append(hb.ProducerDataSet, wire.ProducerData{GroupName: p})
			continue
		}
		group, topics, _ := strings.Cut(w, ":")
		group, model, _ := strings.Cut(group, "!")
		d := wire.ConsumerData{GroupName: group, MessageModel: cmp.Or(model, wire.Clustering)}
		for topic := range strings.FieldsFuncSeq(topics, func(r rune) bool { return r == ',' }) {
			topic, version, _ := strings.Cut(topic, "@")
			n, err := strconv.ParseInt(cmp.Or(version, "1"), 10, 64)
			require.NoError(t, err)
			d.SubscriptionDataSet = append(d.SubscriptionDataSet, wire.SubscriptionData{Topic: topic, SubString: "*", SubVersion: n})
		}
		hb.ConsumerDataSet = append(hb.ConsumerDataSet, d)
	}
	if err := Check(hb); err != nil {
		return err.Error()
	}
	changes, err := s.table.Heartbeat(s.now, Identity{Conn: c, ID: id}, hb)
	if err != nil {
		return err.Error()
	}
	return told(changes)
}

func told(changes []Change) string {
	var words []string
	for _, c := range changes {
		words = append(words, c.Group+": "+show(c.Conns))
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

func show(conns []Conn) string {
	var words []string
	for _, c := range conns {
		words = append(words, c.(*conn).name)
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func clientConns(list []*Client) string {
	var conns []Conn
	for _, c := range list {
		conns = append(conns, c.Conn)
	}
	return show(conns)
}

func describe(g *ConsumerGroup) string {
	if g == nil {
		return "none"
	}
	var ids []string
	for _, c := range g.Clients {
		ids = append(ids, c.ID)
	}
	var topics []string
	for topic, s := range g.Subscriptions {
		topics = append(topics, fmt.Sprintf("%s@%d", topic, s.SubVersion))
	}
	slices.Sort(topics)
	return fmt.Sprintf("%s [%s] [%s]", g.MessageModel, strings.Join(ids, " "), strings.Join(topics, " "))
}

func TestScript(t *testing.T) {
	file, err := os.Open("testdata/clients.txt")
	require.NoError(t, err)
	defer file.Close()
	in := bufio.NewScanner(file)
	var s *script
	steps := 0
	for line := 1; in.Scan(); line++ {
		step, want, _ := strings.Cut(in.Text(), "=>")
		f := strings.Fields(step)
		if len(f) == 0 {
			continue
		}
		if f[0] == "#" { // a new story
			if s != nil {
				s.empty(t)
			}
			s = &script{table: New(), now: time.Unix(1000, 0), conns: make(map[string]*conn)}
			continue
		}
		steps++
		require.Equal(t, strings.TrimSpace(want), s.step(t, f), "line %d: %s", line, in.Text())
	}
	require.NoError(t, in.Err())
	s.empty(t)
	require.Greater(t, steps, 50)
}

// empty ends a story: when all connections have closed nothing is left.
func (s *script) empty(t *testing.T) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(s.conns)) {
		s.conns[name].closing = true
		s.table.Closed(s.conns[name])
	}
	require.Empty(t, s.table.members)
	require.Empty(t, s.table.producers)
	require.Empty(t, s.table.byID)
	require.Zero(t, s.table.groups.Len())
	require.Zero(t, s.table.bytes)
}

func TestCheck(t *testing.T) {
	f := func(want string, hb wire.HeartbeatData) {
		t.Helper()
		err := Check(&hb)
		if want == "" {
			require.NoError(t, err)
			return
		}
		require.ErrorContains(t, err, want)
	}
	producer := func(name string) []wire.ProducerData { return []wire.ProducerData{{GroupName: name}} }
	consumer := func(name string, subs ...wire.SubscriptionData) []wire.ConsumerData {
		return []wire.ConsumerData{{GroupName: name, SubscriptionDataSet: subs}}
	}
	f("", wire.HeartbeatData{})
	f("", wire.HeartbeatData{ClientID: "c", ProducerDataSet: producer("PG"), ConsumerDataSet: consumer("CG")})
	f("no clientID", wire.HeartbeatData{ProducerDataSet: producer("PG")})
	f("clientID has 2000 bytes", wire.HeartbeatData{ClientID: strings.Repeat("x", 2000)})
	f(names.ErrGroupIllegal.Error(), wire.HeartbeatData{ClientID: "c", ProducerDataSet: producer("a/../x")})
	f(names.ErrGroupIllegal.Error(), wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("a\x00")})
	f(names.ErrGroupLong.Error(), wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer(strings.Repeat("x", 300))})
	f(names.ErrGroupBlank.Error(), wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("")})
	f("100000 topics", wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("g", make([]wire.SubscriptionData, 100_000)...)})
	f("names 2000 groups", wire.HeartbeatData{ClientID: "c", ProducerDataSet: make([]wire.ProducerData, 2000)})
	f("longer than", wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("g", wire.SubscriptionData{Topic: strings.Repeat("x", 300)})})
	f("longer than", wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("g", wire.SubscriptionData{SubString: strings.Repeat("x", 1<<20)})})
	f("wants 16385 tags", wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("g", wire.SubscriptionData{CodeSet: make([]int32, 16385)})})
	f("wants 20000 tags", wire.HeartbeatData{ClientID: "c", ConsumerDataSet: consumer("g", wire.SubscriptionData{TagsSet: make([]string, 20000)})})
}

func TestBounds(t *testing.T) {
	table, c := New(), &conn{}
	enter := func(group string, subs []wire.SubscriptionData) error {
		_, err := table.Heartbeat(time.Unix(0, 0), Identity{Conn: c, ID: "c"},
			&wire.HeartbeatData{ConsumerDataSet: []wire.ConsumerData{{GroupName: group, SubscriptionDataSet: subs}}})
		return err
	}
	for i := range MaxGroups {
		require.NoError(t, enter(fmt.Sprint("g", i), nil))
	}
	require.ErrorContains(t, enter("one-more", nil), "1024 groups already")
	require.NoError(t, enter("g0", []wire.SubscriptionData{{Topic: "T"}}), "a known group needs no room")

	table.bytes += MaxBytes // as if other groups took so much
	require.ErrorContains(t, enter("g1", []wire.SubscriptionData{{Topic: "T"}}), "group[g1] is not entered")
	require.NoError(t, enter("g0", []wire.SubscriptionData{{Topic: "T"}}), "no growth")
	require.NoError(t, enter("g0", nil), "shrinking")
	table.bytes -= MaxBytes
	table.Closed(c)
	require.Zero(t, table.bytes)
	require.Empty(t, table.members)
}

// TestCloseRacesHeartbeat: whichever comes first, a closed connection leaves nothing behind.
func TestCloseRacesHeartbeat(t *testing.T) {
	table := New()
	hb := &wire.HeartbeatData{ProducerDataSet: []wire.ProducerData{{GroupName: "P"}}, ConsumerDataSet: []wire.ConsumerData{{GroupName: "G"}}}
	var wg sync.WaitGroup
	for range 100 {
		c := &racingConn{}
		wg.Go(func() {
			_, err := table.Heartbeat(time.Unix(0, 0), Identity{Conn: c, ID: "c"}, hb)
			assert.NoError(t, err)
		})
		wg.Go(func() {
			c.close()
			table.Closed(c)
		})
	}
	wg.Wait()
	require.Empty(t, table.members)
	require.Nil(t, table.Find("G"))
}

type racingConn struct {
	mu      sync.Mutex
	closing bool
}

func (c *racingConn) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closing = true
}

func (c *racingConn) Closing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closing
}

func TestSubscription(t *testing.T) {
	table := New()
	_, found := table.Subscription([]byte("G"), []byte("T"))
	require.Equal(t, Found{}, found)
	hb := &wire.HeartbeatData{ConsumerDataSet: []wire.ConsumerData{{
		GroupName: "G", MessageModel: wire.Broadcasting,
		SubscriptionDataSet: []wire.SubscriptionData{{Topic: "T", SubString: "TagA", CodeSet: []int32{7}}},
	}}}
	_, err := table.Heartbeat(time.Unix(0, 0), Identity{Conn: &conn{}, ID: "c"}, hb)
	require.NoError(t, err)
	sub, found := table.Subscription([]byte("G"), []byte("T"))
	require.Equal(t, Found{Group: true, Broadcasting: true}, found)
	require.Equal(t, []int32{7}, sub.CodeSet)
	sub, found = table.Subscription([]byte("G"), []byte("U"))
	require.True(t, found.Group)
	require.Nil(t, sub)
	require.Equal(t, "c", table.Find("G").Client("c").ID)
	require.Nil(t, table.Find("G").Client("d"))
}

func TestLookupDoesNotAllocate(t *testing.T) {
	table := New()
	_, err := table.Heartbeat(time.Unix(0, 0), Identity{Conn: &conn{}, ID: "c"}, &wire.HeartbeatData{ConsumerDataSet: []wire.ConsumerData{
		{GroupName: "G", SubscriptionDataSet: []wire.SubscriptionData{{Topic: "T", SubString: "*"}}}}})
	require.NoError(t, err)
	group, topic := []byte("G"), []byte("T")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if sub, found := table.Subscription(group, topic); sub == nil || !found.Group {
			t.Fatal("lost")
		}
	}))
}
