package server

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/invariant"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
	"ringmq/internal/wire"
	"ringmq/server/delay"
	"ringmq/server/group"
	"ringmq/server/stats"
	"ringmq/server/timer"
	"ringmq/server/topic"
	"ringmq/server/txn"
)

// The seeds of each flush type that a test run tries.
var (
	simSeeds = flag.Uint64("sim.seeds", 60, "how many lives of a broker TestWaitingSurvives tries for each flush type")
	simFirst = flag.Uint64("sim.first", 0, "the first of their seeds")
)

// simLevels are the delay levels of the simulation; a message that is given back waits for the third or the fourth.
var simLevels = []time.Duration{time.Second, 2 * time.Second, 3 * time.Second, 4 * time.Second}

// simulation is a broker without network over the memory twin, in the time of a bubble: producers, a consumer that gives
// some of its messages back, and lives that end by a close, a kill or a power cut, anywhere in the work on the disk.
type simulation struct {
	t     *testing.T
	rng   *rand.Rand
	flush engine.FlushType
	dir   string
	trace []string

	mem   *mapfile.Mem
	b     *Broker
	image *mapfile.Mem // of the end of this life
	dead  atomic.Bool  // it has ended: nobody gets an answer any more
	// loose: with ASYNC_FLUSH an acknowledgement binds only what the device has when the power goes.
	loose bool

	delays   []byte           // delayOffset.json
	progress map[string]int64 // consumer offsets of the checker
	saved    map[string]int64 // … as they are on the disk

	sent      int
	messages  map[string]*simMessage // by id: body and attempt
	halves    map[string]txn.Decision
	questions map[string]txn.Decision
	seen      map[string]message.QueueOffset // the consumer's place in each topic
}

// simMessage is what a message must do.
type simMessage struct {
	due    int64 // ms; not seen before
	must   bool  // it was acknowledged: it must be seen
	never  bool  // its transaction is not to be committed
	once   bool  // it must not come twice
	seen   int
	topics string
}

func TestWaitingSurvives(t *testing.T) {
	if invariant.Race {
		t.Skip("a power cut copies mappings that others write to")
	}
	for kind, flush := range map[string]engine.FlushType{"async": engine.AsyncFlush, "sync": engine.SyncFlush} {
		for seed := *simFirst; seed < *simFirst+*simSeeds; seed++ {
			t.Run(fmt.Sprint(kind, "/", seed), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) { simulate(t, flush, seed) })
			})
		}
	}
}

func simulate(t *testing.T, flush engine.FlushType, seed uint64) {
	s := &simulation{
		t: t, rng: rand.New(rand.NewPCG(seed, 3)), flush: flush, dir: t.TempDir(), mem: mapfile.NewMem(),
		progress: map[string]int64{}, saved: map[string]int64{}, messages: map[string]*simMessage{},
		halves: map[string]txn.Decision{}, questions: map[string]txn.Decision{}, seen: map[string]message.QueueOffset{},
	}
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(s.trace, "\n"))
			_ = s.b.store.Close() // the bubble waits for its goroutines
		}
	}()
	lives := 0
	for range 4 {
		s.open()
		for range 8 + s.rng.IntN(20) {
			s.work()
		}
		lives += s.end()
	}
	s.open()
	s.settle()
	for id, m := range s.messages {
		switch {
		case m.never:
			require.Zero(t, m.seen, "%s was rolled back", id)
		case m.must:
			require.NotZero(t, m.seen, "%s is lost", id)
		}
		most := 1 + lives
		if m.once {
			most = 1
		}
		require.LessOrEqual(t, m.seen, most, "%s comes again", id)
	}
	s.close()
}

func (s *simulation) logf(format string, args ...any) {
	s.trace = append(s.trace, fmt.Sprintf("%d ", time.Now().UnixMilli()%10_000_000)+fmt.Sprintf(format, args...))
}

