package server

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/invariant"
	"ringmq/internal/wire"
)

// filtering starts a broker that filters by properties.
func filtering(t *testing.T, ringIO, flush string) *testBroker {
	return startBroker(t, ringIO, map[string]string{"flushDiskType": flush, "enablePropertyFilter": "true"})
}

// sqlPull is pullRequestOf with an expression.
func sqlPull(conn string, offset int, expression string, holdMillis int) *said {
	req := pullRequestOf(conn, "T", 0, offset, expression, holdMillis)
	req.Ext["expressionType"] = wire.ExpressionSQL92
	return req
}

// sqlHeartbeat subscribes CG to topic T by an expression.
func sqlHeartbeat(conn string, version int, expression string) *said {
	return &said{Conn: conn, Code: 34, Body: fmt.Sprintf(`{"clientID":%q,"consumerDataSet":[{"consumeFromWhere":"CONSUME_FROM_LAST_OFFSET",
		"consumeType":"CONSUME_PASSIVELY","groupName":"CG","messageModel":"CLUSTERING","subscriptionDataSet":[
		{"expressionType":"SQL92","subString":%q,"subVersion":%d,"topic":"T"}]}]}`, conn, expression, version)}
}

// TestAHeldPullSleepsThroughWhatItsExpressionRefuses: it neither wakes for such a message nor misses its own.
func TestAHeldPullSleepsThroughWhatItsExpressionRefuses(t *testing.T) {
	for _, ringIO := range []string{"off", "auto"} {
		for _, flush := range []string{"ASYNC_FLUSH", "SYNC_FLUSH"} {
			t.Run(ringIO+"/"+flush, func(t *testing.T) {
				b := filtering(t, ringIO, flush)
				k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
				defer k.close()
				require.Contains(t, k.ask(sendRequest("T", 0, "", "first"))[0], `< 0 `)
				require.Equal(t, []string{`< 0 "" -`}, k.ask(sqlHeartbeat("of the group", 1, "a > 7")))

				for i := range 10 {
					k.say(sqlPull(fmt.Sprint("sql", i), 1, "a > 5", 60_000))
				}
				group := pullRequestOf("of the group", "T", 0, 1, "", 60_000)
				group.Ext["sysFlag"], group.Ext["subVersion"] = "2", "1"
				k.say(group)
				k.say(pullRequestOf("tags", "T", 0, 1, "TagB", 60_000))
				b.awaitHeld(t, 12)

				require.Contains(t, k.ask(sendRequest("T", 0, "a\x015\x02", "refused by all"))[0], `"queueOffset":"1"`)
				require.EqualValues(t, 12, b.hold.Held())
				require.Contains(t, k.ask(sendRequest("T", 0, "a\x016\x02", "wanted by some"))[0], `"queueOffset":"2"`)
				for i := range 10 {
					h, _ := k.read(k.conn(fmt.Sprint("sql", i)))
					require.Equal(t, `0 "FOUND" {"maxOffset":"3","minOffset":"0","nextBeginOffset":"3","suggestWhichBrokerId":"0"}`, h.String())
				}
				b.awaitHeld(t, 2)
				require.Contains(t, k.ask(sendRequest("T", 0, "a\x018\x02", "wanted by the group"))[0], `"queueOffset":"3"`)
				h, _ := k.read(k.conn("of the group"))
				require.Equal(t, `0 "FOUND" {"maxOffset":"4","minOffset":"0","nextBeginOffset":"4","suggestWhichBrokerId":"0"}`, h.String())
				b.awaitHeld(t, 1)
				require.Contains(t, k.ask(sendRequest("T", 0, "TAGS\x01TagB", "wanted by its tag"))[0], `"queueOffset":"4"`)
				k.read(k.conn("tags"))
				require.Zero(t, b.hold.Held())
				require.Empty(t, b.errors.lines())
			})
		}
	}
}

