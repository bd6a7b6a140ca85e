package route

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ringmq/internal/wire"
)

// Whatever is done in whatever order, the tables keep the rule of the package comment.
func TestAnyOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSession(DefaultLimits)
		for range rapid.IntRange(1, 60).Draw(rt, "steps") {
			line := drawLine(rt)
			s.run(t, line)
			s.check(t, line)
		}
	})
}

func drawLine(rt *rapid.T) string {
	one := func(of ...string) string { return rapid.SampledFrom(of).Draw(rt, "choice") }
	broker := one("a", "b", "c")
	addr := one("h:1", "h:2", "h:3", "h:4")
	id := one("0", "0", "1", "2")
	link := one("L1", "L2", "L3")
	switch one("register", "register", "register", "unregister", "gone", "expire", "delete", "perm") {
	case "unregister":
		return fmt.Sprintf("unregister %s %s %s", broker, addr, id)
	case "gone":
		return "gone " + link
	case "expire":
		return one("advance 50s", "expire")
	case "delete":
		return one("delete T1", "delete T2 x", "delete T1 y")
	case "perm":
		return one("wipe a", "add b")
	}
	return fmt.Sprintf("register %s addr=%s id=%s cluster=%s v=%s link=%s topics=%s filters=%s", broker, addr, id, one("x", "y"),
		one("1", "2"), link, one("T1", "T1,T2", "T1:2:2,T3"), one("none", "h:9"))
}

func TestLimits(t *testing.T) {
	s := newSession(Limits{Brokers: 2, Topics: 3, Queues: 4, Filters: 1})
	for _, c := range []struct{ line, want string }{
		{"register a addr=h:1 v=1 topics=T1,T2,T3", "ok"},
		{"register a addr=h:1 v=2 topics=T1,T2,T3", "ok"},
		{"register a addr=h:1 v=3 topics=T1,T4", "error: the name server's tables are full: 3 topics"},
		{"register b addr=h:2 v=1 topics=T1,T2", "error: the name server's tables are full: 4 pairs of topic and broker"},
		{"register b addr=h:2 v=1 topics=T1", "ok"},
		{"register b addr=h:2 v=2 topics=T2:-1", "ok, 1 topics refused, one is \"T2\""},
		{"register c addr=h:3 v=1", "error: the name server's tables are full: 2 broker addresses"},
		{"register b addr=h:2 v=1 filters=h:9,h:8", "error: 2 filter servers; 1 are accepted"},
		{"unregister a h:1 0", "known: true"},
		{"register c addr=h:3 v=1 topics=T4,T5", "ok"},
	} {
		require.Equal(t, []string{c.want}, s.run(t, c.line), c.line)
		s.check(t, c.line)
	}
}

func TestNames(t *testing.T) {
	for name, sane := range map[string]bool{
		"T": true, "%RETRY%group": true, "a.b": true, "Größe": true, strings.Repeat("x", maxNameBytes): true,
		"": false, "a b": false, "a\tb": false, "a\x00b": false, "a\u2028b": false, "\xff": false, strings.Repeat("x", maxNameBytes+1): false,
	} {
		require.Equal(t, sane, saneName(name), "%q", name)
	}
	for addr, sane := range map[string]bool{
		"127.0.0.1:1": true, "broker.example:65535": true, "[::1]:10911": true,
		"": false, ":1": false, "h": false, "h:": false, "h:0": false, "h:65536": false, "h:-1": false, "h h:1": false,
		strings.Repeat("h", maxAddrBytes) + ":1": false,
	} {
		require.Equal(t, sane, saneAddr(addr), "%q", addr)
	}
}

// What a lookup returned is not touched by later changes, nor by those under way.
func TestLookupIsASnapshot(t *testing.T) {
	s := newSession(DefaultLimits)
	s.run(t, "register a addr=h:1 v=1 topics=T:4:4:6 link=A")
	before, _ := s.table.Lookup("T")
	want := slices.Clone(before.QueueDatas)

	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 200 {
			s.run(t, fmt.Sprintf("register a addr=h:1 v=%d topics=T:%d:1:6 link=A", i, i))
			s.run(t, fmt.Sprintf("register b addr=h:2 v=%d topics=T:%d:1:6 filters=h:7 link=B", i, i))
			s.run(t, "wipe a")
			s.run(t, "gone B")
		}
	})
	for range 200 {
		r, found := s.table.Lookup("T")
		require.True(t, found)
		require.Len(t, r.BrokerDatas, len(r.QueueDatas))
		for _, b := range r.BrokerDatas {
			require.Len(t, b.BrokerAddrs, 1)
		}
	}
	wg.Wait()
	require.Equal(t, want, before.QueueDatas)
	require.Equal(t, map[int64]string{0: "h:1"}, before.BrokerDatas[0].BrokerAddrs)
}

// big is a registration of n topics.
func big(broker string, n int) Registration {
	r := Registration{Cluster: "c", Broker: broker, Addr: broker + ":1", Topics: make(map[string]*wire.TopicConfig, n)}
	for i := range n {
		name := fmt.Sprint("topic-", i)
		r.Topics[name] = &wire.TopicConfig{TopicName: name, ReadQueueNums: 8, WriteQueueNums: 8, Perm: 6}
	}
	return r
}

func BenchmarkRegister10000(b *testing.B) {
	for _, known := range []bool{false, true} {
		b.Run(fmt.Sprint("known=", known), func(b *testing.B) {
			r := big("broker-a", 10_000)
			table := newSession(DefaultLimits).table
			for b.Loop() {
				if !known {
					b.StopTimer()
					table = newSession(DefaultLimits).table
					b.StartTimer()
				}
				r.Version.Counter++
				if _, err := table.Register(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLookup(b *testing.B) {
	table := newSession(DefaultLimits).table
	for i := range 4 {
		if _, err := table.Register(big(fmt.Sprint("broker-", i), 10_000)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, found := table.Lookup("topic-5000"); !found {
			b.Fatal("lost")
		}
	}
}