// open makes a broker of what the last life left.
func (s *simulation) open() {
	s.dead.Store(false)
	s.image, s.loose = nil, false
	s.mem.Now, s.mem.Fault = time.Now, nil
	s.b = &Broker{clock: clock.Real{}, log: slog.New(slog.DiscardHandler)}
	s.b.storeHost = netip.MustParseAddrPort("10.0.0.2:10911")
	var err error
	s.b.store, err = engine.Open(engine.Options{
		FS: s.mem, Flush: s.flush, CommitLogFileSize: 64 << 10, ConsumeQueueFileSize: 20 << 8, IndexSlots: 100, IndexEntries: 4000,
		StagingBytes: 32 << 10, DelayLevels: simLevels, Log: s.b.log,
	})
	require.NoError(s.t, err)
	for name, at := range s.seen { // no longer behind the end of a queue that has lost its last moments
		s.seen[name] = min(at, s.b.store.Queue([]byte(name), 0).Max())
	}
	s.b.stats = stats.New("c", false, time.Now())
	s.b.topics, err = topic.Open(topic.Options{
		Path: filepath.Join(s.dir, "topics.json"), Cluster: "c", Broker: "b", AutoCreate: func() bool { return true },
		Stats: s.b.stats, Clock: s.b.clock, Log: s.b.log, Created: func(*topic.Topic) {},
	})
	require.NoError(s.t, err)
	s.b.delays, err = delay.Open(delay.Options{
		Store: s.b.store, Levels: simLevels, Read: s.readDelays, Write: s.writeDelays, Flush: s.b.store.Flush,
		Commit: s.b.commitAndWait, Delivered: func([]byte, int32) {}, Clock: s.b.clock, Log: s.b.log,
	})
	require.NoError(s.t, err)
	s.b.txns, err = txn.Open(txn.Options{
		Store: s.b.store, Progress: s, MakeTopic: func(string) error { return nil }, Commit: s.b.commitAndWait, Ask: s.ask,
		Stored: func([]byte, int32) {},
		Settings: func() txn.Settings {
			return txn.Settings{Timeout: 2 * time.Second, CheckMax: 1000, Reserved: time.Hour}
		},
		Host: func() netip.AddrPort { return s.b.storeHost }, Clock: s.b.clock, Log: s.b.log,
	})
	require.NoError(s.t, err)
	s.b.timers, err = timer.Open(timer.Options{
		Store: s.b.store, FS: s.mem, Reserved: 10 * time.Second, Commit: s.b.commitAndWait,
		Delivered: func([]byte, int32) {}, Clock: s.b.clock, Log: s.b.log,
	})
	require.NoError(s.t, err)
	s.logf("open")
}

// Find and Commit are the table of consumer offsets.
func (s *simulation) Find(_, topic string, _ int32) int64 {
	if n, ok := s.progress[topic]; ok {
		return n
	}
	return -1
}

func (s *simulation) Commit(_, topic []byte, _ int32, n int64) error {
	s.progress[string(topic)] = n
	return nil
}

func (s *simulation) readDelays(parse func([]byte) error) error {
	if s.delays == nil {
		return fs.ErrNotExist
	}
	return parse(s.delays)
}

func (s *simulation) writeDelays(data []byte) error {
	if !s.dead.Load() {
		s.delays = data
	}
	return nil
}

// work is a moment of a life.
func (s *simulation) work() {
	switch s.rng.IntN(16) {
	case 0:
		s.send(0, func(*message.Record, message.Properties) {})
	case 1, 2, 3:
		level := 1 + s.rng.IntN(len(simLevels))
		s.send(simLevels[level-1], func(r *message.Record, p message.Properties) {
			delay.Schedule(r, p.Append("DELAY", fmt.Sprint(level)), level, len(simLevels))
		})
	case 4, 5:
		wait := time.Duration(s.rng.Int64N(int64(100 * time.Second)))
		wait = []time.Duration{wait, wait / 20, wait / 1000}[s.rng.IntN(3)].Truncate(time.Millisecond)
		s.send(wait, func(r *message.Record, p message.Properties) {
			timer.Schedule(r, p, time.Now().Add(wait).UnixMilli())
		})
	case 6:
		s.prepare()
	case 7:
		s.decide(s.halves)
	case 8:
		s.wait(2 * time.Second)
		s.b.txns.Check(context.Background())
		s.logf("check")
	case 9:
		s.decide(s.questions)
	case 10, 11:
		s.save()
	default:
		s.wait(time.Duration(s.rng.IntN(3000)) * time.Millisecond)
	}
	s.consume()
}

// wait lets time pass, while the broker works. A little more than d, so that nothing falls together with the
// store's own timers.
func (s *simulation) wait(d time.Duration) {
	for end := time.Now().Add(d + 123*time.Microsecond); ; {
		pause := min(s.b.delays.Step(time.Now()), s.b.timers.Step(time.Now()), time.Until(end))
		s.consume()
		if pause > 0 {
			<-clock.Real{}.NewTimer(max(pause, time.Millisecond)).C()
		}
		if !time.Now().Before(end) {
			return
		}
	}
}

