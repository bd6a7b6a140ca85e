package sim

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"time"

	"ringmq/consumequeue"
	"ringmq/engine"
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
	{20, "commit", (*sim).commit},
	{6, "commit, not waiting", (*sim).commitNoWait},
	{6, "committer", func(m *sim) error { m.land(); m.s.Committer(); return nil }},
	{8, "ring", func(m *sim) error { m.ring.Step(); return nil }},
	{2, "flush watch", func(m *sim) error { m.s.FlushWatch(); return nil }},
	{3, "flush", (*sim).flush},
	{4, "sync log", func(m *sim) error { return m.s.SyncLog() }},
	{6, "flush queues", func(m *sim) error { m.land(); m.s.FlushQueues(); return nil }},
	{6, "queue writer", func(m *sim) error { m.s.QueueWriter(); return nil }},
	{6, "checkpoint", func(m *sim) error { m.land(); return m.s.Checkpoint() }},
	{8, "index", func(m *sim) error { m.s.Indexer(); return nil }},
	{4, "prepare", func(m *sim) error { m.s.Prepare(); return nil }},
	{3, "expire", (*sim).expire},
	{2, "caretaker", (*sim).care},
	{2, "delete topic", (*sim).deleteTopic},
	{1, "delete stale queues", func(m *sim) error { m.land(); return m.s.DeleteStaleQueues(func(string) bool { return false }) }},
	{2, "fill the disk", (*sim).fillDisk},
	{4, "make room", func(m *sim) error { m.makeRoom(); return m.s.CheckDisk() }},
	{3, "get", func(m *sim) error { m.auditGets(); return nil }},
}

// work does that many pieces of work, unless the life ends before.
func (m *sim) work(steps int) {
	sum := 0
	for _, w := range works {
		sum += w.weight
	}
	for range steps {
		if m.image != nil {
			return
		}
		m.clock.now = m.clock.now.Add(time.Duration(m.rng.IntN(3000)) * time.Millisecond)
		pick := m.rng.IntN(sum)
		for i := range works {
			if pick -= works[i].weight; pick < 0 {
				m.do(works[i].name, works[i].do)
				break
			}
		}
	}
}

// do does one piece of work. It may fail only when the disk is full or fails, or the process is dead.
func (m *sim) do(name string, work func(*sim) error) {
	err := work(m)
	m.logf("%s: %v", name, err)
	outcome := "done"
	switch {
	case err == nil:
	case m.image != nil:
		outcome = "cut short"
	case m.faulted:
		outcome = "failed"
	case m.full && noRoom(err):
		outcome = "no room"
	case errors.Is(err, engine.ErrBusy) && m.ring.Flying():
		outcome = "busy"
	default:
		m.must(false, "%s: %v", name, err)
	}
	m.reached("work", name, outcome)
}

// noRoom tells the answers of a store on a full disk.
func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, engine.ErrDiskFull)
}

// topics are of all kinds.
var topics = []string{"A", "B", "%RETRY%中文", engine.ScheduleTopic}

var host = netip.MustParseAddrPort("127.0.0.1:10911")

// messageOf makes a message with a body of about that size; it has a key of its own and one that others have.
func (m *sim) messageOf(topic string, size int) message.Record {
	n := m.model.nextBody()
	r := message.Record{
		Topic: []byte(topic), BornTimestamp: 1000, BornHost: host, StoreHost: host,
		Body:           append(fmt.Appendf(nil, "%d ", n), make([]byte, size)...),
		StoreTimestamp: m.clock.now.UnixMilli(),
	}
	r.Properties = r.Properties.Append("TAGS", "Tag").Append("UNIQ_KEY", fmt.Sprint("U", n)).Append("KEYS", fmt.Sprintf("k%d", n%5))
	return r
}