// TestFiltersOutliveTheBroker: what a heartbeat brought is in consumerFilter.json after a stop, and used after the next start.
func TestFiltersOutliveTheBroker(t *testing.T) {
	dir := t.TempDir()
	flags := map[string]string{"enablePropertyFilter": "true"}
	b := newBroker(t, "off", dir, flags)
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	k.ask(sqlHeartbeat("c", 7, "a > 5"))
	k.close()
	b.stop(t)()
	text, err := os.ReadFile(filepath.Join(dir, "store", "config", "consumerFilter.json"))
	require.NoError(t, err)
	require.Contains(t, string(text), `"expression":"a > 5"`)

	b = newBroker(t, "off", dir, flags)
	defer b.stop(t)()
	f := b.filters.Find([]byte("CG"), []byte("T"))
	require.EqualValues(t, 7, f.Version)
	require.True(t, f.Dead())
	k = &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	k.ask(sqlHeartbeat("c", 7, "a > 5"))
	require.False(t, b.filters.Find([]byte("CG"), []byte("T")).Dead())
	b.saveFilters(b.clock.Now())
	require.False(t, b.filters.Find([]byte("CG"), []byte("T")).Dead(), "the group is there")
	k.ask(&said{Conn: "c", Code: 35, Ext: map[string]string{"clientID": "c", "consumerGroup": "CG"}})
	b.saveFilters(b.clock.Now())
	require.True(t, b.filters.Find([]byte("CG"), []byte("T")).Dead(), "the group has left")
}

// TestPullsBySQLDoNotAllocatePerMessage: neither what they take nor what they refuse.
func TestPullsBySQLDoNotAllocatePerMessage(t *testing.T) {
	if invariant.Race {
		t.Skip("sync.Pool drops results at random under the race detector")
	}
	b := filtering(t, "off", "ASYNC_FLUSH")
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	for i := range 64 {
		k.ask(sendRequest("T", 0, fmt.Sprintf("a\x01%d\x02b\x01%s\x02", i, strings.Repeat("x", 10)), "body"))
	}
	match := b.compiled.Match([]byte(wire.ExpressionSQL92), []byte("a >= 32 AND b IS NOT NULL"))
	req := engine.GetRequest{Queue: b.store.Queue([]byte("T"), 0), MaxMsgs: 64, Match: match}
	var found int
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		res := engine.NewGetResult()
		b.store.Get(&req, res)
		found = res.Count
		res.Release()
	}), 1.0, "the machine of one evaluation, when the pool was emptied")
	require.Equal(t, 32, found)
}

// TestBitmaps: with the ext files a group gets the same messages as without them, of before and after a stop, and what
// the bitmap refuses is not read. Delayed messages wait for their time.
func TestBitmaps(t *testing.T) {
	dir := t.TempDir()
	flags := map[string]string{
		"enablePropertyFilter": "true", "enableCalcFilterBitMap": "true", "enableConsumeQueueExt": "true",
		"mappedFileSizeConsumeQueueExt": "4096",
	}
	group := func(offset int) *said {
		req := pullRequestOf("c", "T", 0, offset, "", 0)
		req.Ext["sysFlag"], req.Ext["subVersion"] = "0", "1"
		return req
	}
	var b *testBroker
	var k *talk
	start := func() {
		b = newBroker(t, "off", dir, flags)
		k = &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		require.Equal(t, []string{`< 0 "" -`}, k.ask(sqlHeartbeat("c", 1, "a > 5")))
	}
	stop := func() {
		k.close()
		b.stop(t)()
	}
	look := func(want string) {
		t.Helper()
		k.say(group(0))
		h, _ := k.read(k.conn("c"))
		require.Equal(t, want, h.String())
	}
	start()
	before := b.clock.Now()
	for b.clock.Now().Sub(before) < 2e6 { // stored later than the filter was born, in ms
	}
	for i := range 10 {
		k.ask(sendRequest("T", 0, fmt.Sprintf("a\x01%d\x02", i), "body"))
	}
	k.ask(sendRequest("T", 0, "a\x019\x02DELAY\x011\x02", "later"))
	look(`0 "FOUND" {"maxOffset":"10","minOffset":"0","nextBeginOffset":"10","suggestWhichBrokerId":"0"}`)
	read := 0
	match := func([]byte) bool { read++; return true }
	filter := b.filters.Find([]byte("CG"), []byte("T"))
	res := engine.NewGetResult()
	b.store.Get(&engine.GetRequest{Queue: b.store.Queue([]byte("T"), 0), MaxMsgs: 32, Match: match, Unit: filter.MayWant}, res)
	require.Equal(t, 4, res.Count)
	require.Equal(t, 4, read)
	res.Release()
	stop()
	start()
	defer stop()
	k.ask(sendRequest("T", 0, "a\x0150\x02", "wanted"))
	res = engine.NewGetResult()
	defer res.Release()
	filter = b.filters.Find([]byte("CG"), []byte("T"))
	b.store.Get(&engine.GetRequest{Queue: b.store.Queue([]byte("T"), 0), MaxMsgs: 32, Match: filter.Match, Unit: filter.MayWant}, res)
	require.GreaterOrEqual(t, res.Count, 5, "and the delayed one, if it is time")
	require.Empty(t, b.errors.lines())
}
