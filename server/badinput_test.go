package server

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// subscriptions is a heartbeat of one group with so many.
func subscriptions(n int) string {
	var b strings.Builder
	b.WriteString(`{"clientID":"c1","producerDataSet":[],"consumerDataSet":[{"groupName":"CG","subscriptionDataSet":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"topic":"T%d","subString":"*","subVersion":1,"expressionType":"TAG"}`, i)
	}
	b.WriteString(`]}]}`)
	return b.String()
}

// terms is a tag expression, or a SQL92 one, of so many terms.
func terms(n int, term, between string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(term, i)
	}
	return strings.Join(all, between)
}

// What is far too much is refused, or served, at a bounded price, and the broker is as before.
func TestTooMuchOfEverything(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"enablePropertyFilter": "true"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(sendRequest("T", 0, "", "first"))[0], "< 0 ")
	check := func(expression string) *said {
		return &said{Conn: "c", Code: 46, Body: fmt.Sprintf(`{"clientId":"c1","group":"CG","subscriptionData":`+
			`{"topic":"T","subString":%s,"expressionType":"SQL92","subVersion":1}}`, strconv.Quote(expression))}
	}
	end := func(group string, offset, decision string) *said {
		return &said{Conn: "c", Code: 37, Ext: map[string]string{
			"producerGroup": group, "tranStateTableOffset": "0", "commitLogOffset": offset, "commitOrRollback": decision,
			"msgId": "x", "transactionId": "x",
		}}
	}
	back := func(offset, level string) *said {
		return &said{Conn: "c", Code: 36, Ext: map[string]string{"offset": offset, "group": "CG", "delayLevel": level}}
	}
	for _, c := range []struct {
		name string
		req  *said
		want string
	}{
		{"100,000 subscriptions", &said{Conn: "c", Code: 34, Body: subscriptions(100_000)}, `< 1 "group[CG] subscribes to 100000 topics, more than 10000"`},
		{"10,000 subscriptions", &said{Conn: "c", Code: 34, Body: subscriptions(10_000)}, `< 0 `},
		{"10,000 groups", &said{Conn: "c", Code: 34, Body: `{"clientID":"c1","consumerDataSet":[],"producerDataSet":[` +
			terms(10_000, `{"groupName":"G%d"}`, ",") + `]}`}, `< 1 "the heartbeat names 10000 groups, more than 1024"`},
		{"10,000 tags", pullRequestOf("c", "T", 0, 0, terms(10_000, "t%d", " || "), 0), `< 20 "NO_MATCHED_MESSAGE"`},
		{"10,000 SQL terms", check(terms(10_000, "a = %d", " OR ")), `< 23 `},
		{"10,000 nested parentheses", check(strings.Repeat("(", 10_000) + "a = 1" + strings.Repeat(")", 10_000)), `< 23 `},
		{"SQL that does not parse", check("a >"), `< 23 `},
		{"SQL of nothing", check(""), `< 23 `},
		{"a transaction that is none", end("PG", "0", "8"), `< 1 "Find prepared transaction message failed"`},
		{"a transaction nowhere", end("PG", "9223372036854775807", "12"), `< 1 "Find prepared transaction message failed"`},
		{"a transaction before the log", end("PG", "-9223372036854775808", "8"), `< 1 "Find prepared transaction message failed"`},
		{"a message back from nowhere", back("-1", "0"), `< 1 "look message by offset failed, -1"`},
		{"a message back from inside another", back("7", "0"), `< 1 "look message by offset failed, 7"`},
		{"a message back at an absurd level", back("0", "2147483647"), `< 0 `},
		{"a level that is no number", sendRequest("T", 0, "DELAY\x01soon", "x"), `< 1 "the property DELAY is no number"`},
		{"a level beyond an int", sendRequest("T", 0, "DELAY\x0199999999999", "x"), `< 1 "the property DELAY is no number"`},
		{"keys at the limit", sendRequest("T", 0, "KEYS\x01"+terms(3000, "k%d", " "), "x"), `< 0 `},
		{"properties above the limit", sendRequest("T", 0, "a\x01"+strings.Repeat("x", 32_767), "x"), `< 13 `},
		{"10,000 light queues without room", sendRequest("T", 0, "INNER_MULTI_DISPATCH\x01"+terms(3000, "q%d", ","), "x"), `< 0 `},
	} {
		require.Contains(t, strings.Join(k.ask(c.req), "\n"), c.want, c.name)
	}
	require.Empty(t, b.errors.lines())
	// The 10,000 subscriptions are kept, and little else.
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	require.Less(t, m.HeapInuse, uint64(400<<20))
	require.Contains(t, k.ask(sendRequest("T", 0, "", "last"))[0], "< 0 ")
}
