package timer

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
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

// stage is a store and its Service, in the time of a synctest bubble. Buckets are of 10 s and messages roll after a minute.
type stage struct {
	t       *testing.T
	flush   engine.FlushType
	mem     *mapfile.Mem
	store   *engine.Store
	service *Service
	seen    message.QueueOffset // of T/0
	saveAt  time.Time           // next Save
	log     strings.Builder
	cutting atomic.Bool
	fault   func(mapfile.Op) // while cutting, before each operation of the disk
	faults  sync.Mutex       // one at a time
}

func newStage(t *testing.T, flush engine.FlushType) *stage {
	s := &stage{t: t, flush: flush, mem: mapfile.NewMem()}
	s.open()
	t.Cleanup(func() { require.NoError(t, s.store.Close()) })
	return s
}

func (s *stage) open() {
	s.mem.Now = time.Now
	s.mem.Fault = func(op mapfile.Op) error {
		if s.cutting.Load() {
			s.faults.Lock()
			defer s.faults.Unlock()
			s.fault(op)
		}
		return nil
	}
	var err error
	s.store, err = engine.Open(engine.Options{
		FS: s.mem, Flush: s.flush, CommitLogFileSize: 128 << 10, ConsumeQueueFileSize: 20 << 10, NoIndex: true,
		StagingBytes: 32 << 10, Log: slog.New(slog.DiscardHandler),
	})
	require.NoError(s.t, err)
	s.log.Reset()
	s.service, err = Open(Options{
		Store: s.store, FS: s.mem, Reserved: 2 * time.Minute, Commit: s.store.CommitAndWait,
		Delivered: func(topic []byte, _ int32) { require.Equal(s.t, "T", string(topic)) },
		Clock:     clock.Real{}, Log: slog.New(slog.NewTextHandler(&s.log, nil)),
		width: 10 * time.Second, spill: 4,
	})
	require.NoError(s.t, err)
	s.saveAt = time.Now().Add(SavePeriod)
}

// send stores a message for T/0 as the broker does.
func (s *stage) send(name string, due int64) {
	now := time.Now().UnixMilli()
	r := &message.Record{Topic: []byte("T"), Body: []byte(name), BornTimestamp: 7, StoreTimestamp: now}
	Schedule(r, message.Properties(nil).Append("TAGS", "x"), due)
	got, err := s.store.Append(s.service.Queue(), r)
	require.NoError(s.t, err)
	require.NoError(s.t, s.store.CommitAndWait(got.End()))
}

// step lets the service do all it can at this moment.
func (s *stage) step() {
	for s.service.Step(time.Now()) == 0 {
	}
}

// arrived is what T/0 got since the last call, in order.
func (s *stage) arrived() (names []string) {
	q := s.store.Queue([]byte("T"), 0)
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
		require.Equal(s.t, "T", string(r.Properties.Get(propertyRealTopic)))
		names = append(names, string(r.Body))
	}
	return names
}

// wait lets the time of the bubble pass, with the service at work: it steps when it wants to, and is saved every
// second. A little more than d, so that nothing falls together with the store's own timers.
func (s *stage) wait(d time.Duration) {
	for end := time.Now().Add(d + 123*time.Microsecond); ; {
		s.step()
		left := time.Until(end)
		if left <= 0 {
			return
		}
		pause := s.service.Step(time.Now())
		pause = min(max(pause, time.Millisecond), left, max(time.Until(s.saveAt), time.Microsecond))
		<-clock.Real{}.NewTimer(pause).C()
		if !time.Now().Before(s.saveAt) {
			require.NoError(s.t, s.service.Save())
			s.saveAt = time.Now().Add(SavePeriod)
		}
	}
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

func (s *stage) replace(mem *mapfile.Mem) {
	require.NoError(s.t, s.store.Close()) // of the old image, which nobody sees again
	s.mem = mem
	s.open()
}

func (s *stage) restart() {
	require.NoError(s.t, s.service.Close())
	require.NoError(s.t, s.store.Close())
	s.open()
}

// files lists the buckets, in seconds from the start of the bubble.
func (s *stage) files(start time.Time) string {
	list, err := s.mem.ReadDir(Dir)
	require.NoError(s.t, err)
	var names []string
	for _, e := range list {
		var ms int64
		if _, err := fmt.Sscan(e.Name, &ms); err == nil {
			names = append(names, fmt.Sprint((ms-start.UnixMilli())/1000))
		}
	}
	slices.Sort(names)
	return joined(names)
}

// damage turns a byte of every bucket.
func (s *stage) damage() {
	list, err := s.mem.ReadDir(Dir)
	require.NoError(s.t, err)
	for _, e := range list {
		if e.Name == checkpointName {
			continue
		}
		f, err := s.mem.Open(path.Join(Dir, e.Name))
		require.NoError(s.t, err)
		_, err = f.WriteAt([]byte{0xff}, f.Size()-entrySize)
		require.NoError(s.t, err)
		require.NoError(s.t, f.Close())
	}
}

// lose removes the files whose names match.
func (s *stage) lose(pattern string) {
	list, err := s.mem.ReadDir(Dir)
	require.NoError(s.t, err)
	for _, e := range list {
		if match, err := path.Match(pattern, e.Name); err == nil && match {
			require.NoError(s.t, s.mem.Remove(path.Join(Dir, e.Name)))
		}
	}
}

func joined(names []string) string {
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, " ")
}