// save writes what the broker saves now and then.
func (s *simulation) save() {
	which := s.rng.IntN(3)
	switch which {
	case 0:
		require.NoError(s.t, s.b.delays.Save())
	case 1:
		require.NoError(s.t, s.b.timers.Save())
	default:
		if !s.dead.Load() {
			s.saved = maps.Clone(s.progress)
		}
	}
	s.logf("save %d", which)
}

// send stores a message for T/0, which wait makes wait.
func (s *simulation) send(d time.Duration, wait func(*message.Record, message.Properties)) {
	r := s.record()
	m := s.expect(string(r.Body), 0, "T", time.Now().Add(d).UnixMilli())
	wait(r, r.Properties)
	m.must = s.put(r) && !s.loose
	s.logf("send %s, due %d, must %v", r.Body, m.due%10_000_000, m.must)
}

func (s *simulation) record() *message.Record {
	now := time.Now().UnixMilli()
	name := fmt.Sprint("m", s.sent)
	s.sent++
	return &message.Record{
		Topic: []byte("T"), Body: []byte(name), BornTimestamp: now, StoreTimestamp: now, BornHost: s.b.storeHost, StoreHost: s.b.storeHost,
		Properties: message.Properties(nil).Append(message.PropertyUniqKey, "K"+name),
	}
}

// put stores a record as a send does, and tells whether it is acknowledged.
func (s *simulation) put(r *message.Record) bool {
	got, err := s.b.store.Append(s.b.store.Queue(r.Topic, r.QueueID), r)
	require.NoError(s.t, err)
	require.NoError(s.t, s.b.commitAndWait(got.End()))
	return !s.dead.Load()
}

func (s *simulation) expect(body string, attempt int32, topics string, due int64) *simMessage {
	m := &simMessage{due: due, topics: topics}
	s.messages[fmt.Sprint(body, "#", attempt)] = m
	return m
}

// prepare begins a transaction.
func (s *simulation) prepare() {
	r := s.record()
	name := string(r.Body)
	txn.Prepare(r, r.Properties.Append("TRAN_MSG", "true").Append("PGROUP", "PG"))
	if !s.put(r) || s.loose {
		s.expect(name, 0, "T", 0) // it may be asked for; nobody knows of it
		return
	}
	m := s.expect(name, 0, "T", time.Now().UnixMilli())
	m.once = true
	if m.never = s.rng.IntN(3) == 0; !m.never {
		m.must = true // somebody asks until it is committed
	}
	s.halves[name] = txn.Decision{Group: "PG", QueueOffset: r.QueueOffset, LogOffset: r.LogOffset}
	s.logf("half %s, rolled back %v", name, m.never)
}

func (s *simulation) ask(q *txn.Question) {
	var r message.Record
	require.NoError(s.t, message.Decode(q.Record, &r))
	if !s.dead.Load() {
		s.questions[string(r.Body)] = txn.Decision{Group: q.Group, QueueOffset: q.QueueOffset, LogOffset: q.LogOffset}
	}
}

// decide ends one of some transactions, which may have been ended before.
func (s *simulation) decide(of map[string]txn.Decision) {
	names := slices.Sorted(maps.Keys(of))
	if len(names) > 0 {
		s.endTransaction(names[s.rng.IntN(len(names))], of)
	}
}

func (s *simulation) endTransaction(name string, of map[string]txn.Decision) {
	d, m := of[name], s.messages[name+"#0"]
	d.Commit = !m.never
	var err error
	upTo, ok := s.b.txns.EndRecent(d) // first, as the broker does
	if !ok {
		upTo, err = s.b.txns.End(d)
	}
	if err == nil {
		err = s.b.commitAndWait(upTo)
	}
	if s.loose && d.Commit {
		m.must, m.once = false, false // both may be lost, or one of them
	}
	var refusal txn.Refusal
	if errors.As(err, &refusal) && !m.must {
		err = nil // a power cut took a half message, or a copy, that bound nobody
	}
	require.NoError(s.t, err, name)
	s.logf("end %s, commit %v", name, d.Commit)
	synctest.Wait() // the index
}

