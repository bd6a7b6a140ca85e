package route

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/clock"
	"ringmq/internal/wire"
)

var rewrite = flag.Bool("rewrite", false, "write the actual results into the scripts")

// The scripts in testdata are lines `command args`, each followed by its result, indented.
// A line that starts with # is a comment. See session.run for the commands.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txt")
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			s := newSession(DefaultLimits)
			var got strings.Builder
			for line := range strings.Lines(string(want)) {
				line = strings.TrimRight(line, "\n")
				if strings.HasPrefix(line, "  ") {
					continue // a former result
				}
				fmt.Fprintln(&got, line)
				if line == "" || strings.HasPrefix(line, "#") {
					continue
				}
				for _, out := range s.run(t, line) {
					fmt.Fprintln(&got, "  "+out)
				}
				s.check(t, line)
			}
			if *rewrite {
				require.NoError(t, os.WriteFile(path, []byte(got.String()), 0o644))
				return
			}
			require.Equal(t, string(want), got.String(), "if this is right: go test -rewrite")
		})
	}
}

// fakeClock stands still until a test moves it.
type fakeClock struct{ now time.Time }

func (c *fakeClock) Now() time.Time                       { return c.now }
func (c *fakeClock) NewTimer(d time.Duration) clock.Timer { return clock.Real{}.NewTimer(d) }

// namedLink is a connection in a script.
type namedLink struct{ name string }

func (*namedLink) Close() {}

// session is a table and what the scripts call things.
type session struct {
	table *Table
	clock *fakeClock
	links map[string]*namedLink
}

func newSession(l Limits) *session {
	c := &fakeClock{time.UnixMilli(1_000_000)}
	return &session{New(c, l), c, make(map[string]*namedLink)}
}

func (s *session) link(name string) Link {
	if name == "" {
		return nil
	}
	if s.links[name] == nil {
		s.links[name] = &namedLink{name}
	}
	return s.links[name]
}

// run executes one line: register, unregister, gone, advance, expire, touch, version, lookup,
// topics, cluster-topics, system, unit, unit-sub, unit-sub-non-unit, delete, wipe, add, dump.
func (s *session) run(t *testing.T, line string) []string {
	words := strings.Fields(line)
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	list := func(l []string) []string { return []string{fmt.Sprint(l)} }
	switch words[0] {
	case "register":
		return s.register(t, words[1:])
	case "unregister": // broker addr id
		id, err := strconv.ParseInt(arg(3), 10, 64)
		require.NoError(t, err)
		return []string{fmt.Sprint("known: ", s.table.Unregister(arg(1), arg(2), id))}
	case "gone": // link
		return list(slices.Sorted(slices.Values(s.table.Gone(s.link(arg(1))))))
	case "advance":
		d, err := time.ParseDuration(arg(1))
		require.NoError(t, err)
		s.clock.now = s.clock.now.Add(d)
		return nil
	case "expire":
		var out []string
		for _, e := range s.table.Expire() {
			out = append(out, fmt.Sprint(e.Addr, " over ", e.Link.(*namedLink).name))
		}
		return slices.Sorted(slices.Values(out))
	case "touch":
		s.table.Touch(arg(1))
		return nil
	case "version":
		v, ok := s.table.Version(arg(1))
		return []string{fmt.Sprintf("%d %v", v.Counter, ok)}
	case "lookup":
		return s.lookup(arg(1))
	case "topics":
		return list(s.table.Topics())
	case "cluster-topics":
		return list(s.table.ClusterTopics(arg(1)))
	case "system":
		names, addr := s.table.SystemTopics()
		return []string{fmt.Sprintf("%v at %q", names, addr)}
	case "unit":
		return list(s.table.UnitTopics())
	case "unit-sub":
		return list(s.table.UnitSubTopics())
	case "unit-sub-non-unit":
		return list(s.table.UnitSubNonUnitTopics())
	case "delete": // topic [cluster]
		s.table.DeleteTopic(arg(1), arg(2))
		return nil
	case "wipe":
		return []string{fmt.Sprint(s.table.WipeWrite(arg(1)))}
	case "add":
		return []string{fmt.Sprint(s.table.AddWrite(arg(1)))}
	case "dump":
		return s.table.Lines()
	}
	require.FailNow(t, "unknown command", line)
	return nil
}