// message makes a random message.
func (m *sim) message(topic string) message.Record {
	r := m.messageOf(topic, m.rng.IntN(100<<m.rng.IntN(4)))
	n := m.model.bodies
	r.Properties = message.Properties(nil).Append("TAGS", fmt.Sprint("Tag", m.rng.IntN(3)))
	if m.rng.IntN(3) > 0 {
		r.Properties = r.Properties.Append("UNIQ_KEY", fmt.Sprint("U", n))
	}
	if m.rng.IntN(3) == 0 {
		r.Properties = r.Properties.Append("KEYS", fmt.Sprintf("k%d  all", m.rng.IntN(5)))
	}
	if topic == engine.ScheduleTopic {
		r.Properties = r.Properties.Append("DELAY", fmt.Sprint(1+m.rng.IntN(20)))
	}
	return r
}

func (m *sim) queue() *consumequeue.Queue {
	topic := topics[m.rng.IntN(len(topics))]
	return m.s.Queue([]byte(topic), int32(m.rng.IntN(2)))
}

func (m *sim) append() error {
	q := m.queue()
	r := m.message(q.Topic())
	// Half messages and rollbacks have no place in the queue.
	r.SysFlag = []int32{
		message.TransactionNone, message.TransactionNone, message.TransactionNone,
		message.TransactionCommit, message.TransactionPrepared, message.TransactionRollback,
	}[m.rng.IntN(6)]
	if q.Topic() != engine.ScheduleTopic && m.rng.IntN(4) == 0 {
		all := append(named, "B")
		names := all[m.rng.IntN(3)]
		for range m.rng.IntN(3) {
			names += "," + all[m.rng.IntN(3)]
		}
		r.Properties = r.Properties.Append(engine.PropertyMulti, names)
	}
	return m.put(q, &r)
}

func (m *sim) put(q *consumequeue.Queue, r *message.Record) error {
	next, others := q.Next, m.others(q, r)
	got, err := m.s.Append(q, r)
	if err == nil {
		m.appended(q, r, got, next, others...)
	}
	return err
}

// filterBits are Options.FilterBits: none for some.
func filterBits(_ []byte, p message.Properties) []byte {
	tags := p.Get("TAGS")
	if string(tags) == "Tag0" {
		return nil
	}
	return tags
}

func (m *sim) appendBatch() error {
	q := m.queue()
	rs := make([]message.Record, 1+m.rng.IntN(5))
	total := 0
	for i := range rs {
		rs[i] = m.message(q.Topic())
		total += rs[i].Size()
	}
	if total > int(m.o.CommitLogFileSize)-message.BlankSize {
		rs = rs[:1]
	}
	return m.putBatch(q, rs)
}

func (m *sim) putBatch(q *consumequeue.Queue, rs []message.Record) error {
	receipts := make([]engine.Receipt, len(rs))
	next := q.Next
	if err := m.s.AppendBatch(q, rs, receipts); err != nil {
		return err
	}
	for i := range rs {
		m.appended(q, &rs[i], receipts[i], next+message.QueueOffset(i))
	}
	size := message.LogOffset(m.o.CommitLogFileSize)
	m.must(receipts[0].LogOffset/size == (receipts[len(rs)-1].End()-1)/size, "the batch at %d lies in two files", receipts[0].LogOffset)
	return nil
}

// appended tells the model of a message, whose queue's next offset was next.
func (m *sim) appended(q *consumequeue.Queue, r *message.Record, got engine.Receipt, next message.QueueOffset, others ...spot) {
	rec := &record{
		place: place{q.Topic(), q.ID(), got.QueueOffset}, log: got.LogOffset, raw: r.Append(nil),
		storeTime: r.StoreTimestamp, bits: bytes.Clone(filterBits(r.Topic, r.Properties)),
	}
	if r.SysFlag == message.TransactionNone || r.SysFlag == message.TransactionCommit {
		rec.spots = append([]spot{{place: rec.place}}, others...)
		m.must(got.QueueOffset == next, "%s was put, the next offset was %d", rec, next)
	}
	rec.tagsCode = javahash.TagsCode(r.Properties.Get("TAGS"))
	if rec.topic == engine.ScheduleTopic {
		var level int
		_, err := fmt.Sscan(string(r.Properties.Get("DELAY")), &level)
		m.must(err == nil, "delay: %v", err)
		rec.tagsCode = r.StoreTimestamp + delays[min(level, len(delays))-1].Milliseconds()
	}
	if r.SysFlag != message.TransactionRollback {
		keys := append(bytes.Split(r.Properties.Get("KEYS"), []byte(" ")), r.Properties.Get("UNIQ_KEY"))
		for _, key := range keys {
			if len(key) > 0 {
				rec.hashes = append(rec.hashes, index.Hash(r.Topic, key))
				rec.keys = append(rec.keys, string(key))
			}
		}
	}
	m.logf("append %s", rec)
	m.model.records = append(m.model.records, rec)
}

