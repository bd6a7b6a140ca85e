package server

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A group that reads far behind the end of the log is stopped, and may go on when consumeEnable is set again.
func TestASlowGroupIsStopped(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"disableConsumeIfConsumerReadSlowly": "true", "consumerFallbehindThreshold": "400"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	for range 8 {
		require.Contains(t, k.ask(sendRequest("T", 0, "", strings.Repeat("x", 200)))[0], "< 0 ")
	}
	pull := func(group string, from int) string {
		req := pullRequestOf("c", "T", 0, from, "*", 0)
		req.Ext["consumerGroup"], req.Ext["maxMsgNums"] = group, "1"
		return k.ask(req)[0]
	}
	require.Contains(t, pull("slow", 0), `< 0 "FOUND"`)
	require.Contains(t, pull("quick", 0), `< 0 "FOUND"`)
	require.Contains(t, pull("quick", 7), `< 0 "FOUND"`)
	b.protect(time.Now())
	require.Equal(t, `< 16 "subscription group no permission, slow" {}`, pull("slow", 1))
	require.Contains(t, pull("quick", 7), `< 0 "FOUND"`)

	require.Equal(t, []string{`< 0 "" -`}, k.ask(&said{Conn: "c", Code: 200, Body: `{"groupName":"slow"}`}))
	b.protect(time.Now())
	require.Contains(t, pull("slow", 1), `< 0 "FOUND"`, "measured anew")
	require.Empty(t, b.errors.lines())
}

// With slaveReadEnable consumers that lag behind what is in memory are sent where their group says, and back when they keep up.
func TestSlowConsumersAreSentElsewhere(t *testing.T) {
	b := startBroker(t, "auto", map[string]string{"slaveReadEnable": "true"})
	k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
	defer k.close()
	require.Contains(t, k.ask(&said{Conn: "c", Code: 200, Body: `{"groupName":"CG","brokerId":7,"whichBrokerWhenConsumeSlowly":3}`})[0], "< 0 ")
	require.Contains(t, k.ask(sendRequest("T", 0, "", "x"))[0], "< 0 ")
	require.Contains(t, k.ask(pullRequestOf("c", "T", 0, 0, "*", 0))[0], `"suggestWhichBrokerId":"7"`)
	require.Contains(t, k.ask(pullRequestOf("c", "T", 0, 1, "*", 0))[0], `"suggestWhichBrokerId":"7"`)

	slow := startBroker(t, "auto", map[string]string{"slaveReadEnable": "true", "accessMessageInMemoryMaxRatio": "0"})
	ks := &talk{t: t, addr: slow.Addr().String(), conns: make(map[string]*speaker)}
	defer ks.close()
	require.Contains(t, ks.ask(&said{Conn: "c", Code: 200, Body: `{"groupName":"CG","brokerId":7,"whichBrokerWhenConsumeSlowly":3}`})[0], "< 0 ")
	require.Contains(t, ks.ask(sendRequest("T", 0, "", "x"))[0], "< 0 ")
	require.Contains(t, ks.ask(pullRequestOf("c", "T", 0, 0, "*", 0))[0], `"suggestWhichBrokerId":"3"`)
}
