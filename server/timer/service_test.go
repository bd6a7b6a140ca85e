package timer

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/engine"
	"ringmq/internal/message"
)

// run plays a script:
//
//	send NAME MS    a message for T/0 is stored, due MS from now
//	wait MS         the service works for so long
//	-> NAMES        what T/0 got since the last time
//	files SECONDS   the buckets, by their first second
//	restart, kill, cut    the service is closed, the process killed, the power cut; then all is opened anew
//	lose PATTERN    files of the index are removed, while nobody runs
//	damage          all buckets are damaged
func (s *stage) run(steps string) {
	start := time.Now()
	for n, line := range strings.Split(strings.TrimSpace(steps), "\n") {
		f := strings.Fields(line)
		number := func(i int) int64 {
			ms, err := strconv.ParseInt(f[i], 10, 64)
			require.NoError(s.t, err, "line %d", n+1)
			return ms
		}
		switch f[0] {
		case "send":
			s.send(f[1], time.Now().UnixMilli()+number(2))
		case "wait":
			s.wait(time.Duration(number(1)) * time.Millisecond)
		case "->":
			require.Equal(s.t, strings.Join(f[1:], " "), joined(s.arrived()), "line %d\n%s", n+1, s.log.String())
		case "files":
			require.Equal(s.t, strings.Join(f[1:], " "), s.files(start), "line %d", n+1)
		case "restart":
			s.restart()
		case "kill":
			s.kill()
		case "cut":
			require.NoError(s.t, s.store.Flush())
			s.cut(rand.New(rand.NewPCG(uint64(n), 1)))
		case "lose":
			s.lose(f[1])
			s.kill()
		case "damage":
			s.damage()
		default:
			s.t.Fatalf("line %d: %s", n+1, line)
		}
	}
}

func TestScripts(t *testing.T) {
	for name, steps := range map[string]string{
		"each message at its moment": `
			send c 2500
			send a 20
			send b 700
			wait 19
			-> -
			wait 1
			-> a
			wait 678
			-> -
			wait 2
			-> b
			wait 1798
			-> -
			wait 2
			-> c`,
		"of one moment, in the order they were sent": `
			send a 50
			send b 50
			send c 50
			wait 51
			-> a b c`,
		"what is late when it is seen goes at once": `
			send a -5000
			wait 1
			-> a`,
		"far ones wait in files, which go when they are over": `
			send a 12000
			send b 14000
			send c 31000
			send d 31000
			send e 31001
			wait 1100
			files 10 30
			wait 11000
			-> a
			wait 15000
			-> b
			files 30
			wait 3900
			-> c d
			wait 3
			-> e
			wait 12000
			files -
			-> -`,
		"a restart finds all, and delivers nothing again": `
			send a 100
			send b 3000
			send c 25000
			wait 200
			-> a
			restart
			wait 2700
			-> -
			restart
			wait 200
			-> b
			restart
			wait 22000
			-> c
			restart
			wait 60000
			-> -`,
		"those that came due while nobody ran go at once, in their order": `
			send b 30000
			send a 20000
			wait 1500
			restart
			wait 1
			-> -
			kill
			wait 29000
			-> a b`,
		"what was delivered after the last checkpoint comes twice after a kill, and nothing else": `
			send a 500
			send b 1600
			wait 1300
			-> a
			wait 305
			-> b
			kill
			wait 3000
			-> b
			kill
			wait 3000
			-> -`,
		"a power cut is no worse": `
			send a 500
			send b 2000
			send c 40000
			send d 43000
			send e 44000
			wait 1300
			-> a
			cut
			wait 500
			-> -
			wait 200
			-> b
			wait 2000
			cut
			wait 38000
			-> c
			cut
			wait 3000
			-> d e`,
		"without the index all comes that is in the queue": `
			send a 500
			send b 20000
			wait 1300
			-> a
			lose *
			wait 1000
			-> a
			wait 18000
			-> b`,
		"without the buckets nothing is missing, and nothing comes twice": `
			send a 500
			send b 20000
			send c 21000
			send d 22000
			send e 40000
			wait 2000
			-> a
			files 20 40
			lose [2-4]*
			lose 9*
			wait 1000
			-> -
			wait 19500
			-> b c d
			wait 18000
			-> e`,
		"damaged buckets are made again": `
			send a 500
			send b 30000
			send c 31000
			send d 32000
			send e 40000
			wait 2000
			-> a
			damage
			wait 31000
			-> b c d
			wait 8000
			-> e`,
		"a message rolls before its file expires": `
			send a 200000
			send b 61000
			wait 60999
			-> -
			wait 2
			-> b
			wait 138998
			-> -
			kill
			wait 2
			-> a`,
	} {
		for kind, flush := range map[string]engine.FlushType{"async": engine.AsyncFlush, "sync": engine.SyncFlush} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { newStage(t, flush).run(steps) })
			})
		}
	}
}

func TestDue(t *testing.T) {
	const now, longest = 1_000_000, 40 * 24 * time.Hour
	for text, want := range map[string]any{
		"":                                                    int64(0),
		"TIMER_DELAY_SEC=5":                                   int64(now + 5000),
		"TIMER_DELAY_MS=5":                                    int64(now + 5),
		"TIMER_DELIVER_MS=1000001":                            int64(now + 1),
		"TIMER_DELIVER_MS=1000000":                            int64(0), // it is that time
		"TIMER_DELAY_SEC=-5":                                  int64(0),
		"TIMER_DELAY_SEC=0":                                   int64(0),
		"TIMER_DELAY_SEC=3456000":                             int64(now + 3456000_000),
		"TIMER_DELAY_SEC=3456001":                             ErrIllegal,
		"TIMER_DELAY_MS=3456000001":                           ErrIllegal,
		"TIMER_DELAY_MS=x":                                    ErrIllegal,
		"TIMER_DELAY_SEC=99999999999999999":                   ErrIllegal,
		"TIMER_DELIVER_MS=9223372036854775807":                ErrIllegal,
		"TIMER_DELIVER_MS=-9223372036854775808":               int64(0),
		"TIMER_DELIVER_MS=9223372036854775808":                ErrIllegal,
		"TIMER_DELIVER_MS=9000000 TIMER_DELAY_SEC=1":          int64(now + 1000), // seconds count first
		"TIMER_DELAY_SEC=5 TIMER_OUT_MS=7":                    int64(0),          // it has waited
		"TIMER_DELIVER_MS=2000000 TIMER_DEL_UNIQKEY=somebody": ErrIllegal,
	} {
		var p message.Properties
		for _, pair := range strings.Fields(text) {
			name, value, _ := strings.Cut(pair, "=")
			p = p.Append(name, value)
		}
		due, err := Due(p, now, longest)
		if bad, isErr := want.(error); isErr {
			require.ErrorIs(t, err, bad, text)
			continue
		}
		require.NoError(t, err, text)
		require.Equal(t, want, due, text)
	}
}