// commit commits everything appended and waits as the store's flush type does: often the committer is
// slow, and answers later or never.
func (m *sim) commit() error {
	upTo := m.s.Tail()
	if !m.s.Deferred() || m.o.AckFromStaging {
		_, err := m.s.Commit(upTo, nil)
		if err == nil && !m.o.AckFromStaging {
			m.acknowledged(upTo)
		}
		return err
	}
	var failed error
	ack := func(err error) {
		switch {
		case err == nil:
			m.acknowledged(upTo)
		case !errors.Is(err, engine.ErrFlushTimeout):
			failed = err
		}
	}
	if m.rng.IntN(2) == 0 {
		_, err := m.s.CommitOn(m.ring, upTo, ack)
		return errors.Join(err, failed)
	}
	m.land()
	_, err := m.s.Commit(upTo, ack)
	if m.rng.IntN(4) > 0 {
		m.s.Committer()
	}
	return errors.Join(err, failed)
}

// land lets the ring end what it was given: the commit that it carries out holds a lock, for which
// everything else in this one goroutine would wait for ever.
func (m *sim) land() {
	for m.image == nil && m.ring.Step() {
	}
}

// commitNoWait is what a broker does on its way to something else (restore, pulls): nobody is told when the device has
// the messages.
func (m *sim) commitNoWait() error {
	upTo := m.s.Tail()
	_, err := m.s.Commit(upTo, nil)
	if err == nil && !m.s.Deferred() && !m.o.AckFromStaging {
		m.acknowledged(upTo)
	}
	return err
}

// flush makes everything appended safe from a power cut.
func (m *sim) flush() error {
	m.land()
	upTo := m.s.Tail()
	err := m.s.Flush()
	if err == nil && m.image == nil {
		m.must(m.s.Durable() >= upTo, "flushed to %d, and the device has it to %d", upTo, m.s.Durable())
	}
	return err
}

// expire removes old commit log files.
func (m *sim) expire() error {
	m.land()
	m.clock.now = m.clock.now.Add(time.Duration(m.rng.IntN(90)) * time.Second)
	return m.s.DeleteExpired(m.clock.now, true)
}

// care is a turn of the caretaker.
func (m *sim) care() error {
	m.land()
	return errors.Join(m.s.CheckDisk(), m.s.DeleteExpired(m.clock.now, false))
}

// deleteTopic removes the queues of a topic. Until it has succeeded they may be there or not, and a start
// that has to make the queues again from the log may find topics that were deleted before.
func (m *sim) deleteTopic() error {
	m.land()
	if err := m.s.Flush(); err != nil {
		return err
	}
	return m.deleteQueues(append(topics, named...)[m.rng.IntN(len(topics)+len(named))])
}

func (m *sim) deleteQueues(topic string) error {
	m.logf("delete topic %s", topic)
	m.eachSpot(func(s *spot) {
		if s.topic == topic || s.presence == mustNot {
			s.presence = may
		}
	})
	err := m.s.DeleteTopic(topic)
	if err == nil && m.image == nil {
		m.eachSpot(func(s *spot) {
			if s.presence == may && !m.model.unsure {
				s.presence = mustNot
			}
		})
		return nil
	}
	m.model.unsure = true
	return err
}

func (m *sim) eachSpot(fn func(*spot)) {
	for _, r := range m.model.records {
		for i := range r.spots {
			fn(&r.spots[i])
		}
	}
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