// register BROKER addr=… [id=0] [cluster=c] [ha=…] [v=counter] [topics=T:read:write:perm:flag,…] [filters=a,b|none] [link=…]
func (s *session) register(t *testing.T, words []string) []string {
	r := Registration{Broker: words[0], Cluster: "c", Topics: map[string]*wire.TopicConfig{}}
	for _, w := range words[1:] {
		key, value, _ := strings.Cut(w, "=")
		number := func(s string) int64 {
			n, err := strconv.ParseInt(s, 10, 64)
			require.NoError(t, err)
			return n
		}
		switch key {
		case "addr":
			r.Addr = value
		case "id":
			r.ID = number(value)
		case "cluster":
			r.Cluster = value
		case "ha":
			r.HAAddr = value
		case "v":
			r.Version.Counter = number(value)
		case "link":
			r.Link = s.link(value)
		case "filters":
			r.Filters = []string{}
			if value != "none" {
				r.Filters = strings.Split(value, ",")
			}
		case "topics":
			for _, topic := range strings.Split(value, ",") {
				f := strings.Split(topic, ":")
				f = append(f, []string{"", "4", "4", "6", "0"}[len(f):]...)
				r.Topics[f[0]] = &wire.TopicConfig{
					TopicName: f[0], ReadQueueNums: int32(number(f[1])), WriteQueueNums: int32(number(f[2])),
					Perm: int32(number(f[3])), TopicSysFlag: int32(number(f[4])),
				}
			}
		default:
			require.FailNow(t, "unknown word", w)
		}
	}
	res, err := s.table.Register(r)
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	out := "ok"
	if res.MasterAddr != "" {
		out += fmt.Sprintf(", master %s, HA %s", res.MasterAddr, res.MasterHAAddr)
	}
	if res.Refused > 0 {
		out += fmt.Sprintf(", %d topics refused, one is %q", res.Refused, res.RefusedTopic)
	}
	return []string{out}
}

func (s *session) lookup(topic string) (out []string) {
	r, found := s.table.Lookup(topic)
	if !found {
		return []string{"unknown"}
	}
	for _, q := range r.QueueDatas {
		out = append(out, fmt.Sprintf("%s r%d w%d perm%d flag%d", q.BrokerName, q.ReadQueueNums, q.WriteQueueNums, q.Perm, q.TopicSysFlag))
	}
	for _, b := range r.BrokerDatas {
		out = append(out, fmt.Sprintf("%s in %s %v", b.BrokerName, b.Cluster, b.BrokerAddrs))
	}
	for _, addr := range slices.Sorted(maps.Keys(r.FilterServerTable)) {
		out = append(out, fmt.Sprintf("filters of %s: %v", addr, r.FilterServerTable[addr]))
	}
	return out
}

// check holds the tables against the rule in the package comment.
func (s *session) check(t *testing.T, after string) {
	t.Helper()
	table := s.table
	addrs, filtered, pairs := 0, 0, 0
	for name, b := range table.brokers {
		require.NotEmpty(t, b.members, after)
		require.Equal(t, name, b.data.BrokerName, after)
		require.Len(t, b.data.BrokerAddrs, len(b.members), after)
		_, in := table.clusters[b.data.Cluster][name]
		require.True(t, in, after)
		for id, m := range b.members {
			addrs++
			require.Same(t, m, table.live[m.addr], after)
			require.Same(t, b, m.broker, after)
			require.Equal(t, id, m.id, after)
			require.Equal(t, m.addr, b.data.BrokerAddrs[id], after)
			if m.filters != nil {
				filtered++
			}
		}
	}
	require.Len(t, table.live, addrs, after)
	require.Equal(t, filtered, table.filtered, after)
	names := 0
	for _, set := range table.clusters {
		require.NotEmpty(t, set, after)
		names += len(set)
	}
	require.Len(t, table.brokers, names, after)
	for topic, qs := range table.topics {
		require.NotEmpty(t, qs, topic)
		pairs += len(qs)
		require.True(t, slices.IsSortedFunc(qs, func(a, b wire.QueueData) int { return strings.Compare(a.BrokerName, b.BrokerName) }), topic)
		for _, q := range qs {
			require.Contains(t, table.brokers, q.BrokerName, after)
		}
	}
	require.Equal(t, pairs, table.queues, after)
}
