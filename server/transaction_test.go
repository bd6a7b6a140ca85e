package server

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/message"
)

func halfRequest(key, body string) *said {
	req := sendRequest("T", 0, "TRAN_MSG\x01true\x02PGROUP\x01PG\x02UNIQ_KEY\x01"+key, body)
	req.Ext["g"] = strconv.FormatInt(time.Now().UnixMilli(), 10) // what is older than fileReservedTime is given up
	return req
}

// question waits for request 39 on a connection and returns the request that answers it, and the message it is about.
func (k *talk) question(conn string) *said {
	line := strings.TrimPrefix(k.pushed(conn, 1)[0], "* ")
	require.Contains(k.t, line, `39 "" {`)
	var ext map[string]string
	fields := line[strings.Index(line, "{"):]
	require.NoError(k.t, json.Unmarshal([]byte(fields[:strings.Index(fields, "}")+1]), &ext))
	_, at, err := message.ParseID(ext["offsetMsgId"])
	require.NoError(k.t, err)
	require.Equal(k.t, ext["commitLogOffset"], strconv.FormatInt(int64(at), 10))
	require.Equal(k.t, ext["msgId"], ext["transactionId"])
	return &said{Conn: conn, Code: 37, Ext: map[string]string{
		"producerGroup": "PG", "msgId": ext["msgId"], "fromTransactionCheck": "true", "commitOrRollback": "8",
		"tranStateTableOffset": ext["tranStateTableOffset"], "commitLogOffset": ext["commitLogOffset"],
	}}
}

// A producer that does not end its transaction is asked, on the connection it has by then, and its answer reaches the
// consumer that waits.
func TestAProducerIsAskedAndItsAnswerCounts(t *testing.T) {
	for _, ringIO := range []string{"off", "auto"} {
		for _, flush := range []string{"ASYNC_FLUSH", "SYNC_FLUSH"} {
			t.Run(ringIO+"/"+flush, func(t *testing.T) {
				b := startBroker(t, ringIO, map[string]string{
					"flushDiskType": flush, "transactionCheckInterval": "20", "transactionTimeOut": "1",
				})
				k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
				defer k.close()
				require.Contains(t, k.ask(&said{Conn: "asked", Code: 34,
					Body: `{"clientID":"c1","producerDataSet":[{"groupName":"PG"}],"consumerDataSet":[]}`})[0], `< 0 `)
				require.Contains(t, k.ask(sendRequest("T", 0, "", "before"))[0], `< 0 `)
				k.say(pullRequestOf("consumer", "T", 0, 1, "*", 60_000))

				require.Contains(t, k.ask(halfRequest("K1", "decided late"))[0], `< 0 `)
				answer := k.question("asked")
				require.Equal(t, []string{`< 0 "" -`}, k.ask(answer))
				h, body := k.read(k.conn("consumer"))
				require.Equal(t, `0 "FOUND" {"maxOffset":"2","minOffset":"0","nextBeginOffset":"2","suggestWhichBrokerId":"0"}`, h.String())
				require.NotEmpty(t, body)
				require.Equal(t, []string{`< 0 "" -`}, k.ask(answer), "a second time")

				require.NotNil(t, b.topics.Find("RMQ_SYS_TRANS_HALF_TOPIC"))
				require.EqualValues(t, 2, b.store.MaxOffset([]byte("T"), 0))
				require.Empty(t, b.errors.lines())
			})
		}
	}
}

// What a broker knows of transactions outlives it.
func TestTransactionsOutliveTheBroker(t *testing.T) {
	dir := t.TempDir()
	var end said
	for life := range 3 {
		b := newBroker(t, "auto", dir, nil)
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		if life == 0 {
			lines := k.ask(halfRequest("K1", "kept"))
			require.Contains(t, lines[0], `"queueOffset":"0"`)
			end = said{Conn: "producer", Code: 37, Ext: map[string]string{"producerGroup": "PG", "msgId": "K1",
				"commitOrRollback": "8", "tranStateTableOffset": "0", "commitLogOffset": "0"}}
		} else {
			require.Equal(t, []string{`< 0 "" -`}, k.ask(&end))
			require.EqualValues(t, 1, b.store.MaxOffset([]byte("T"), 0), "life %d", life)
		}
		k.close()
		b.stop(t)()
	}
}

// Half messages of before the checker's first look have a topic without configuration. To clean up does not forget them.
func TestCleaningKeepsTransactions(t *testing.T) {
	b := startBroker(t, "auto", nil)
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(halfRequest("K1", "kept"))[0], `< 0 `)
	require.Nil(t, b.topics.Find("RMQ_SYS_TRANS_HALF_TOPIC"))
	require.Equal(t, []string{`< 0 "" -`}, k.ask(&said{Conn: "admin", Code: 316}))
	require.EqualValues(t, 1, b.store.MaxOffset([]byte("RMQ_SYS_TRANS_HALF_TOPIC"), 0))
}

// A message that was given up comes back with request 323.
func TestResumeAGivenUpMessage(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"transactionCheckInterval": "20", "transactionTimeOut": "1", "transactionCheckMax": "1"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(halfRequest("K1", "unclaimed"))[0], `< 0 `)
	require.Eventually(t, func() bool { return b.store.MaxOffset([]byte("TRANS_CHECK_MAX_TIME_TOPIC"), 0) == 1 }, waitLong, waitStep)
	require.NotNil(t, b.topics.Find("TRANS_CHECK_MAX_TIME_TOPIC"))

	found := b.store.QueryKey([]byte("TRANS_CHECK_MAX_TIME_TOPIC"), []byte("K1"), 1, 0, 1<<62)
	require.Eventually(t, func() bool {
		found = b.store.QueryKey([]byte("TRANS_CHECK_MAX_TIME_TOPIC"), []byte("K1"), 1, 0, 1<<62)
		return len(found.Offsets) == 1
	}, waitLong, waitStep)
	require.Contains(t, k.ask(&said{Conn: "asked", Code: 34,
		Body: `{"clientID":"c1","producerDataSet":[{"groupName":"PG"}],"consumerDataSet":[]}`})[0], `< 0 `)
	id := string(message.AppendID(nil, b.storeHost, found.Offsets[0]))
	require.Equal(t, []string{`< 0 "" -`}, k.ask(&said{Conn: "tool", Code: 323, Ext: map[string]string{"msgId": id}}))
	require.Equal(t, []string{`< 0 "" -`}, k.ask(k.question("asked")))
	require.EqualValues(t, 1, b.store.MaxOffset([]byte("T"), 0))
}
