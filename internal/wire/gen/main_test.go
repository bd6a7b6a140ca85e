package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGenerated fails when the table was changed and go generate was not run.
func TestGenerated(t *testing.T) {
	text, err := os.ReadFile("../protocol.tbl")
	require.NoError(t, err)
	files, err := generate(string(text))
	require.NoError(t, err)
	require.Len(t, files, 5)
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", name))
		require.NoError(t, err)
		require.Equal(t, string(want), string(got), "%s is stale: run go generate ./internal/wire", name)
	}
}

func TestGoName(t *testing.T) {
	for name, want := range map[string]string{
		"GET_ROUTEINFO_BY_TOPIC": "GetRouteinfoByTopic", "VIEW_MESSAGE_BY_ID": "ViewMessageByID", "SEND_MESSAGE_V2": "SendMessageV2",
		"topic": "Topic", "queueId": "QueueID", "clientID": "ClientID", "bodyCrc32": "BodyCrc32", "JAVA": "Java", "a": "A", "broker": "Broker",
	} {
		require.Equal(t, want, goName(name), name)
	}
}

// TestHashOrder: the orders were printed by a JVM from java.util.HashMap.
func TestHashOrder(t *testing.T) {
	for in, want := range map[string]string{
		"topic queueId timestamp":                                     "queueId topic timestamp",
		"msgId queueId queueOffset transactionId MSG_REGION TRACE_ON": "queueId TRACE_ON MSG_REGION msgId queueOffset transactionId",
		"consumerGroup topic queueId queueOffset maxMsgNums sysFlag commitOffset suspendTimeoutMillis subscription subVersion expressionType":                  "queueId maxMsgNums sysFlag suspendTimeoutMillis commitOffset topic queueOffset expressionType subscription subVersion consumerGroup",
		"producerGroup topic defaultTopic defaultTopicQueueNums queueId sysFlag bornTimestamp flag properties reconsumeTimes unitMode maxReconsumeTimes batch": "queueId flag sysFlag reconsumeTimes batch unitMode defaultTopic defaultTopicQueueNums producerGroup maxReconsumeTimes topic bornTimestamp properties",
		"topic defaultTopic readQueueNums writeQueueNums perm topicFilterType topicSysFlag order":                                                              "readQueueNums perm writeQueueNums topicFilterType topic defaultTopic topicSysFlag order",
	} {
		var fields []field
		for _, name := range strings.Fields(in) {
			fields = append(fields, field{wire: name})
		}
		var got []string
		for _, f := range hashOrder(fields, func(f field) string { return f.wire }) {
			got = append(got, f.wire)
		}
		require.Equal(t, want, strings.Join(got, " "))
	}
}

func TestTableErrors(t *testing.T) {
	code := "code 10 A\n\tdoc d\n\tserve broker\n\tright none\n\tsince 4\n"
	_, err := parse(code)
	require.NoError(t, err)
	for text, want := range map[string]string{
		"foo 1 A":                                `line 1: unknown block "foo"`,
		"code x A":                               "line 1: strconv.Atoi",
		"code 1":                                 "line 1: code wants a number and a name",
		"\tdoc x":                                `line 1: "doc" belongs to no block`,
		"header H\n\tfield a what":               "unknown type",
		"header H\n\tfield a":                    "a field is NAME TYPE",
		"header H\n\tserve a":                    `a header has no "serve"`,
		"header H\n\tfield a int\n\tfield a int": "field a stands twice",
		code + code:                              "code 10 is both A and A",
		code + strings.Replace(code, "10", "11", 1): "code A stands twice",
		code + "\tbogus x":                          `a code has no "bogus"`,
		code + "\trequest X":                        `no header "X" above`,
		code + "\tright PUB topic:t":                "names no field of the request",
		code + "\tright root":                       `unknown right "root"`,
		code + "\tunserved because":                 "wants doc and serve",
		code + "\tserve nobody":                     `nobody called "nobody" serves`,
		"code 10 A\n\tdoc d\n\tsince 4":             "a served code has doc, serve and right",
		"code 10 A\n\tunserved d":                   "since is missing",
	} {
		_, err := parse(text)
		require.ErrorContains(t, err, want, text)
	}
}
