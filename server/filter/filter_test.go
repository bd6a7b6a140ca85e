package filter

import (
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
	"ringmq/internal/wire"
)

func TestBloom(t *testing.T) {
	f := func(errorPercent, filters, hashes, bits int) {
		t.Helper()
		b, err := NewBloom(errorPercent, filters)
		require.NoError(t, err)
		require.Equal(t, Bloom{hashes, bits}, b)
	}
	f(20, 32, 3, 112) // the defaults
	f(20, 64, 3, 216)
	f(1, 1, 7, 16)
	f(99, 1, 1, 8)
	for _, bad := range [][2]int{{0, 32}, {100, 32}, {20, 0}, {20, 1 << 30}} {
		_, err := NewBloom(bad[0], bad[1])
		require.ErrorContains(t, err, "is not from 1 to")
	}
	b, err := NewBloom(20, 32)
	require.NoError(t, err)
	require.Equal(t, &bloomData{112, []int{36, 20, 4}}, b.of("CG", "TopicA"))
}

// record is a message's, with properties written "a=5 b=x".
func record(t *testing.T, text string) []byte {
	r := message.Record{Topic: []byte("T"), BornHost: netip.MustParseAddrPort("1.2.3.4:5"), StoreHost: netip.MustParseAddrPort("1.2.3.4:6")}
	var p message.Properties
	for _, pair := range strings.Fields(text) {
		name, value, _ := strings.Cut(pair, "=")
		p = p.Append(name, value)
	}
	r.Properties = p
	return r.Append(nil)
}

func TestMatch(t *testing.T) {
	m, err := Compile(wire.ExpressionSQL92, "a > 5")
	require.NoError(t, err)
	require.True(t, m(record(t, "b=x a=6")))
	require.False(t, m(record(t, "b=x a=5")))
	require.False(t, m(record(t, "")))
	require.False(t, m([]byte("no record")))
	r := record(t, "b=x a=6")
	require.Zero(t, testing.AllocsPerRun(100, func() { m(r) }))
	_, err = Compile("XPATH", "a > 5")
	require.ErrorContains(t, err, `no expressions of type "XPATH"`)
}

func open(t *testing.T, path string, now time.Time) *Table {
	t.Helper()
	bloom, err := NewBloom(20, 32)
	require.NoError(t, err)
	table, err := Open(Options{Path: path, Bloom: bloom, Keep: func() time.Duration { return 24 * time.Hour }, Now: now, Log: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	return table
}

// script runs one step a line against a table; the outcome stands after "=>".
//
//	register GROUP TOPIC@VERSION[/TYPE] EXPRESSION; …   outcome: the error
//	after DURATION
//	sweep GROUP …                                       the groups that are online
//	save, load                                          load opens the file again
//	all                                                 outcome: GROUP/TOPIC@VERSION EXPRESSION [dead since SECOND]; …
type script struct {
	t     *testing.T
	path  string
	table *Table
	now   time.Time
}

func (s *script) step(line string) string {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "register":
		group, list, _ := strings.Cut(rest, " ")
		var subs []wire.SubscriptionData
		for sub := range strings.SplitSeq(list, ";") {
			what, expression, _ := strings.Cut(strings.TrimSpace(sub), " ")
			topic, version, _ := strings.Cut(what, "@")
			version, kind, typed := strings.Cut(version, "/")
			if !typed {
				kind = wire.ExpressionSQL92
			}
			n, err := strconv.ParseInt(version, 10, 64)
			require.NoError(s.t, err)
			subs = append(subs, wire.SubscriptionData{Topic: topic, SubVersion: n, ExpressionType: kind, SubString: strings.TrimSpace(expression)})
		}
		if err := s.table.Register(group, subs, s.now); err != nil {
			return err.Error()
		}
	case "after":
		d, err := time.ParseDuration(rest)
		require.NoError(s.t, err)
		s.now = s.now.Add(d)
	case "sweep":
		s.table.Sweep(s.now, func(group string) bool { return slices.Contains(strings.Fields(rest), group) })
	case "save":
		require.NoError(s.t, s.table.SaveIfMarked())
	case "load":
		s.table = open(s.t, s.path, s.now)
	case "all":
		return s.all()
	default:
		s.t.Fatalf("%q?", line)
	}
	return ""
}

func (s *script) all() string {
	var all []string
	count, bytes := 0, 0
	for group, filters := range s.table.groups.All() {
		require.NotEmpty(s.t, filters)
		require.True(s.t, s.table.Has([]byte(group)))
		for topic, f := range filters {
			line := fmt.Sprintf("%s/%s@%d %s", group, topic, f.Version, f.Expression)
			if f.Dead() {
				line += fmt.Sprintf(" dead since %d", f.Died/1000)
			}
			all = append(all, line)
			count++
			bytes += len(f.Expression)
			require.Same(s.t, f, s.table.Find([]byte(group), []byte(topic)))
		}
	}
	require.Equal(s.t, s.table.count, count)
	require.Equal(s.t, s.table.bytes, bytes)
	slices.Sort(all)
	return strings.Join(all, "; ")
}

func TestScript(t *testing.T) {
	text, err := os.ReadFile("testdata/filters.txt")
	require.NoError(t, err)
	steps := 0
	for story := range strings.SplitSeq(string(text), "# ") {
		name, lines, _ := strings.Cut(story, "\n")
		if name == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "consumerFilter.json")
			s := &script{t: t, path: path, now: time.Unix(1000, 0)}
			s.table = open(t, path, s.now)
			for line := range strings.Lines(lines) {
				if line = strings.TrimSpace(line); line == "" {
					continue
				}
				step, want, _ := strings.Cut(line, "=>")
				require.Equal(t, strings.TrimSpace(want), s.step(strings.TrimSpace(step)), line)
				steps++
			}
		})
	}
	require.Greater(t, steps, 40)
}

