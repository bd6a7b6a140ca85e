package engine

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/consumequeue"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// frozen is a clock that moves when it is told to.
type frozen struct{ now time.Time }

func (f *frozen) Now() time.Time                     { return f.now }
func (f *frozen) NewTimer(time.Duration) clock.Timer { panic("a stepped store has no timers") }

// small are the options of a store whose files are small, over a memory twin, without goroutines.
func small(mem *mapfile.Mem) Options {
	return Options{
		FS: mem, stepped: true, Clock: &frozen{time.UnixMilli(1_700_000_000_000)},
		CommitLogFileSize: 8 << 10, ConsumeQueueFileSize: 20 * 16, IndexSlots: 32, IndexEntries: 64,
		StagingBytes: 32 << 10, Log: slog.New(slog.DiscardHandler),
	}
}

// stored is one message as the model remembers it.
type stored struct {
	queue   string
	offset  message.QueueOffset
	body    string
	key     string
	end     message.LogOffset
	acked   bool // Commit has succeeded
	durable bool // … and the device had it by the store's own word
}

// run drives a store and remembers what it was told.
type run struct {
	t    *testing.T
	rng  *rand.Rand
	o    Options
	mem  *mapfile.Mem
	s    *Store
	sent []*stored
	n    int
}

func (r *run) open() {
	r.o.FS = r.mem
	s, err := Open(r.o)
	require.NoError(r.t, err)
	r.s = s
}

// send appends a few messages without committing them.
func (r *run) send() error {
	for range 1 + r.rng.IntN(6) {
		r.n++
		topic := fmt.Sprint("T", r.rng.IntN(3))
		q := r.s.Queue([]byte(topic), int32(r.rng.IntN(2)))
		m := &stored{queue: fmt.Sprint(topic, "/", q.ID()), key: fmt.Sprint("k", r.n)}
		m.body = fmt.Sprintf("%d %s", r.n, string(make([]byte, r.rng.IntN(600))))
		rec := testRecord(topic, m.body)
		rec.Properties = rec.Properties.Append("UNIQ_KEY", m.key)
		rec.StoreTimestamp = r.o.Clock.Now().UnixMilli()
		got, err := r.s.Append(q, rec)
		if err != nil {
			return err
		}
		m.offset, m.end = got.QueueOffset, got.End()
		r.sent = append(r.sent, m)
	}
	return nil
}

// step does one random thing and returns the first error of the store.
func (r *run) step() error {
	r.o.Clock.(*frozen).now = r.o.Clock.Now().Add(time.Duration(r.rng.IntN(2000)) * time.Millisecond)
	switch r.rng.IntN(12) {
	case 0:
		_ = r.s.log.Sync() // the store notes the failure
	case 1:
		r.s.flushQueues()
	case 2:
		r.s.checkpoint()
	case 3:
		r.s.indexer.step()
	case 4:
		r.s.prepareStep()
	case 5, 6:
		return r.commitAll()
	default:
		return r.send()
	}
	return nil
}

func (r *run) commitAll() error {
	var failed error
	upTo := r.s.stage.stager.Tail()
	if r.s.Deferred() {
		_, _ = r.s.Commit(upTo, true, func(err error) { failed = err })
		r.s.commitStep()
	} else {
		_, failed = r.s.Commit(upTo, true, nil)
	}
	return failed
}

// note remembers what the store has promised by now.
func (r *run) note() {
	visible, durable := r.s.Visible(), r.s.log.Durable()
	for _, m := range r.sent {
		m.acked = m.acked || m.end <= visible
		m.durable = m.durable || m.end <= durable
	}
}

// check compares the queues with the model: every message that had to stay is where it was, and
// nothing is where it was not. Afterwards the model knows just what is there.
func (r *run) check(mustStay func(*stored) bool) {
	want := map[string]*stored{}
	for _, m := range r.sent {
		want[fmt.Sprint(m.queue, "@", m.offset)] = m
	}
	var left []*stored
	for _, q := range r.s.queues.All() {
		require.Equal(r.t, q.Max(), q.Next)
		for at := q.Min(); at < q.Max(); at++ {
			body, ok := r.read(q, at)
			if !ok {
				continue
			}
			m := want[fmt.Sprint(q.Topic(), "/", q.ID(), "@", at)]
			require.NotNil(r.t, m, "%s/%d@%d was never sent: %q", q.Topic(), q.ID(), at, body)
			require.Equal(r.t, m.body, body)
			left = append(left, m)
			m.acked = true
		}
	}
	found := map[*stored]bool{}
	for _, m := range left {
		found[m] = true
	}
	for _, m := range r.sent {
		if mustStay(m) {
			require.True(r.t, found[m], "lost: %s@%d end %d %q", m.queue, m.offset, m.end, m.body[:min(len(m.body), 8)])
			res := r.s.QueryKey([]byte(m.queue[:2]), []byte(m.key), 64, 0, 1<<60)
			require.NotEmpty(r.t, res.Offsets, "not in the index: %s %s", m.queue, m.key)
		}
	}
	r.sent = left
}

