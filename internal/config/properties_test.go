package config

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestPropertiesHideWhatIsSecretOrUnset(t *testing.T) {
	f, _, err := source(t, "brokerName=b\nmySecretKey=x\ndbPassword=y\nplain=z").Broker()
	require.NoError(t, err)
	f.System.TLSServerKeyPassword = "hunter2"
	got := f.Text()
	require.Contains(t, got, "brokerName=b\n")
	require.Contains(t, got, "plain=z\n")
	require.Contains(t, got, "messageStorePlugIn=\n", "empty is not null")
	require.Contains(t, got, "isEnableBatchPush=false\n", "Java prints the field's name")
	for _, hidden := range []string{"mySecretKey", "dbPassword", "haMasterAddress", "rocketmqHome"} {
		require.NotContains(t, got, hidden)
	}
	require.NotContains(t, Properties(f.System), "hunter2")
	require.Equal(t, 1, strings.Count(got, "writeBufferHighWaterMark="), "a key of two classes stands once")
}

func TestImportant(t *testing.T) {
	n := &Namesrv{}
	setDefaults(&javaHost, n)
	require.Equal(t, "", Important(n), "NamesrvConfig marks nothing")
	b := &Broker{}
	setDefaults(&javaHost, b)
	require.Equal(t, `brokerIP1=192.0.2.2
brokerName=vm
brokerClusterName=DefaultCluster
brokerId=0
autoCreateTopicEnable=true
autoCreateSubscriptionGroup=true
msgTraceTopicName=RMQ_SYS_TRACE_TOPIC
traceTopicEnable=false
rejectTransactionMessage=false
fetchNamesrvAddrByAddressServer=false
transactionTimeOut=6000
transactionCheckMax=15
transactionCheckInterval=60000
aclEnable=false
`, Important(b))
}

// What request 25 persists loads again as the same options, whatever the values hold.
func TestPersistedLoadsAgain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		word := rapid.StringOf(rapid.SampledFrom([]rune("a =:#!\\\n\r\t\fäß漢$%{}")))
		f, _, err := Source{Host: javaHost}.Broker()
		require.NoError(rt, err)
		f.Broker.BrokerName = word.Draw(rt, "brokerName")
		f.Store.EnableScheduleMessageStats = rapid.Bool().Draw(rt, "bool")
		f.Extra = map[string]string{}
		for range rapid.IntRange(0, 3).Draw(rt, "extra") {
			f.Extra["x"+word.Draw(rt, "key")] = word.Draw(rt, "value")
		}
		values, err := ParseProperties([]byte(f.Persisted()))
		require.NoError(rt, err)
		again := &BrokerFile{}
		extra, err := assign(again.objects(), values)
		require.NoError(rt, err)
		require.Equal(rt, f.Extra, extra)
		again.Extra, again.Path, again.System = extra, f.Path, f.System
		require.Equal(rt, f, again)
	})
}

func FuzzParseProperties(f *testing.F) {
	for _, s := range []string{"", "a=b", "a", "=", "\\", "a\\\n b:c", "a=\\u00e4", "a=\xff", "${a}=${a}", "a=\x00b", "#\r\n!\r"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		values, err := ParseProperties(data)
		if err != nil {
			return
		}
		var b strings.Builder
		for _, k := range slices.Sorted(maps.Keys(values)) {
			writeLine(&b, k, values[k])
		}
		again, err := ParseProperties([]byte(b.String()))
		require.NoError(t, err)
		require.Equal(t, values, again)
	})
}

func TestParsePropertiesBoundsItsInput(t *testing.T) {
	_, err := ParseProperties(make([]byte, maxPropertyBytes+1))
	require.ErrorContains(t, err, "1048577 bytes of properties")
}
