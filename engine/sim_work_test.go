package engine

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"ringmq/consumequeue"
	"ringmq/index"
	"ringmq/internal/javahash"
	"ringmq/internal/message"
)

// works are what a step can be, by weight.
var works = []struct {
	weight int
	name   string
	do     func(*sim) error
}{
	{30, "append", (*sim).append},
	{10, "append batch", (*sim).appendBatch},
	{25, "commit", (*sim).commit},
	{4, "sync log", func(m *sim) error { return m.s.log.Sync() }},
	{6, "flush queues", func(m *sim) error { m.s.flushQueues(); return nil }},
	{6, "checkpoint", func(m *sim) error { return m.s.checkpointStep(false) }},
	{8, "index", func(m *sim) error { m.s.indexer.step(); return nil }},
	{4, "prepare", func(m *sim) error { m.s.prepareStep(); return nil }},
	{3, "expire", (*sim).expire},
	{2, "delete topic", (*sim).deleteTopic},
	{2, "fill the disk", (*sim).fillDisk},
	{4, "make room", func(m *sim) error { m.makeRoom(); return nil }},
	{3, "get", func(m *sim) error { m.auditGets(); return nil }},
}

// step does one piece of work. It may fail only when the disk is full or fails, or the process is dead.
func (m *sim) step() {
	m.clock.now = m.clock.now.Add(time.Duration(m.rng.IntN(3000)) * time.Millisecond)
	sum := 0
	for _, w := range works {
		sum += w.weight
	}
	pick := m.rng.IntN(sum)
	for _, w := range works {
		if pick -= w.weight; pick >= 0 {
			continue
		}
		err := w.do(m)
		m.logf("%s: %v", w.name, err)
		excused := m.image != nil || m.faulted || m.full && errors.Is(err, syscall.ENOSPC)
		m.require(err == nil || excused, "%s: %v", w.name, err)
		return
	}
}

// topics are queues' topics of all kinds.
var simTopics = []string{"A", "B", "%RETRY%中文", scheduleTopic}

// record makes a random message.
func (m *sim) record(topic string) message.Record {
	n := m.model.nextBody()
	r := *testRecord(topic, fmt.Sprintf("%d %s", n, make([]byte, m.rng.IntN(100<<m.rng.IntN(4)))))
	r.StoreTimestamp = m.clock.now.UnixMilli()
	r.Properties = message.Properties(nil).Append("TAGS", fmt.Sprint("Tag", m.rng.IntN(3)))
	if m.rng.IntN(3) > 0 {
		r.Properties = r.Properties.Append("UNIQ_KEY", fmt.Sprint("U", n))
	}
	if m.rng.IntN(3) == 0 {
		r.Properties = r.Properties.Append("KEYS", fmt.Sprintf("k%d  all", m.rng.IntN(5)))
	}
	if topic == scheduleTopic {
		r.Properties = r.Properties.Append("DELAY", fmt.Sprint(1+m.rng.IntN(20)))
	}
	return r
}

func (m *sim) queue() *consumequeue.Queue {
	topic := simTopics[m.rng.IntN(len(simTopics))]
	return m.s.Queue([]byte(topic), int32(m.rng.IntN(2)))
}

func (m *sim) append() error {
	q := m.queue()
	r := m.record(q.Topic())
	// Half messages and rollbacks have no place in the queue.
	r.SysFlag = []int32{
		message.TransactionNone, message.TransactionNone, message.TransactionNone,
		message.TransactionCommit, message.TransactionPrepared, message.TransactionRollback,
	}[m.rng.IntN(6)]
	got, err := m.s.Append(q, &r)
	if err == nil {
		m.appended(q, &r, got)
	}
	return err
}

