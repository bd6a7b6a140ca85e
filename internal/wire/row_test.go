package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRows(t *testing.T) {
	served, last := 0, Code(-1)
	for i := range Rows() {
		r := &Rows()[i]
		require.Greater(t, r.Code, last, "rows ascend")
		last = r.Code
		require.Same(t, r, Lookup(r.Code))
		require.Equal(t, r.Name, r.Code.String())
		require.NotEmpty(t, r.Since)
		if r.Server == 0 {
			require.NotEmpty(t, r.Reason, "%s is not served and nobody says why", r.Name)
			continue
		}
		served++
		require.Empty(t, r.Reason)
		require.NotEmpty(t, r.Rights, "%s", r.Name)
	}
	require.Equal(t, 95, len(Rows()))
	require.Equal(t, 83, served)
}

// TestServers counts the codes that each party answers against RocketMQ's dispatch tables.
func TestServers(t *testing.T) {
	counts := map[Server]int{}
	for _, r := range Rows() {
		for _, s := range []Server{Broker, Namesrv, Client} {
			if r.Server&s != 0 {
				counts[s]++
			}
		}
	}
	require.Equal(t, map[Server]int{Broker: 58, Namesrv: 20, Client: 7}, counts)
}

func TestLookup(t *testing.T) {
	for _, c := range []Code{-1, 0, 9, 16, 99, 330, 32767, -32768} {
		require.Nil(t, Lookup(c), "%d", c)
	}
	r := Lookup(CodeSendMessageV2)
	require.True(t, r.Hot)
	require.Equal(t, []Right{{RightPubTopic, "b"}}, r.Rights)
	require.Equal(t, "-1", Code(-1).String())
}

func TestNames(t *testing.T) {
	require.Equal(t, "TOPIC_NOT_EXIST", StatusTopicNotExist.String())
	require.Equal(t, "77", Status(77).String())
	require.Equal(t, "JAVA", LanguageJava.String())
	require.Equal(t, "RUST", LanguageRust.String())
	require.Equal(t, "", LanguageUnknown.String())
}

func TestRequestCode(t *testing.T) {
	for code, want := range map[int32]*Row{310: Lookup(CodeSendMessageV2), 0: nil, -1: nil, 65536 + 310: nil, 1 << 30: nil} {
		require.Equal(t, want, (&Command{Code: code}).Row(), "%d", code)
	}
}