// consume reads what has arrived in the topics of a consumer group, and gives some of it back.
func (s *simulation) consume() {
	if s.dead.Load() {
		return
	}
	for _, name := range []string{"T", "%RETRY%G", "%DLQ%G"} {
		q := s.b.store.Queue([]byte(name), 0)
		for ; s.seen[name] < q.Max() && !s.dead.Load(); s.seen[name]++ {
			var e [1]consumequeue.Entry
			_, err := q.Read(s.seen[name], e[:])
			require.NoError(s.t, err)
			if e[0].IsHole() {
				continue
			}
			raw, err := s.b.store.ReadRecord(e[0].LogOffset)
			require.NoError(s.t, err)
			var r message.Record
			require.NoError(s.t, message.Decode(raw, &r))
			s.got(name, &r)
		}
	}
}

func (s *simulation) got(topicName string, r *message.Record) {
	id := fmt.Sprint(string(r.Body), "#", r.ReconsumeTimes)
	m := s.messages[id]
	s.logf("got %s from %s", id, topicName)
	require.NotNil(s.t, m, "%s was never sent", id)
	require.Equal(s.t, m.topics, topicName, id)
	require.LessOrEqual(s.t, m.due, time.Now().UnixMilli(), "%s comes before its time", id)
	m.seen++
	if m.seen > 1 || r.ReconsumeTimes > 2 || s.rng.IntN(3) > 0 {
		return
	}
	s.sendBack(r)
}

// sendBack gives a message back, twice at most; then it goes to the dead letters.
func (s *simulation) sendBack(r *message.Record) {
	const most = 2
	body, attempt, now := string(r.Body), r.ReconsumeTimes, time.Now().UnixMilli()
	m := s.expect(body, attempt+1, "%RETRY%G", now)
	if attempt >= most {
		m.topics = "%DLQ%G"
	} else {
		m.due = now + simLevels[min(int(2+attempt), len(simLevels)-1)].Milliseconds()
	}
	retry, err := s.b.topics.Retry("G", 1, false)
	require.NoError(s.t, err)
	h := &wire.ConsumerSendMsgBackRequest{Group: "G", Offset: int64(r.LogOffset)}
	x := &exchange{nowMillis: now, cmd: &wire.Command{}}
	require.NoError(s.t, s.b.storeAgain(x, h, &group.Config{RetryQueueNums: 1, RetryMaxTimes: most}, retry, r))
	m.must = !s.dead.Load() && !s.loose
	s.logf("give back %s, due %d, must %v", body, m.due%10_000_000, m.must)
}

// end ends a life; it returns 1 if what was delivered since the last save may come again.
func (s *simulation) end() int {
	switch s.rng.IntN(3) {
	case 0:
		s.close()
		return 0
	case 1:
		synctest.Wait()
		s.logf("kill")
		s.die(s.mem.Kill())
	default:
		s.cutPower()
	}
	return 1
}

// close ends a life well.
func (s *simulation) close() {
	require.NoError(s.t, errors.Join(s.b.delays.Save(), s.b.timers.Close(), s.b.store.Close()))
	s.saved = maps.Clone(s.progress)
	s.logf("close")
}

// cutPower cuts the power before some operation of the disk, within the work that goes on.
func (s *simulation) cutPower() {
	require.NoError(s.t, s.b.store.Flush())
	s.loose = s.flush == engine.AsyncFlush
	asked := maps.Clone(s.questions)
	at := s.mem.Ops() + 1 + s.rng.Int64N(40)
	s.mem.Fault = func(op mapfile.Op) error {
		if op.N >= at && s.image == nil {
			s.logf("power cut before operation %d: %s %s", op.N, op.Kind, op.Name)
			s.dead.Store(true)
			s.image = s.mem.Crash(s.rng)
		}
		return nil
	}
	for range 10 {
		if s.image == nil {
			s.work()
		}
	}
	synctest.Wait()
	s.mem.Fault = nil
	if s.image == nil {
		s.logf("power cut")
		s.image = s.mem.Crash(s.rng)
	}
	if s.loose {
		s.questions = asked // those since then may be about copies that are gone
	}
	s.die(s.image)
}

// die goes on with an image of the disk.
func (s *simulation) die(image *mapfile.Mem) {
	s.dead.Store(true)
	require.NoError(s.t, errors.Join(s.b.timers.Close(), s.b.store.Close())) // of what nobody sees again
	s.mem, s.progress = image, maps.Clone(s.saved)
}

// settle lets everything come to its end.
func (s *simulation) settle() {
	s.consume()
	for range 3 {
		s.wait(3 * time.Second)
		clear(s.questions)
		s.b.txns.Check(context.Background())
		for name := range s.questions {
			s.endTransaction(name, s.questions)
		}
	}
	for range 5 {
		s.wait(25 * time.Second)
		s.save()
	}
}