func (m *sim) appendBatch() error {
	q := m.queue()
	rs := make([]message.Record, 1+m.rng.IntN(5))
	total := 0
	for i := range rs {
		rs[i] = m.record(q.Topic())
		total += rs[i].Size()
	}
	if total > int(m.o.CommitLogFileSize)-8 {
		rs = rs[:1]
	}
	receipts := make([]Receipt, len(rs))
	err := m.s.AppendBatch(q, rs, receipts)
	if err != nil {
		return err
	}
	for i := range rs {
		m.appended(q, &rs[i], receipts[i])
	}
	size := message.LogOffset(m.o.CommitLogFileSize)
	m.require(receipts[0].LogOffset/size == (receipts[len(rs)-1].End()-1)/size, "the batch at %d lies in two files", receipts[0].LogOffset)
	return nil
}

// appended tells the model of a message.
func (m *sim) appended(q *consumequeue.Queue, r *message.Record, got Receipt) {
	rec := &simRecord{
		topic: q.Topic(), id: q.ID(), offset: got.QueueOffset, log: got.LogOffset, raw: r.Append(nil),
		queued: r.SysFlag == message.TransactionNone || r.SysFlag == message.TransactionCommit,
	}
	rec.tagsCode = javahash.TagsCode(r.Properties.Get("TAGS"))
	if rec.topic == scheduleTopic {
		var level int
		_, err := fmt.Sscan(string(r.Properties.Get("DELAY")), &level)
		m.require(err == nil, "delay: %v", err)
		rec.tagsCode = r.StoreTimestamp + defaultDelays[min(level, len(defaultDelays))-1].Milliseconds()
	}
	if r.SysFlag != message.TransactionRollback {
		for _, key := range append([]string{string(r.Properties.Get("UNIQ_KEY"))}, splitKeys(r.Properties.Get("KEYS"))...) {
			if key != "" {
				rec.hashes = append(rec.hashes, index.Hash(r.Topic, []byte(key)))
				rec.keys = append(rec.keys, key)
			}
		}
	}
	m.logf("append %s", rec)
	m.model.records = append(m.model.records, rec)
}

// commit commits everything appended, as the store's flush type does.
func (m *sim) commit() error {
	upTo := m.s.stage.stager.Tail()
	waiting := m.model.records
	var failed error
	ack := func(err error) {
		failed = err
		if err == nil && m.image == nil {
			for _, r := range waiting {
				r.acked = true
			}
		}
	}
	if m.s.isDeferred() {
		_, _ = m.s.Commit(upTo, true, ack)
		m.s.commitStep()
		return failed
	}
	_, err := m.s.Commit(upTo, true, nil)
	ack(err)
	return err
}

// expire removes old commit log files.
func (m *sim) expire() error {
	m.clock.now = m.clock.now.Add(time.Duration(m.rng.IntN(90)) * time.Second)
	return m.s.DeleteExpired(m.clock.now, true)
}

// deleteTopic removes the queues of a topic. Until it has succeeded they may be there or not, and a start
// that has to make the queues again from the log may find topics that were deleted before.
func (m *sim) deleteTopic() error {
	if err := m.commit(); err != nil {
		return err
	}
	topic := simTopics[m.rng.IntN(len(simTopics))]
	m.logf("delete topic %s", topic)
	for _, r := range m.model.records {
		if r.topic == topic || r.presence == mustNot {
			r.presence = may
		}
	}
	err := m.s.DeleteTopic(topic)
	if err == nil && m.image == nil {
		for _, r := range m.model.records {
			if r.presence == may && !m.model.unsure {
				r.presence = mustNot
			}
		}
		return nil
	}
	m.model.unsure = true
	return err
}

// fillDisk leaves the disk a few blocks.
func (m *sim) fillDisk() error {
	space, err := m.mem.Space()
	if err != nil || m.full {
		return err
	}
	m.mem.Capacity = space.Total - space.Free + int64(m.rng.IntN(10))*4096
	m.full = true
	return nil
}

func splitKeys(keys []byte) []string {
	var split []string
	from := 0
	for i := range len(keys) + 1 {
		if i == len(keys) || keys[i] == ' ' {
			split = append(split, string(keys[from:i]))
			from = i + 1
		}
	}
	return split
}
