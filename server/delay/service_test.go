package delay

import (
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// stage is a store with a Service of levels 1s and 5s, at a time that steps set.
//
//	put NAME LEVEL      a delayed message for T/0 is stored
//	at MS               the service steps at that time; "-> NAMES" tells what T/0 got by it, "-" for nothing
//	levels LEVELS       the table is replaced
//	save                the offsets are written
//	crash               the service is opened anew from what was written
type stage struct {
	t       *testing.T
	store   *engine.Store
	service *Service
	file    []byte // delayOffset.json
	now     int64
	seen    message.QueueOffset
}

func (s *stage) open() {
	levels, err := ParseLevels("1s 5s")
	require.NoError(s.t, err)
	s.service, err = Open(Options{
		Store: s.store, Levels: levels, Read: s.read, Write: s.write, Flush: s.store.Flush, Commit: s.commit,
		Delivered: func(topic []byte, _ int32) { require.Equal(s.t, "T", string(topic)) },
		Clock:     clock.Real{}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
}

func (s *stage) read(parse func([]byte) error) error {
	if s.file == nil {
		return fs.ErrNotExist
	}
	return parse(s.file)
}

func (s *stage) write(data []byte) error {
	s.file = data
	return nil
}

func (s *stage) put(name string, level int) {
	r := &message.Record{Topic: []byte("T"), Body: []byte(name), StoreTimestamp: s.now, BornTimestamp: 7}
	props := message.Properties(nil).Append("TAGS", "x").Append("DELAY", strconv.Itoa(level))
	Schedule(r, props, level, s.service.Levels())
	got, err := s.store.Append(s.store.Queue(r.Topic, r.QueueID), r)
	require.NoError(s.t, err)
	require.NoError(s.t, s.commit(got.End()))
}

func (s *stage) commit(upTo message.LogOffset) error {
	_, err := s.store.Commit(upTo, nil)
	return err
}

// arrived is what T/0 got since the last call.
func (s *stage) arrived() string {
	q := s.store.Queue([]byte("T"), 0)
	var names []string
	for ; s.seen < q.Max(); s.seen++ {
		var e [1]consumequeue.Entry
		_, err := q.Read(s.seen, e[:])
		require.NoError(s.t, err)
		raw, err := s.store.ReadRecord(e[0].LogOffset)
		require.NoError(s.t, err)
		var r message.Record
		require.NoError(s.t, message.Decode(raw, &r))
		require.Equal(s.t, "T", string(r.Topic))
		require.EqualValues(s.t, 7, r.BornTimestamp)
		require.Equal(s.t, "x", string(r.Properties.Get("TAGS")))
		names = append(names, string(r.Body))
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, " ")
}

func (s *stage) run(steps string) {
	for n, line := range strings.Split(strings.TrimSpace(steps), "\n") {
		f := strings.Fields(line)
		switch f[0] {
		case "put":
			level, err := strconv.Atoi(f[2])
			require.NoError(s.t, err)
			s.put(f[1], level)
		case "at":
			_, err := fmt.Sscan(f[1], &s.now)
			require.NoError(s.t, err)
			for s.service.Step(time.UnixMilli(s.now)) == 0 {
			}
		case "->":
			require.Equal(s.t, strings.Join(f[1:], " "), s.arrived(), "line %d", n+1)
		case "levels":
			levels, err := ParseLevels(strings.Join(f[1:], " "))
			require.NoError(s.t, err)
			s.store.SetDelayLevels(levels)
			s.service.SetLevels(levels)
		case "save":
			require.NoError(s.t, s.service.Save())
		case "crash":
			s.open()
		default:
			s.t.Fatalf("line %d: %s", n+1, line)
		}
	}
}

func TestScripts(t *testing.T) {
	for name, steps := range map[string]string{
		"each level has its time": `
			at 100000
			put a 1
			put b 2
			at 100999
			-> -
			at 101000
			-> a
			at 104999
			-> -
			at 105000
			-> b`,
		"a level above the highest is the highest": `
			at 100000
			put a 18
			at 104999
			-> -
			at 105000
			-> a`,
		"order within a level is kept, and all that is due goes at once": `
			at 100000
			put a 1
			put b 1
			at 100500
			put c 1
			at 101000
			-> a b
			at 101500
			-> c`,
		"a clock that went back does not hold messages for longer than their level": `
			at 100000
			put a 1
			at 50000
			-> a`,
		"a saved offset is not delivered again": `
			at 100000
			put a 1
			put b 2
			at 101000
			-> a
			save
			crash
			at 200000
			-> b`,
		"the table grows while messages wait": `
			at 100000
			put a 2
			levels 1s 7s 20s
			put b 2
			put c 3
			at 105000
			-> a
			at 107000
			-> b
			at 119999
			-> -
			at 120000
			-> c`,
		"a level that is taken off is served to its end, across a restart too": `
			levels 1s 5s 20s
			at 100000
			put a 3
			put b 3
			levels 1s
			put c 3
			at 101000
			-> c
			crash
			levels 1s
			at 119999
			-> c
			at 120000
			-> a b
			save
			crash
			at 200000
			-> -`,
		"a level that is made shorter lets nothing wait for longer": `
			at 100000
			put a 2
			levels 1s 2s
			at 100001
			-> a`,
		"what was delivered after the last save comes twice, never not at all": `
			at 100000
			put a 1
			save
			at 101000
			-> a
			crash
			at 102000
			-> a`,
	} {
		t.Run(name, func(t *testing.T) {
			store, err := engine.Open(engine.Options{
				FS: mapfile.NewMem(), CommitLogFileSize: 1 << 20, IndexSlots: 100, IndexEntries: 400,
				DelayLevels: []time.Duration{time.Second, 5 * time.Second},
			})
			require.NoError(t, err)
			s := &stage{t: t, store: store}
			s.open()
			s.run(steps)
			require.NoError(t, store.Close())
		})
	}
}

func TestParseLevels(t *testing.T) {
	got, err := ParseLevels(" 1s  5m 2h 1d ")
	require.NoError(t, err)
	require.Equal(t, []time.Duration{time.Second, 5 * time.Minute, 2 * time.Hour, 24 * time.Hour}, got)
	for _, bad := range []string{"", " ", "1", "s", "1x", "-1s", "1s,2s", "36501d", "2147483647d", strings.Repeat("1s ", maxLevels+1)} {
		_, err := ParseLevels(bad)
		require.Error(t, err, bad)
	}
}
