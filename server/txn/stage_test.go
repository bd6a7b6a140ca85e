package txn

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// offsets are consumer offsets in memory.
type offsets map[string]int64

func (o offsets) Find(_, topic string, _ int32) int64 {
	if n, ok := o[topic]; ok {
		return n
	}
	return -1
}

func (o offsets) Commit(_, topic []byte, _ int32, n int64) error {
	o[string(topic)] = n
	return nil
}

var (
	producerHost = netip.MustParseAddrPort("10.0.0.1:4000")
	brokerHost   = netip.MustParseAddrPort("10.0.0.2:10911")
)

// stage is a store and its Service, in the time of a synctest bubble.
type stage struct {
	t        *testing.T
	flush    engine.FlushType
	mem      *mapfile.Mem
	store    *engine.Store
	service  *Service
	progress offsets
	settings Settings
	made     map[string]bool // topics

	halves       map[string]Decision // what the answer to a prepare said, by message
	questions    map[string]Decision // the last question
	asked        []string            // since somebody looked
	lastQuestion *Question
	seen         map[string]message.QueueOffset
}

func newStage(t *testing.T, flush engine.FlushType) *stage {
	s := &stage{
		t: t, flush: flush, mem: mapfile.NewMem(), progress: offsets{}, made: map[string]bool{},
		settings: Settings{Timeout: 6 * time.Second, CheckMax: 3, Reserved: time.Hour},
		halves:   map[string]Decision{}, questions: map[string]Decision{}, seen: map[string]message.QueueOffset{},
	}
	s.open()
	t.Cleanup(func() { s.close() })
	return s
}

func (s *stage) open() {
	var err error
	s.store, err = engine.Open(engine.Options{
		FS: s.mem, Flush: s.flush, CommitLogFileSize: 1 << 20, IndexSlots: 100, IndexEntries: 400,
		StagingBytes: 256 << 10, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
	s.service, err = Open(Options{
		Store: s.store, Progress: s.progress, Settings: func() Settings { return s.settings },
		MakeTopic: func(name string) error { s.made[name] = true; return nil },
		Commit:    s.store.CommitAndWait, Stored: func([]byte, int32) {}, Ask: s.ask, Host: func() netip.AddrPort { return brokerHost },
		Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
}

func (s *stage) close() { require.NoError(s.t, s.store.Close()) }

func (s *stage) ask(q *Question) {
	var r message.Record
	require.NoError(s.t, message.Decode(q.Record, &r))
	require.Equal(s.t, "T/2", string(r.Topic)+"/"+strconv.Itoa(int(r.QueueID)))
	require.Equal(s.t, "PG", q.Group)
	require.Equal(s.t, string(message.AppendID(nil, brokerHost, q.LogOffset)), q.OffsetID)
	name := string(r.Body)
	s.lastQuestion = q
	s.asked = append(s.asked, name)
	s.questions[name] = Decision{Group: q.Group, QueueOffset: q.QueueOffset, LogOffset: q.LogOffset}
}

// prepare stores a half message as the broker does.
func (s *stage) prepare(name string, props message.Properties) {
	now := time.Now().UnixMilli()
	r := &message.Record{
		Topic: []byte("T"), QueueID: 2, Flag: 5, ReconsumeTimes: 1, SysFlag: message.TransactionPrepared,
		Body: []byte(name), BornTimestamp: now, StoreTimestamp: now, BornHost: producerHost, StoreHost: brokerHost,
	}
	if props.Get(message.PropertyUniqKey) == nil {
		props = props.Append(message.PropertyUniqKey, "K"+name)
	}
	Prepare(r, props.Append("TRAN_MSG", "true").Append("PGROUP", "PG").Append("TAGS", "x"))
	got, err := s.store.Append(s.store.Queue(r.Topic, r.QueueID), r)
	require.NoError(s.t, err)
	require.NoError(s.t, s.store.CommitAndWait(got.End()))
	s.halves[name] = Decision{Group: "PG", QueueOffset: got.QueueOffset, LogOffset: got.LogOffset}
}

// end sends a decision and lets the index see its outcome.
func (s *stage) end(d Decision) error {
	var err error
	upTo, ok := s.service.EndRecent(d) // first, as the broker does
	if !ok {
		upTo, err = s.service.End(d)
	}
	if err == nil {
		err = s.store.CommitAndWait(upTo)
	}
	synctest.Wait()
	return err
}

func (s *stage) check() {
	s.service.Check(context.Background())
	synctest.Wait()
}

// arrived reads what a queue got since the last call.
func (s *stage) arrived(topic string, id int32) (records []*message.Record) {
	q := s.store.Queue([]byte(topic), id)
	var e [1]consumequeue.Entry
	for ; s.seen[topic] < q.Max(); s.seen[topic]++ {
		n, err := q.Read(s.seen[topic], e[:])
		require.NoError(s.t, err)
		require.Equal(s.t, 1, n)
		r, err := s.service.read(e[0].LogOffset)
		require.NoError(s.t, err)
		records = append(records, r)
	}
	return records
}

func bodies(records []*message.Record) string {
	var names []string
	for _, r := range records {
		names = append(names, string(r.Body))
	}
	return list(names)
}

func list(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, " ")
}

// kill ends the process: what it wrote stays.
func (s *stage) kill() {
	synctest.Wait() // nobody writes to the mappings that are copied
	s.replace(s.mem.Kill())
}

// cut cuts the power: what was not synced may be gone.
func (s *stage) cut(rng *rand.Rand) {
	synctest.Wait()
	s.replace(s.mem.Crash(rng))
}

// wait lets the time of the bubble pass, a little more than d: so nothing falls together with the store's own timers. On
// the memory twin one of them may not sync a mapping that another goroutine writes to; the race detector minds.
func (s *stage) wait(d time.Duration) { <-clock.Real{}.NewTimer(d + 123*time.Microsecond).C() }

func (s *stage) replace(mem *mapfile.Mem) {
	s.close() // of the old image, which nobody sees again
	s.mem = mem
	s.open()
}

// entry is where the message at an offset of a queue lies.
func (s *stage) entry(q *consumequeue.Queue, at message.QueueOffset) message.LogOffset {
	var e [1]consumequeue.Entry
	n, err := q.Read(at, e[:])
	require.NoError(s.t, err)
	require.Equal(s.t, 1, n)
	return e[0].LogOffset
}
