package txn

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/engine"
	"ringmq/internal/message"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run performs steps:
//
//	send NAME [PROPERTY=VALUE…]   a transaction for T/2 is prepared
//	commit|rollback NAME          it is ended by the offsets of the prepare's answer
//	answer NAME commit|rollback   … by those of the last question
//	wait SECONDS
//	check                         a round of the checker
//	asked|got|given NAMES         questions, messages of T/2, discarded messages since the last such line
//	resume                        the last discarded message is asked for again
//	restart|kill                  the store is closed, or not, and opened again
func (s *stage) run(steps string) {
	for n, line := range strings.Split(strings.TrimSpace(steps), "\n") {
		f := strings.Fields(line)
		at := fmt.Sprintf("line %d: %s", n+1, line)
		rest := strings.Join(f[1:], " ")
		switch f[0] {
		case "send":
			var props message.Properties
			for _, p := range f[2:] {
				name, value, _ := strings.Cut(p, "=")
				props = props.Append(name, value)
			}
			s.prepare(f[1], props)
		case "commit", "rollback":
			d := s.halves[f[1]]
			d.Commit = f[0] == "commit"
			require.NoError(s.t, s.end(d), at)
		case "answer":
			d, asked := s.questions[f[1]]
			require.True(s.t, asked, at)
			d.Commit = f[2] == "commit"
			require.NoError(s.t, s.end(d), at)
		case "wait":
			seconds, err := strconv.Atoi(f[1])
			require.NoError(s.t, err)
			s.wait(time.Duration(seconds) * time.Second)
		case "check":
			s.check()
		case "asked":
			require.Equal(s.t, rest, list(s.asked), at)
			s.asked = nil
		case "got":
			require.Equal(s.t, rest, bodies(s.arrived("T", 2)), at)
		case "given":
			require.Equal(s.t, rest, bodies(s.arrived(DiscardTopic, 0)), at)
		case "resume":
			q := s.store.Queue(discardTopic, 0)
			upTo, err := s.service.Resume(s.entry(q, q.Max()-1))
			require.NoError(s.t, err, at)
			require.NoError(s.t, s.store.CommitAndWait(upTo))
		case "restart":
			s.close()
			s.open()
		case "kill":
			s.kill()
		default:
			s.t.Fatal(at)
		}
	}
}

func TestScripts(t *testing.T) {
	for name, steps := range map[string]string{
		"nobody sees a half message before its commit": `
			send a
			got -
			commit a
			got a
			wait 60
			check
			asked -`,
		"a rollback is the end of it": `
			send a
			rollback a
			wait 60
			check
			asked -
			got -
			commit a
			got -`,
		"a commit that comes twice counts once": `
			send a
			commit a
			commit a
			rollback a
			got a
			wait 60
			check
			commit a
			got -`,
		"a commit that comes twice counts once, with a restart in between": `
			send a
			commit a
			restart
			commit a
			got a
			wait 60
			check
			asked -
			kill
			commit a
			got -`,
		"who says nothing is asked, and not before his time": `
			send a
			wait 5
			check
			asked -
			wait 1
			check
			asked a
			answer a commit
			got a
			wait 60
			check
			asked -`,
		"the answer to a question can be a rollback": `
			send a
			wait 6
			check
			asked a
			answer a rollback
			wait 60
			check
			asked -
			got -`,
		"the commit that crosses its question counts once, whichever comes first": `
			send a
			send b
			wait 6
			check
			asked a b
			commit a
			answer a commit
			answer b commit
			commit b
			got a b
			wait 60
			check
			asked -
			got -`,
		"a late commit spares the next question": `
			send a
			wait 6
			check
			asked a
			wait 60
			check
			asked a
			commit a
			got a
			wait 60
			check
			asked -
			answer a commit
			got -`,
		"the same after a kill": `
			send a
			wait 6
			check
			asked a
			kill
			commit a
			got a
			kill
			wait 60
			check
			asked -
			answer a commit
			got -`,
		"one that is ended does not wait for the one before": `
			send a
			send b
			send c
			commit b
			got b
			wait 6
			check
			asked a c
			answer c commit
			got c
			wait 6
			check
			asked a
			restart
			wait 6
			check
			asked a
			answer a commit
			got a`,
		"after so many questions a message is given up, and resumed by hand": `
			send a
			wait 6
			check
			wait 6
			check
			wait 6
			check
			asked a a a
			given -
			wait 6
			check
			asked -
			given a
			wait 6
			check
			given -
			resume
			wait 6
			check
			asked a
			answer a commit
			got a
			check
			given -`,
		"a message that was given up can still be committed": `
			send a TRANSACTION_CHECK_TIMES=3
			wait 6
			check
			given a
			asked -
			commit a
			got a
			resume
			wait 6
			check
			asked -
			commit a
			got -`,
		"immunity: no question before that age, and none of them is counted": `
			send a CHECK_IMMUNITY_TIME_IN_SECONDS=100
			send b
			wait 20
			check
			asked b
			wait 20
			check
			wait 20
			check
			wait 20
			check
			given b
			asked b b
			wait 21
			check
			asked a
			answer a commit
			got a`,
		"immunity shorter than transactionTimeOut counts too": `
			send a CHECK_IMMUNITY_TIME_IN_SECONDS=2
			wait 2
			check
			asked a`,
		"immunity that is no number is none": `
			send a CHECK_IMMUNITY_TIME_IN_SECONDS=x
			wait 6
			check
			asked a`,
		"what ends during immunity is not asked for": `
			send a CHECK_IMMUNITY_TIME_IN_SECONDS=30
			send b CHECK_IMMUNITY_TIME_IN_SECONDS=30
			wait 10
			check
			commit a
			rollback b
			wait 10
			check
			kill
			wait 30
			check
			asked -
			got a`,
		"what is older than files are kept is given up unasked": `
			send a
			wait 3601
			check
			asked -
			given a`,
		"two transactions with one key are two": `
			send a UNIQ_KEY=k
			send b UNIQ_KEY=k
			commit a
			got a
			wait 6
			check
			asked b
			answer b commit
			got b`,
		"progress survives, and with it nothing is asked again": `
			send a
			send b
			commit a
			got a
			wait 6
			check
			asked b
			restart
			check
			asked -
			answer b rollback
			restart
			wait 6
			check
			asked -`,
	} {
		for kind, flush := range map[string]engine.FlushType{"async": engine.AsyncFlush, "sync": engine.SyncFlush} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					newStage(t, flush).run(steps)
				})
			})
		}
	}
}
