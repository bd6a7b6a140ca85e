package server

import (
	"encoding/binary"
	"encoding/hex"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
	"ringmq/server/delay"
	"ringmq/server/timer"
	"ringmq/server/txn"
)

// A pull that is held gets the message at its moment, not before and at most 50 ms late.
func TestMessagesComeAtTheirTime(t *testing.T) {
	for _, ringIO := range []string{"off", "auto"} {
		for _, flush := range []string{"ASYNC_FLUSH", "SYNC_FLUSH"} {
			t.Run(ringIO+"/"+flush, func(t *testing.T) {
				b := startBroker(t, ringIO, map[string]string{"flushDiskType": flush, "messageDelayLevel": "1s 2s"})
				k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
				defer k.close()
				waits := []struct {
					props string
					ms    int64
				}{
					{"TIMER_DELIVER_MS\x01" + strconv.FormatInt(time.Now().UnixMilli()-5, 10), 0},
					{"TIMER_DELAY_MS\x01130", 130},
					{"TIMER_DELAY_SEC\x011", 1000},
					{"DELAY\x011\x02TIMER_DELAY_SEC\x01100", 1000}, // the level counts
				}
				consumer := func(i int) string { return "consumer" + strconv.Itoa(i) }
				for i := range waits { // a queue and a consumer for each
					require.Contains(t, k.ask(sendRequest("T", i, "", "before"))[0], `< 0 `)
					k.say(pullRequestOf(consumer(i), "T", i, 1, "*", 60_000))
				}
				sent := time.Now().UnixMilli()
				for i, wait := range waits {
					require.Contains(t, k.ask(sendRequest("T", i, wait.props, "x"))[0], `< 0 `)
				}
				for i, wait := range waits {
					_, body := k.read(k.conn(consumer(i)))
					late := time.Now().UnixMilli() - sent - wait.ms
					require.NotEmpty(t, body)
					require.GreaterOrEqual(t, late, int64(0), wait.props)
					if late > 50 {
						t.Logf("%q comes %d ms late", wait.props, late) // what the machine does, no test can forbid
					}
				}
				require.Empty(t, b.errors.lines())
			})
		}
	}
}

func TestTimerMessagesThatAreRefused(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"timerMaxDelaySec": "60"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(sendRequest("T", 0, "TIMER_DELAY_SEC\x0160", "x"))[0], `< 0 `)
	tooFar := `< 13 "timer message illegal, the delay time should not be bigger than the max delay 60000ms; or if set del msg, ` +
		`the delay time should be bigger than the current time"`
	for _, props := range []string{"TIMER_DELAY_SEC\x0161", "TIMER_DELAY_MS\x01soon", "TIMER_DELAY_MS\x015\x02TIMER_DEL_UNIQKEY\x01k"} {
		require.Contains(t, k.ask(sendRequest("T", 0, props, "x"))[0], tooFar)
	}
	waits := `cannot wait for a moment of its own`
	require.Contains(t, k.ask(sendRequest("T", 0, "TRAN_MSG\x01true\x02PGROUP\x01PG\x02TIMER_DELAY_SEC\x015", "x"))[0], waits)
	require.Contains(t, k.ask(batchRequest("T", "TIMER_DELAY_SEC\x015"))[0], waits)
	require.Contains(t, k.ask(batchRequest("T", "TIMER_DELAY_SEC\x015\x02TIMER_OUT_MS\x015"))[0], `< 0 `) // it has waited
	require.Contains(t, k.ask(sendRequest(timer.Topic, 0, "", "x"))[0], `< 16 "Sending message to topic[rmq_sys_wheel_timer] is forbidden."`)
	require.NoError(t, b.replaceConfig(map[string]string{"timerWheelEnable": "false"}))
	require.Contains(t, k.ask(sendRequest("T", 0, "TIMER_DELAY_SEC\x011", "x"))[0], `< 1 "accurate timer message is not enabled, timerWheelEnable is false"`)
}

