package server

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func replyRequest(to, body string) *said {
	return &said{Conn: "replier", Code: 325, Body: body, Ext: map[string]string{
		"a": "CG", "b": "DefaultCluster_REPLY_TOPIC", "c": "TBW102", "d": "4", "e": "0", "f": "0", "g": "1700000000000",
		"h": "0", "i": "REPLY_TO_CLIENT\x01" + to + "\x02CORRELATION_ID\x01id", "j": "0", "k": "false", "m": "false",
	}}
}

// A producer that goes while a reply is on its way to it does not keep the replier waiting, and one that does not answer
// keeps nobody else from anything.
func TestAProducerGoesBeforeItsReplyIsThere(t *testing.T) {
	settings(t, func(t *testing.T, b *testBroker) {
		k := &talk{t: t, addr: b.Addr().String(), conns: make(map[string]*speaker)}
		defer k.close()
		for _, asker := range []string{"goes", "silent", "answers"} {
			require.Equal(t, []string{`< 0 "" -`}, k.ask(&said{Conn: asker, Code: 34,
				Body: `{"clientID":"` + asker + `","producerDataSet":[{"groupName":"PG"}],"consumerDataSet":[]}`}))
		}
		silent := replyRequest("silent", "to nobody")
		silent.Conn = "other"
		k.say(silent)
		k.pushed("silent", 1)

		k.say(replyRequest("goes", "too late"))
		k.pushed("goes", 1)
		require.NoError(t, k.conn("goes").Close())
		delete(k.conns, "goes")
		require.Contains(t, k.answer(k.conn("replier"))[0], `< 1 "push reply message to goesfail." {`)
		require.Contains(t, k.ask(replyRequest("goes", "again"))[0], `< 1 "push reply message fail, channel of <goes> not found." {`)

		k.say(replyRequest("answers", "in time"))
		k.pushed("answers", 1)
		k.reply(k.conn("answers"), &answered{})
		require.Contains(t, k.answer(k.conn("replier"))[0], `< 0 "" {`)
		require.Empty(t, b.errors.lines())
	})
}