// TestJavaFile: what Java wrote is read, and written again as it was but for the filters that die by it.
func TestJavaFile(t *testing.T) {
	want, err := os.ReadFile("testdata/consumerFilter.json")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "consumerFilter.json")
	require.NoError(t, os.WriteFile(path, want, 0o600))
	table := open(t, path, time.UnixMilli(1<<41))
	f := table.Find([]byte("CG"), []byte("T"))
	require.Equal(t, "a > 6", f.Expression)
	require.True(t, f.Dead())
	require.True(t, f.Match(record(t, "a=7")))
	require.NoError(t, table.SaveIfMarked())
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestForeignFiles(t *testing.T) {
	now := time.UnixMilli(5_000_000)
	f := func(text string, want string) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "consumerFilter.json")
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		s := &script{t: t, table: open(t, path, now)}
		require.Equal(t, want, s.all())
	}
	one := func(bloom, more string) string {
		return `{"filterDataByTopic":{"T":{"groupFilterData":{"CG":{"bloomFilterData":` + bloom + `,"clientVersion":7,"expressionType":"SQL92",` + more + `}}},"U":null,"V":{"groupFilterData":{"G":null}}}}`
	}
	const ours = `{"bitNum":112,"bitPos":[36,20,4]}`
	f(`{}`, "")
	f(`{"filterDataByTopic":{}}`, "")
	f(one(ours, `"bornTime":1000,"deadTime":2000,"expression":"a > 5"`), "CG/T@7 a > 5 dead since 2")
	f(one(ours, `"bornTime":1000,"deadTime":0,"expression":"a > 5"`), "CG/T@7 a > 5 dead since 4970")
	f(one(ours, `"bornTime":4999000,"deadTime":0,"expression":"a > 5"`), "CG/T@7 a > 5 dead since 4999")
	f(one(ours, `"bornTime":1000,"deadTime":0,"expression":"a >"`), "CG/T@7 a > dead since 4970")
	f(one(`{"bitNum":216,"bitPos":[36,20,4]}`, `"expression":"a > 5"`), "")
	f(one(`{"bitNum":112,"bitPos":[36]}`, `"expression":"a > 5"`), "")
	f(one(`null`, `"expression":"a > 5"`), "")
}

