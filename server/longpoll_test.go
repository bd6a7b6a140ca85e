package server

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/server/clients"
	"ringmq/server/hold"
)

// How long, and how often, a test looks for what a broker tells nobody.
const (
	waitLong = 20 * time.Second
	waitStep = 5 * time.Millisecond
)

// settings are the ways in which a broker can be run that lead a message along another path.
func settings(t *testing.T, run func(t *testing.T, b *testBroker)) {
	for _, ringIO := range []string{"off", "auto"} {
		for _, flush := range []string{"ASYNC_FLUSH", "SYNC_FLUSH"} {
			t.Run(ringIO+"/"+flush, func(t *testing.T) {
				b := startBroker(t, ringIO, map[string]string{"flushDiskType": flush})
				run(t, b)
				require.Empty(t, b.errors.lines())
			})
		}
	}
}

func sendRequest(topic string, queue int, properties, body string) *said {
	return &said{Conn: "producer", Code: 310, Body: body, Ext: map[string]string{
		"a": "PG", "b": topic, "c": "TBW102", "d": "4", "e": strconv.Itoa(queue), "f": "0", "g": "1700000000000",
		"h": "0", "i": properties, "j": "0", "k": "false", "m": "false",
	}}
}

// pullRequestOf is a pull that brings its tag expression, and may be held for some milliseconds.
func pullRequestOf(conn, topic string, queue, offset int, tags string, holdMillis int) *said {
	flag := "4"
	if holdMillis > 0 {
		flag = "6"
	}
	return &said{Conn: conn, Code: 11, Ext: map[string]string{
		"consumerGroup": "CG", "topic": topic, "queueId": strconv.Itoa(queue), "queueOffset": strconv.Itoa(offset),
		"maxMsgNums": "32", "sysFlag": flag, "commitOffset": "0", "suspendTimeoutMillis": strconv.Itoa(holdMillis),
		"subVersion": "0", "subscription": tags, "expressionType": "TAG",
	}}
}

func TestAHeldPullGetsTheMessageItWaitsFor(t *testing.T) {
	settings(t, func(t *testing.T, b *testBroker) {
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		defer k.close()
		require.Contains(t, k.ask(sendRequest("T", 0, "", "first"))[0], `< 0 `)

		const consumers = 20
		for i := range consumers {
			k.say(pullRequestOf(fmt.Sprint("consumer", i), "T", 0, 1, "*", 60_000))
		}
		k.say(pullRequestOf("other queue", "T", 1, 0, "*", 60_000))
		k.say(pullRequestOf("other tag", "T", 0, 1, "TagB", 60_000))
		b.awaitHeld(t, consumers+2)

		require.Contains(t, k.ask(sendRequest("T", 0, "TAGS\x01TagA", "second"))[0], `"queueOffset":"1"`)
		for i := range consumers {
			h, body := k.read(k.conn(fmt.Sprint("consumer", i)))
			require.Equal(t, `0 "FOUND" {"maxOffset":"2","minOffset":"0","nextBeginOffset":"2","suggestWhichBrokerId":"0"}`, h.String())
			require.NotEmpty(t, body)
		}
		b.awaitHeld(t, 2)
		require.Contains(t, k.ask(sendRequest("T", 0, "TAGS\x01TagB", "third"))[0], `"queueOffset":"2"`)
		h, _ := k.read(k.conn("other tag"))
		require.Equal(t, `0 "FOUND" {"maxOffset":"3","minOffset":"0","nextBeginOffset":"3","suggestWhichBrokerId":"0"}`, h.String())
		b.awaitHeld(t, 1)
	})
}

func TestAHeldPullIsAnsweredWhenItsTimeIsUp(t *testing.T) {
	settings(t, func(t *testing.T, b *testBroker) {
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		defer k.close()
		require.Contains(t, k.ask(sendRequest("T", 0, "", "first"))[0], `< 0 `)
		lines := k.ask(pullRequestOf("consumer", "T", 0, 1, "*", 1))
		require.Equal(t, []string{`< 19 "OFFSET_OVERFLOW_ONE" {"maxOffset":"1","minOffset":"0","nextBeginOffset":"1","suggestWhichBrokerId":"0"}`}, lines)
	})
}

// TestPullsOnHoldAreBounded: a client says itself how long its pulls are to be held.
func TestPullsOnHoldAreBounded(t *testing.T) {
	settings(t, func(t *testing.T, b *testBroker) {
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		defer k.close()
		require.Contains(t, k.ask(sendRequest("T", 0, "", "first"))[0], `< 0 `)
		k.say(pullRequestOf("leaves", "T", 0, 1, "A||B", math.MaxInt32))
		b.awaitHeld(t, 1)
		k.conn("leaves").Close()
		at := time.Now().UnixMilli()
		require.Eventually(t, func() bool {
			at += hold.RecheckMillis
			b.hold.Scan(at)
			return b.hold.Held() == 0
		}, waitLong, waitStep)

		all := hold.Waiter{Queue: b.store.Queue([]byte("T"), 1), DeadlineMillis: math.MaxInt64, Bytes: hold.MaxBytes}
		require.True(t, b.hold.Add(all, at))
		require.Contains(t, k.ask(pullRequestOf("late", "T", 0, 1, "*", 60_000))[0], `< 2 "[OVERLOAD]`)

		tags := strings.Repeat("t||", clients.MaxTags+1)
		require.Contains(t, k.ask(pullRequestOf("late", "T", 0, 1, tags, 0))[0], "parse the consumer's subscription failed")
		require.Contains(t, k.ask(pullRequestOf("late", "T", 0, 0, tags[:3*clients.MaxTags], 0))[0], `"NO_MATCHED_MESSAGE"`)
	})
}

// TestPipelinedSendsAreAllAnswered sends more than fits into one turn and looks at every answer.
func TestPipelinedSendsAreAllAnswered(t *testing.T) {
	settings(t, func(t *testing.T, b *testBroker) {
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		defer k.close()
		k.ask(sendRequest("T", 0, "", "the topic comes into being"))

		const n = 2000
		go func() {
			c := k.conn("producer")
			for i := range n {
				properties := "KEYS\x01k"
				if i%3 == 0 {
					properties = "WAIT\x01false"
				}
				k.sayOn(c, sendRequest("T", i%4, properties, fmt.Sprint("message ", i)))
			}
		}()
		next := map[string]int{"0": 1}
		seen := map[int]bool{}
		for range n {
			h, _ := k.read(k.conn("producer"))
			require.Zero(t, h.Code, h.Remark)
			require.False(t, seen[h.Opaque], "answered twice")
			seen[h.Opaque] = true
			next[h.ExtFields["queueId"]]++
		}
		for id := range 4 {
			require.Contains(t, k.ask(&said{Conn: "other", Code: 30, Ext: map[string]string{"topic": "T", "queueId": strconv.Itoa(id)}})[0],
				strconv.Itoa(next[strconv.Itoa(id)]))
		}
	})
}

// awaitHeld returns when n pulls are on hold. The broker tells nobody, so it is asked.
func (b *testBroker) awaitHeld(t *testing.T, n int64) {
	require.Eventually(t, func() bool { return b.hold.Held() == n }, waitLong, waitStep, "pulls on hold")
}