// read gets one message.
func (r *run) read(q *consumequeue.Queue, at message.QueueOffset) (string, bool) {
	res := NewGetResult()
	defer res.Release()
	r.s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 1}, res)
	if res.Status == NoMatchedMessage || res.Status == MessageWasRemoving {
		return "", false
	}
	require.Equal(r.t, Found, res.Status, "%s/%d@%d", q.Topic(), q.ID(), at)
	if res.Next != at+1 {
		return "", false // stepped over a hole
	}
	var rec message.Record
	b := res.Buffers()[0]
	require.NoError(r.t, message.Decode(b, &rec))
	require.NoError(r.t, message.CheckBody(b, &rec))
	require.Equal(r.t, q.Topic(), string(rec.Topic))
	require.Equal(r.t, q.ID(), rec.QueueID)
	require.Equal(r.t, at, rec.QueueOffset)
	return string(rec.Body), true
}

// TestCrashes runs random work, ends it in a random way, and checks what the next start finds; again and again
// on what is left.
func TestCrashes(t *testing.T) {
	seeds := 150
	if testing.Short() {
		seeds = 30
	}
	for _, flush := range []FlushType{AsyncFlush, SyncFlush} {
		for seed := range seeds {
			t.Run(fmt.Sprintf("flush=%d/seed=%d", flush, seed), func(t *testing.T) {
				mem := mapfile.NewMem()
				r := &run{t: t, rng: rand.New(rand.NewPCG(uint64(seed), 1)), o: small(mem), mem: mem}
				r.o.Flush = flush
				for range 6 {
					r.open()
					for range r.rng.IntN(60) {
						require.NoError(t, r.step())
					}
					r.note()
					r.end()
				}
			})
		}
	}
}

// end ends the store in one of the three ways, opens it again and checks it.
func (r *run) end() {
	old := r.s
	switch r.rng.IntN(3) {
	case 0:
		require.NoError(r.t, old.Close())
		r.open()
		r.check(func(*stored) bool { return true })
	case 1:
		r.mem = r.mem.Kill()
		r.open()
		r.check(func(m *stored) bool { return m.acked })
	case 2:
		r.mem = r.mem.Crash(r.rng)
		r.open()
		r.check(func(m *stored) bool { return m.durable })
	}
	r.note()
	require.NoError(r.t, r.s.Close())
	r.open()
	r.check(func(m *stored) bool { return m.acked })
	require.NoError(r.t, r.s.Close())
}

// TestFaults lets each operation of a run fail once, and stay broken in one half of the runs: nothing acknowledged
// is lost, the store says why it stopped, and reads go on.
func TestFaults(t *testing.T) {
	broken := errors.New("injected")
	for _, flush := range []FlushType{AsyncFlush, SyncFlush} {
		for at := int64(1); ; at += 1 + at/40 {
			var failed atomic.Bool // queues are synced by several goroutines
			mem := mapfile.NewMem()
			r := &run{t: t, rng: rand.New(rand.NewPCG(7, 7)), o: small(mem), mem: mem}
			r.o.Flush = flush
			mem.Fault = func(op mapfile.Op) error {
				if op.N == at || op.N > at && at%2 == 0 {
					failed.Store(true)
					return broken
				}
				return nil
			}
			r.faulty()
			mem.Fault = nil
			if !failed.Load() {
				break
			}
		}
	}
}

// faulty does the same work each time, whatever fails, and checks a restart after a power cut.
func (r *run) faulty() {
	s, err := Open(r.o)
	if err == nil {
		r.s = s
		for range 120 {
			if err := r.step(); err != nil {
				require.ErrorContains(r.t, err, "injected")
				r.readAll()
			}
			r.note()
		}
	}
	r.restart(r.mem.Crash(r.rng), func(m *stored) bool { return m.durable })
	r.restart(r.mem.Kill(), func(m *stored) bool { return m.acked })
}

// restart opens an image of the store and checks it, leaving r as it is.
func (r *run) restart(image *mapfile.Mem, mustStay func(*stored) bool) {
	next := &run{t: r.t, rng: r.rng, o: r.o, mem: image}
	for _, m := range r.sent {
		copied := *m
		next.sent = append(next.sent, &copied)
	}
	next.open()
	next.check(mustStay)
	require.NoError(r.t, next.s.Close())
}

// readAll reads every message that is visible.
func (r *run) readAll() {
	for _, q := range r.s.queues.All() {
		for at := q.Min(); at < q.Max(); at++ {
			r.read(q, at)
		}
	}
}