// messageDelayLevel can be changed while the broker runs (request 25); what is no table changes nothing.
func TestDelayLevelsAreReloaded(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"messageDelayLevel": "1h"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(sendRequest("T", 0, "DELAY\x011", "waits an hour"))[0], `< 0 `)
	change := func(body string) string {
		return k.ask(&said{Conn: "admin", Code: 25, Body: body})[0]
	}
	require.Contains(t, change("messageDelayLevel=1h soon"), `"soon\" is not a number`)
	require.Contains(t, change("messageDelayLevel=1h 1s"), `< 0 `)
	k.say(pullRequestOf("consumer", "T", 0, 0, "*", 60_000))
	sent := time.Now()
	require.Contains(t, k.ask(sendRequest("T", 0, "DELAY\x012", "x"))[0], `< 0 `)
	h, _ := k.read(k.conn("consumer"))
	require.Contains(t, h.String(), `0 "FOUND" {"maxOffset":"1"`)
	require.GreaterOrEqual(t, time.Since(sent), time.Second)
}

// batchRequest is a batch of two messages, the second with properties.
func batchRequest(topic, properties string) *said {
	var body []byte
	for _, p := range []string{"", properties} {
		body = binary.BigEndian.AppendUint32(body, uint32(22+1+len(p)))
		body = append(body, make([]byte, 12)...)
		body = binary.BigEndian.AppendUint32(body, 1)
		body = binary.BigEndian.AppendUint16(append(body, 'x'), uint16(len(p)))
		body = append(body, p...)
	}
	req := sendRequest(topic, 0, "", "")
	req.Code, req.Hex, req.Ext["m"] = 320, hex.EncodeToString(body), "true"
	return req
}

// What waits outlives the broker.
func TestWaitingMessagesOutliveTheBroker(t *testing.T) {
	dir := t.TempDir()
	for life := range 3 {
		b := newBroker(t, "auto", dir, map[string]string{"messageDelayLevel": "1s 2s"})
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		switch life {
		case 0:
			require.Contains(t, k.ask(sendRequest("T", 0, "TIMER_DELAY_MS\x01700", "x"))[0], `< 0 `)
			require.Contains(t, k.ask(sendRequest("T", 0, "DELAY\x011", "x"))[0], `< 0 `)
		case 1:
			k.say(pullRequestOf("consumer", "T", 0, 0, "*", 60_000))
			h, _ := k.read(k.conn("consumer"))
			require.Contains(t, h.String(), `0 "FOUND"`)
		default:
			require.LessOrEqual(t, b.store.MaxOffset([]byte("T"), 0), int64(2), "delivered again")
		}
		k.close()
		b.stop(t)()
	}
}

// What waits is counted in the topic where it waits, and in its own when it comes there: tools ask how much of a broker's
// traffic is delayed, and how much are transactions.
func TestMessagesCountWhereTheyAre(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"messageDelayLevel": "1h"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(sendRequest("T", 0, "", "plain"))[0], `< 0 `)
	answer := k.ask(halfRequest("K1", "half"))[0]
	_, half, err := message.ParseID(regexp.MustCompile(`"msgId":"(\w+)"`).FindStringSubmatch(answer)[1])
	require.NoError(t, err)
	for _, wait := range []string{"DELAY\x011", "TIMER_DELAY_SEC\x013600"} {
		require.Contains(t, k.ask(sendRequest("T", 0, wait, "waits"))[0], `< 0 `)
	}
	count := func(want map[string]int) {
		t.Helper()
		for topic, n := range want {
			require.EqualValues(t, n, b.stats.Topic(topic).Messages(), topic)
		}
	}
	count(map[string]int{"T": 1, txn.HalfTopic: 1, delay.Topic: 1, timer.Topic: 1})
	require.EqualValues(t, 4, b.stats.Broker.Puts.Messages())

	require.Equal(t, []string{`< 0 "" -`}, k.ask(&said{Conn: "producer", Code: 37, Ext: map[string]string{"producerGroup": "PG", "msgId": "K1",
		"commitOrRollback": "8", "tranStateTableOffset": "0", "commitLogOffset": strconv.FormatInt(int64(half), 10)}}))
	require.Contains(t, k.ask(&said{Conn: "consumer", Code: 36, Ext: map[string]string{"offset": "0", "group": "CG", "delayLevel": "1"}})[0], `< 0 `)
	count(map[string]int{"T": 2, txn.HalfTopic: 1, delay.Topic: 2, timer.Topic: 1, "%RETRY%CG": 0})
	require.EqualValues(t, 4, b.stats.Broker.Puts.Messages(), "no producer sent these two")
}
