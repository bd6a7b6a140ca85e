package consumequeue

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// model is what a table should hold: the records of a commit log, and which queue each is in.
type model struct {
	records []modelRecord
	next    map[string]message.QueueOffset // of the queues that exist
	log     message.LogOffset              // end of the last record
	min     message.LogOffset              // where the log begins
	synced  message.LogOffset              // records before it were put before the last Sync
}

type modelRecord struct {
	topic string
	id    int32
	off   message.QueueOffset
	entry Entry
}

func (r modelRecord) key() string { return fmt.Sprint(r.topic, r.id) }

// machine runs a table beside its model.
type machine struct {
	m     model
	fs    *mapfile.Mem
	o     Options
	table *Table
}

// TestModel compares random runs, with power cuts, with the model.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := &machine{fs: mapfile.NewMem(), m: model{next: map[string]message.QueueOffset{}}}
		s.o = Options{
			FileSize:  rapid.SampledFrom([]int64{1, 7, 300}).Draw(t, "entries per file") * EntrySize,
			OpenFiles: rapid.IntRange(1, 4).Draw(t, "open files"),
		}
		s.open(t)
		t.Repeat(map[string]func(*rapid.T){
			"put":          s.put,
			"put again":    s.putAgain,
			"flush":        func(t *rapid.T) { require.NoError(t, s.table.Flush()) },
			"sync":         s.sync,
			"reopen":       s.reopen,
			"power cut":    s.powerCut,
			"kill":         s.kill,
			"truncate":     s.truncate,
			"expire":       s.expire,
			"delete topic": s.deleteTopic,
			"":             s.compare,
		})
		require.NoError(t, s.table.Close())
	})
}

func (s *machine) open(t *rapid.T) {
	s.o.FS = s.fs
	var err error
	s.table, err = Open(s.o)
	require.NoError(t, err)
}

var modelTopics = rapid.SampledFrom([]string{"A", "B"})

func (s *machine) put(t *rapid.T) {
	r := modelRecord{topic: modelTopics.Draw(t, "topic"), id: rapid.Int32Range(0, 2).Draw(t, "id")}
	next, ok := s.m.next[r.key()]
	if !ok {
		next = rapid.SampledFrom([]message.QueueOffset{0, 1, 8, 20}).Draw(t, "first")
	}
	for range rapid.SampledFrom([]int{1, 3, 250}).Draw(t, "count") {
		r.off = next
		r.entry = Entry{LogOffset: s.m.log, Size: rapid.Int32Range(1, 500).Draw(t, "size"), TagsCode: int64(s.m.log)*3 + 1<<33}
		s.m.log += message.LogOffset(r.entry.Size)
		require.NoError(t, s.table.Queue([]byte(r.topic), r.id).Put(r.off, r.entry))
		s.m.records = append(s.m.records, r)
		next++
	}
	s.m.next[r.key()] = next
}

func (s *machine) putAgain(t *rapid.T) {
	if n := len(s.m.records); n > 0 {
		r := s.m.records[rapid.IntRange(0, n-1).Draw(t, "record")]
		require.NoError(t, s.table.Lookup([]byte(r.topic), r.id).Put(r.off, Entry{LogOffset: s.m.log, Size: 1}))
	}
}

func (s *machine) sync(t *rapid.T) {
	require.NoError(t, s.table.Sync())
	s.m.synced = s.m.log
}

func (s *machine) reopen(t *rapid.T) {
	require.NoError(t, s.table.Close())
	s.m.synced = s.m.log
	s.o.Crashed = rapid.Bool().Draw(t, "crashed")
	s.open(t)
	require.Equal(t, s.m.log, s.table.Redo(s.m.log))
	require.NoError(t, s.table.CorrectMin(s.m.min))
	s.forget()
}

// powerCut leaves the table what was synced and some of the rest, and loses the log's end.
func (s *machine) powerCut(t *rapid.T) {
	s.fs = s.fs.Crash(rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "chance"), 0)))
	s.recover(t, rapid.Bool().Draw(t, "lose"))
}