func TestRetried(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "f.json"), time.Unix(0, 0))
	require.False(t, table.Has([]byte("CG")))
	require.NoError(t, table.Register("CG", []wire.SubscriptionData{{Topic: "T", SubString: "a > 5", ExpressionType: wire.ExpressionSQL92}}, time.Unix(1, 0)))
	match := table.Retried("CG")
	require.True(t, match(record(t, "RETRY_TOPIC=T a=6")))
	require.False(t, match(record(t, "RETRY_TOPIC=T a=5")))
	require.True(t, match(record(t, "RETRY_TOPIC=U a=5")))
	require.True(t, match(record(t, "a=5")))
	require.False(t, match(nil))
}

func TestBoundsMakeRoomByTheDead(t *testing.T) {
	table := open(t, filepath.Join(t.TempDir(), "f.json"), time.Unix(0, 0))
	text := strings.Repeat(" ", 60<<10) + "a > 5"
	sub := []wire.SubscriptionData{{Topic: "T", SubString: text, ExpressionType: wire.ExpressionSQL92, SubVersion: 1}}
	most := maxBytes / len(text)
	for i := range most {
		require.NoError(t, table.Register(fmt.Sprint("g", i), sub, time.Unix(1, 0)))
	}
	require.ErrorContains(t, table.Register("more", sub, time.Unix(1, 0)), "not registered: the broker has")
	require.Nil(t, table.Find([]byte("more"), []byte("T")))
	require.NoError(t, table.Register("g0", sub, time.Unix(2, 0)), "what is there may stay")
	table.Sweep(time.Unix(3, 0), func(group string) bool { return group != "g1" })
	require.NoError(t, table.Register("more", sub, time.Unix(4, 0)))
	require.Nil(t, table.Find([]byte("g1"), []byte("T")))
	require.NotNil(t, table.Find([]byte("more"), []byte("T")))
}

func TestTheUsualHeartbeatChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f.json")
	table := open(t, path, time.Unix(0, 0))
	sub := []wire.SubscriptionData{{Topic: "T", SubString: "a > 5", ExpressionType: wire.ExpressionSQL92, SubVersion: 1}}
	require.NoError(t, table.Register("CG", sub, time.Unix(1, 0)))
	require.NoError(t, table.SaveIfMarked())
	require.NoError(t, os.Remove(path))
	before := table.Find([]byte("CG"), []byte("T"))
	require.NoError(t, table.Register("CG", sub, time.Unix(2, 0)))
	require.Same(t, before, table.Find([]byte("CG"), []byte("T")))
	require.NoError(t, table.SaveIfMarked())
	require.NoFileExists(t, path)
}

func TestCache(t *testing.T) {
	var c Cache
	kind := []byte(wire.ExpressionSQL92)
	expression := []byte("a > 5")
	m := c.Match(kind, expression)
	require.True(t, m(record(t, "a=6")))
	require.Nil(t, c.Match(kind, []byte("a >")))
	require.Nil(t, c.Match([]byte("XPATH"), expression))
	require.Zero(t, testing.AllocsPerRun(100, func() { c.Match(kind, expression) }))
	for i := range 3 * maxCached {
		require.NotNil(t, c.Match(kind, fmt.Appendf(nil, "a > %d", i)))
		require.LessOrEqual(t, len(c.sql), maxCached)
	}
	long := strings.Repeat(" ", 60<<10)
	for i := range 40 {
		require.NotNil(t, c.Match(kind, fmt.Appendf(nil, "a > %d%s", i, long)))
		require.LessOrEqual(t, c.size, maxCachedBytes)
	}
}

func FuzzFile(f *testing.F) {
	seed, err := os.ReadFile("testdata/consumerFilter.json")
	require.NoError(f, err)
	f.Add(seed)
	path := filepath.Join(f.TempDir(), "none.json")
	f.Fuzz(func(t *testing.T, data []byte) {
		table, again := open(t, path, time.Unix(0, 0)), open(t, path, time.Unix(0, 0))
		if table.decode(data) != nil {
			return
		}
		text, err := table.encode()
		require.NoError(t, err)
		require.NoError(t, again.decode(text), string(text))
		require.Equal(t, table.count, again.count)
	})
}
