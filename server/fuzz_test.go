package server

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/internal/client"
	"ringmq/internal/wire"
)

// anyFields is a header made of "key=value" lines.
type anyFields []byte

// AppendExt implements [wire.Header].
func (f anyFields) AppendExt(w wire.ExtWriter) wire.ExtWriter {
	for line := range bytes.SplitSeq(f, []byte("\n")) {
		key, value, _ := bytes.Cut(line, []byte("="))
		w.Bytes(string(key), value)
	}
	return w
}

// everyField has a value for every field of every request.
const everyField = `topic=T
consumerGroup=G
producerGroup=P
group=G
groupName=G
srcGroup=G
destGroup=H
compareGroup=G
filterGroups=A,B
clientID=c
clientId=c
clientAddr=c
queueId=0
queueOffset=0
offset=0
commitOffset=1
timestamp=-1
isForce=true
isOrder=false
index=0
count=10
maxMsgNums=32
maxNum=32
key=k
beginTimestamp=0
endTimestamp=9999999999999
sysFlag=0
flag=0
bornTimestamp=1
suspendTimeoutMillis=0
subVersion=0
subscription=*
expressionType=TAG
defaultTopic=TBW102
defaultTopicQueueNums=4
readQueueNums=1
writeQueueNums=1
perm=6
topicFilterType=SINGLE_TAG
order=false
msgId=7F00000100002A9F0000000000000000
statsName=TOPIC_PUT_NUMS
statsKey=T
delayLevel=0
originMsgId=x
removeOffset=true
a=P
b=T
c=TBW102
d=4
e=0
f=0
g=1
h=0
i=KEYS` + "\x01k\x02TAGS\x01t" + `
j=0
k=false
m=false`

// FuzzRequests sends any request to a running broker: it is answered or not, but nothing panics, neither on
// a loop, which would end this process, nor on a worker, which would be logged, and others are served.
func FuzzRequests(f *testing.F) {
	bodies := []string{
		"", "{}", "hello", "brokerPermission=6\n",
		`{"clientID":"c","consumerDataSet":[{"groupName":"G","consumeType":"CONSUME_PASSIVELY","subscriptionDataSet":[{"topic":"T","subString":"*"}]}],"producerDataSet":[{"groupName":"P"}]}`,
		`{"clientId":"c","consumerGroup":"G","mqSet":[{"brokerName":"broker-a","queueId":0,"topic":"T"}]}`,
		`{"groupName":"G","retryQueueNums":1}`,
		"\x00\x00\x00\x1a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05hello\x00\x00",
	}
	for _, row := range wire.Rows() {
		if row.Server&wire.Broker == 0 {
			continue
		}
		for _, body := range bodies {
			f.Add(int16(row.Code), byte(0), []byte(everyField), []byte(body))
		}
		f.Add(int16(row.Code), byte(1), []byte(strings.ReplaceAll(everyField, "=0", "=-2147483649")), []byte(nil))
		f.Add(int16(row.Code), byte(1), []byte(strings.ReplaceAll(everyField, "=T", "=a/../x")), []byte(bodies[4]))
		f.Add(int16(row.Code), byte(2), []byte(nil), []byte(nil))
	}
	b := startBroker(f, "off", nil)
	other := dial(f, b.Addr().String())
	conns := map[wire.Serialize]*client.Client{}
	f.Cleanup(func() {
		for _, c := range conns {
			_ = c.Close() // over with the broker
		}
	})
	f.Fuzz(func(t *testing.T, code int16, how byte, fields, body []byte) {
		s := wire.Serialize(how & 1)
		c := conns[s]
		if c == nil || c.Err() != nil {
			var err error
			c, err = client.Dial(context.Background(), b.Addr().String(), client.Options{Serialize: s})
			require.NoError(t, err)
			conns[s] = c
		}
		var h wire.Header
		if how&2 == 0 {
			h = anyFields(fields)
		}
		// Some requests wait for a client that does not answer here, or for messages.
		ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
		defer cancel()
		_, _ = c.Call(ctx, wire.Code(code), h, body) // any answer will do, and none
		require.Empty(t, b.errors.lines())
		probe, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := other.Call(probe, wire.CodeGetMaxOffset, &wire.GetMaxOffsetRequest{Topic: "T"}, nil)
		require.NoError(t, err)
		_, err = other.Call(probe, wire.CodeGetAllTopicConfig, nil, nil) // on a worker
		require.NoError(t, err)
	})
}