// kill loses nothing.
func (s *machine) kill(t *rapid.T) {
	s.fs = s.fs.Kill()
	s.recover(t, false)
}

// recover opens the table and dispatches what the log still has, as the engine does.
func (s *machine) recover(t *rapid.T, lose bool) {
	s.o.Crashed = true
	s.open(t)
	require.Equal(t, s.m.synced, s.table.Redo(s.m.synced))
	require.NoError(t, s.table.TruncateTo(s.m.synced))
	all := s.m.records
	s.m.cut(s.m.synced)
	require.NoError(t, s.table.CorrectMin(s.m.min))
	s.forget()
	s.compare(t)
	lost := all[len(s.m.records):]
	if lose {
		lost = lost[:rapid.IntRange(0, len(lost)).Draw(t, "left")]
	}
	for _, r := range lost {
		s.m.log = r.entry.end()
		if r.entry.LogOffset < s.m.min {
			continue // its log file is removed
		}
		require.NoError(t, s.table.Queue([]byte(r.topic), r.id).Put(r.off, r.entry))
		s.m.records = append(s.m.records, r)
		s.m.next[r.key()] = r.off + 1
	}
	s.m.log = max(s.m.log, s.m.min)
	s.forget()
}

// forget drops the queues that a table does not remember once they have no entries.
func (s *machine) forget() {
	for key := range s.m.next {
		topic, id := key[:1], int32(key[1]-'0')
		q := s.table.Lookup([]byte(topic), id)
		switch {
		case q == nil || q.Max() == 0:
			delete(s.m.next, key)
		case q.Min() == q.Max():
			s.m.next[key] = q.Max()
		}
	}
}

// cut drops the records at or behind to.
func (m *model) cut(to message.LogOffset) {
	n := len(m.records)
	for n > 0 && m.records[n-1].entry.LogOffset >= to {
		n--
		m.next[m.records[n].key()] = m.records[n].off
	}
	m.records = m.records[:n:n]
	m.log = 0
	if n > 0 {
		m.log = m.records[n-1].entry.end()
	}
	m.synced = min(m.synced, m.log)
}

func (s *machine) truncate(t *rapid.T) {
	to := message.LogOffset(rapid.Int64Range(int64(s.m.min), int64(max(s.m.min, s.m.log))).Draw(t, "to"))
	require.NoError(t, s.table.TruncateTo(to))
	s.m.cut(to)
	s.m.log = max(s.m.log, s.m.min)
	s.forget()
}

func (s *machine) expire(t *rapid.T) {
	s.m.min = message.LogOffset(rapid.Int64Range(int64(s.m.min), int64(s.m.log)).Draw(t, "min"))
	require.NoError(t, s.table.CorrectMin(s.m.min))
}

func (s *machine) deleteTopic(t *rapid.T) {
	topic := modelTopics.Draw(t, "topic")
	require.NoError(t, s.table.DeleteTopic(topic))
	var rest []modelRecord
	for _, r := range s.m.records {
		if r.topic != topic {
			rest = append(rest, r)
		} else {
			delete(s.m.next, r.key())
		}
	}
	s.m.records = rest
}

// compare reads every queue from its Min on.
func (s *machine) compare(t *rapid.T) {
	want := map[string][]Entry{}
	for _, r := range s.m.records {
		if r.entry.LogOffset >= s.m.min {
			want[r.key()] = append(want[r.key()], r.entry)
		}
	}
	for _, q := range s.table.All() {
		key := fmt.Sprint(q.Topic(), q.ID())
		if next, ok := s.m.next[key]; ok {
			require.Equal(t, next, q.Max(), key)
		}
		require.Len(t, want[key], int(q.Max()-q.Min()), key)
		got := make([]Entry, len(want[key])+1)
		n, err := q.Read(q.Min(), got)
		require.NoError(t, err)
		require.Equal(t, want[key], append([]Entry(nil), got[:n]...), key)
		delete(want, key)
	}
	require.Empty(t, want)
	require.LessOrEqual(t, s.table.MaxLogOffset(), s.m.log)
}
