package consumequeue

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// model is what a table holds, as slices: entries[i] of a queue has offset first+i.
type model struct {
	queues map[string]*modelQueue
	log    message.LogOffset // end of the last record
	min    message.LogOffset // where the log begins
}

type modelQueue struct {
	topic   string
	id      int32
	first   message.QueueOffset
	entries []Entry
	past    bool // has had entries, so it goes on where it is
}

func (m *modelQueue) end() message.QueueOffset {
	return m.first + message.QueueOffset(len(m.entries))
}

// TestModel compares random runs with the model.
func TestModel(t *testing.T) {
	root := t.TempDir()
	runs := 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		fs, err := mapfile.OpenDir(filepath.Join(root, fmt.Sprint(runs)))
		require.NoError(t, err)
		defer func() { require.NoError(t, errors.Join(fs.Close(), os.RemoveAll(fs.Path()))) }()
		o := Options{
			FS:        fs,
			FileSize:  rapid.SampledFrom([]int64{1, 7, 300}).Draw(t, "entries per file") * EntrySize,
			OpenFiles: rapid.IntRange(1, 4).Draw(t, "open files"),
		}
		table, err := Open(o)
		require.NoError(t, err)
		m := &model{queues: map[string]*modelQueue{}}
		queue := func(t *rapid.T) (*Queue, *modelQueue) {
			topic := rapid.SampledFrom([]string{"A", "B"}).Draw(t, "topic")
			id := rapid.Int32Range(0, 2).Draw(t, "id")
			key := fmt.Sprint(topic, id)
			if m.queues[key] == nil {
				m.queues[key] = &modelQueue{topic: topic, id: id}
			}
			return table.Queue([]byte(topic), id), m.queues[key]
		}
		t.Repeat(map[string]func(*rapid.T){
			"put": func(t *rapid.T) {
				q, mq := queue(t)
				if !mq.past {
					mq.first = rapid.SampledFrom([]message.QueueOffset{0, 1, 8, 20}).Draw(t, "first")
				}
				for range rapid.SampledFrom([]int{1, 3, 250}).Draw(t, "count") {
					e := Entry{LogOffset: m.log, Size: rapid.Int32Range(1, 500).Draw(t, "size"), TagsCode: int64(m.log) * 3}
					m.log += message.LogOffset(e.Size)
					require.NoError(t, q.Put(mq.end(), e))
					mq.entries, mq.past = append(mq.entries, e), true
				}
			},
			"put again": func(t *rapid.T) {
				q, mq := queue(t)
				if len(mq.entries) > 0 {
					require.NoError(t, q.Put(mq.end()-1, Entry{LogOffset: m.log, Size: 1}))
				}
			},
			"flush": func(t *rapid.T) { require.NoError(t, table.Flush()) },
			"sync":  func(t *rapid.T) { require.NoError(t, table.Sync()) },
			"reopen": func(t *rapid.T) {
				require.NoError(t, table.Close())
				o.Crashed = rapid.Bool().Draw(t, "crashed")
				table, err = Open(o)
				require.NoError(t, err)
				require.Equal(t, m.log, table.Redo(m.log))
				require.NoError(t, table.CorrectMin(m.min))
			},
			"truncate": func(t *rapid.T) {
				m.log = message.LogOffset(rapid.Int64Range(int64(m.min), int64(m.log)).Draw(t, "to"))
				require.NoError(t, table.TruncateTo(m.log))
				m.truncate(m.log)
				m.log = max(m.log, table.MaxLogOffset()) // one record may reach over it
			},
			"expire": func(t *rapid.T) {
				m.min = message.LogOffset(rapid.Int64Range(int64(m.min), int64(m.log)).Draw(t, "min"))
				require.NoError(t, table.CorrectMin(m.min))
			},
			"delete topic": func(t *rapid.T) {
				topic := rapid.SampledFrom([]string{"A", "B"}).Draw(t, "topic")
				require.NoError(t, table.DeleteTopic(topic))
				for key, mq := range m.queues {
					if mq.topic == topic {
						delete(m.queues, key)
					}
				}
			},
			"": func(t *rapid.T) { m.compare(t, table) },
		})
		require.NoError(t, table.Close())
	})
}

// truncate drops the entries of records at or behind to.
func (m *model) truncate(to message.LogOffset) {
	for _, mq := range m.queues {
		keep := 0
		for keep < len(mq.entries) && mq.entries[keep].LogOffset < to {
			keep++
		}
		mq.entries = mq.entries[:keep]
	}
}

// compare reads every queue from its Min on.
func (m *model) compare(t *rapid.T, table *Table) {
	for _, mq := range m.queues {
		q := table.Lookup([]byte(mq.topic), mq.id)
		if len(mq.entries) == 0 {
			if q == nil || q.Max() == 0 {
				mq.past = false
			} else {
				mq.first = q.Max()
			}
			continue
		}
		require.NotNil(t, q)
		require.Equal(t, mq.end(), q.Max())
		lo := mq.first
		for _, e := range mq.entries {
			if e.LogOffset >= m.min {
				break
			}
			lo++
		}
		require.Equal(t, lo, q.Min())
		want := mq.entries[lo-mq.first:]
		got := make([]Entry, len(want)+1)
		n, err := q.Read(lo, got)
		require.NoError(t, err)
		require.Equal(t, want, got[:n:n][:len(want)])
	}
	require.LessOrEqual(t, table.MaxLogOffset(), m.log)
}
