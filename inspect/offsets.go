package inspect

import (
	"cmp"
	"errors"
	"io/fs"
	"slices"
	"sort"
	"strings"

	"ringmq/engine"
	"ringmq/internal/message"
	"ringmq/internal/wire"
)

// Offsets is how far queues, groups and delay levels have come.
type Offsets struct {
	Queues []QueueRange  `json:"queues"` // by topic and queue
	Groups []GroupOffset `json:"groups"` // by group, topic and queue
	Delays []DelayOffset `json:"delayLevels"`
	// Missing are the state files that could not be used, and why.
	Missing []string `json:"missing,omitempty"`
}

// QueueRange is one queue: its messages have the offsets Min to Max-1.
type QueueRange struct {
	Topic string `json:"topic"`
	Queue int32  `json:"queue"`
	Min   int64  `json:"min"`
	Max   int64  `json:"max"`
}

// GroupOffset is how far a group has consumed a queue. Lag is negative where the queue is shorter.
type GroupOffset struct {
	Group  string `json:"group"`
	Topic  string `json:"topic"`
	Queue  int32  `json:"queue"`
	Offset int64  `json:"offset"`
	Max    int64  `json:"max"`
	Lag    int64  `json:"lag"`
}

// DelayOffset is how far a delay level has delivered its queue.
type DelayOffset struct {
	Level   int32 `json:"level"`
	Offset  int64 `json:"offset"`
	Max     int64 `json:"max"`
	Waiting int64 `json:"waiting"`
}

// Offsets reads the queues' ends and the broker's state files. topic and group select; "" is all.
func (s *Store) Offsets(topic, group string) (o Offsets, err error) {
	files := queueFiles{fs: s.root}
	if err := files.list(); err != nil {
		return o, err
	}
	entries := newEntryReader(&files)
	defer func() { err = errors.Join(err, entries.close()) }()
	ends := map[queueName]int64{}
	for _, q := range files.queues {
		if err := entries.ends(q); err != nil {
			return o, err
		}
		ends[queueName{q.topic, q.id}] = int64(q.max)
		if topic != "" && q.topic != topic {
			continue
		}
		least, err := s.minOffset(entries, q)
		if err != nil {
			return o, err
		}
		o.Queues = append(o.Queues, QueueRange{q.topic, q.id, int64(least), int64(q.max)})
	}
	o.addGroups(s, ends, topic, group)
	o.addDelays(s, ends)
	return o, nil
}

// queueName names a queue.
type queueName struct {
	topic string
	id    int32
}

// minOffset is a queue's first message that the log still has.
func (s *Store) minOffset(r *entryReader, q *queue) (message.QueueOffset, error) {
	var failed error
	n := sort.Search(int(q.max-q.first), func(i int) bool {
		e, err := r.at(q, q.first+message.QueueOffset(i))
		failed = cmp.Or(failed, err)
		return e.LogOffset >= s.log.min()
	})
	return q.first + message.QueueOffset(n), failed
}

// readState reads a state file; one that cannot be used is empty, and missing.
func readState[T any](o *Offsets, s *Store, name string) *T {
	v, err := readConfigOrBackup[T](s.root, name)
	if name == offsetsFile && errors.Is(err, fs.ErrNotExist) {
		if light, err := readConfigOrBackup[T](s.root, lmqOffsets); err == nil { // it replaces the other
			return light
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		o.Missing = append(o.Missing, configName+"/"+name+" does not exist")
	case err != nil:
		o.Missing = append(o.Missing, err.Error())
	}
	return v
}

func (o *Offsets) addGroups(s *Store, ends map[queueName]int64, topic, group string) {
	w := readState[wire.LmqOffsetSerializeWrapper](o, s, offsetsFile) // a file of either kind
	add := func(pair string, id int32, offset int64) {
		t, g, ok := strings.Cut(pair, "@")
		if !ok || topic != "" && t != topic || group != "" && g != group {
			return
		}
		end := ends[queueName{t, id}]
		o.Groups = append(o.Groups, GroupOffset{g, t, id, offset, end, end - offset})
	}
	for pair, queues := range w.OffsetTable {
		for id, offset := range queues {
			add(pair, id, offset)
		}
	}
	for pair, offset := range w.LmqOffsetTable { // light groups have one queue
		add(pair, 0, offset)
	}
	slices.SortFunc(o.Groups, func(a, b GroupOffset) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Queue, b.Queue))
	})
}

// addDelays lists the levels that have a queue or an offset. Level n waits in queue n-1.
func (o *Offsets) addDelays(s *Store, ends map[queueName]int64) {
	w := readState[wire.DelayOffsetSerializeWrapper](o, s, delaysFile)
	levels := map[int32]bool{}
	for level := range w.OffsetTable {
		levels[level] = true
	}
	for name := range ends {
		if name.topic == engine.ScheduleTopic {
			levels[name.id+1] = true
		}
	}
	for level := range levels {
		offset, end := w.OffsetTable[level], ends[queueName{engine.ScheduleTopic, level - 1}]
		o.Delays = append(o.Delays, DelayOffset{level, offset, end, end - offset})
	}
	slices.SortFunc(o.Delays, func(a, b DelayOffset) int { return cmp.Compare(a.Level, b.Level) })
}
