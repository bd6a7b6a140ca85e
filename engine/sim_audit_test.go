package engine

import (
	"bytes"
	"fmt"
	"slices"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// simModel is what the store was given and has promised.
type simModel struct {
	records []*simRecord // in the order of the log
	bodies  int
	ended   ending // how the lives since the last audit ended, the worst of them
	// holes are the places of messages that a power cut took from between others.
	holes map[string]bool
	// unsure: a topic's deletion was interrupted, so that a deleted topic may be seen again.
	unsure bool
}

// simRecord is one message.
type simRecord struct {
	topic    string
	id       int32
	offset   message.QueueOffset
	log      message.LogOffset
	raw      []byte
	queued   bool
	tagsCode int64
	keys     []string
	hashes   []int32

	acked    bool // Commit has succeeded
	stored   bool // the page cache has it
	durable  bool // the device has it, as the store says
	presence presence
}

// presence is whether a stored message is in its queue.
type presence uint8

const (
	must    presence = iota
	may              // its topic may have been deleted
	mustNot          // its topic was deleted
)

func (r *simRecord) end() message.LogOffset { return r.log + message.LogOffset(len(r.raw)) }

func (r *simRecord) entry() consumequeue.Entry {
	return consumequeue.Entry{LogOffset: r.log, Size: int32(len(r.raw)), TagsCode: r.tagsCode}
}

func (r *simRecord) String() string {
	return fmt.Sprintf("%s/%d@%d at %d to %d", r.topic, r.id, r.offset, r.log, r.end())
}

func (md *simModel) nextBody() int { md.bodies++; return md.bodies }

// closed notes that everything appended was stored by Close.
func (md *simModel) closed() {
	for _, r := range md.records {
		r.stored, r.durable = true, true
	}
}

// promise notes what the store has promised by now. The store may be about to do something.
func (m *sim) promise() {
	if m.s == nil {
		return // it opens; what was promised before is still
	}
	visible, durable := m.s.Visible(), m.s.log.Durable()
	for _, r := range m.model.records {
		r.stored = r.stored || r.end() <= visible
		r.durable = r.durable || r.end() <= durable
	}
}

// promised tells whether a message must have outlasted the last life.
func (m *sim) promised(r *simRecord) bool {
	switch m.model.ended {
	case power:
		return r.durable || m.o.Flush == SyncFlush && r.acked
	default:
		return r.stored || r.acked
	}
}

// audit compares the store, which was just opened, with the model, and drops from the model what was
// lost and not promised.
func (m *sim) audit() {
	m.t.Helper()
	m.auditLog()
	m.auditQueues()
	m.auditGets()
	m.auditIndex()
	// What is here now is what a kill must leave.
	for _, r := range m.model.records {
		r.stored = true
	}
	m.model.unsure = false
	m.model.ended = closed
}

// auditLog drops messages that are not in the log: those that were lost or have expired.
func (m *sim) auditLog() {
	m.t.Helper()
	begin, end := m.s.log.Min(), m.s.log.Written()
	m.logf("log from %d to %d", begin, end)
	var left []*simRecord
	for _, r := range m.model.records {
		there := r.log >= begin && r.end() <= end
		if there {
			raw, err := m.s.ReadRecord(r.log)
			there = err == nil && bytes.Equal(raw, r.raw)
		}
		if there {
			left = append(left, r)
			continue
		}
		if r.log >= begin {
			m.require(!m.promised(r), "lost after %s: %s", m.model.ended, r)
			m.logf("lost: %s", r)
		}
	}
	m.model.records = left
}

// auditQueues checks that the queues hold what is in the log, each message where it was put.
func (m *sim) auditQueues() {
	m.t.Helper()
	byLog := map[message.LogOffset]*simRecord{}
	for _, r := range m.model.records {
		byLog[r.log] = r
	}
	seen := map[*simRecord]bool{}
	for _, q := range m.s.queues.All() {
		name := fmt.Sprintf("%s/%d", q.Topic(), q.ID())
		m.require(q.Next == q.Max(), "%s: next is %d, max %d", name, q.Next, q.Max())
		entries := make([]consumequeue.Entry, q.Max()-q.Min())
		n, err := q.Read(q.Min(), entries)
		m.require(err == nil && n == len(entries), "%s: %d of %d entries read: %v", name, n, len(entries), err)
		for i, e := range entries {
			at := q.Min() + message.QueueOffset(i)
			if isHole(&e) {
				place := fmt.Sprint(name, "@", at)
				m.require(m.model.ended == power || m.model.holes[place], "%s is a hole after %s", place, m.model.ended)
				m.model.holes[place] = true
				continue
			}
			r := byLog[e.LogOffset]
			m.require(r != nil, "%s@%d points at %d, where no message is", name, at, e.LogOffset)
			m.require(r.topic == q.Topic() && r.id == q.ID() && r.offset == at && r.queued, "%s@%d points at %s", name, at, r)
			m.require(r.entry() == e, "%s@%d is %+v, want %+v", name, at, e, r.entry())
			m.require(r.presence != mustNot || m.model.unsure, "%s@%d: its topic was deleted", name, at)
			r.presence = must
			seen[r] = true
		}
	}
	for _, r := range m.model.records {
		if r.queued && !seen[r] {
			m.require(r.presence != must, "after %s not in its queue: %s", m.model.ended, r)
			r.presence = mustNot
		}
	}
}

// auditGets reads every queue as consumers do.
func (m *sim) auditGets() {
	m.t.Helper()
	visible := m.s.Visible()
	want := map[*consumequeue.Queue][]byte{}
	unsure := map[*consumequeue.Queue]bool{}
	for _, r := range m.model.records {
		q := m.s.Lookup([]byte(r.topic), r.id)
		unsure[q] = unsure[q] || r.presence == may
		if r.queued && r.presence == must && r.end() <= visible && r.log >= m.s.log.Min() && q != nil && r.offset >= q.Min() {
			want[q] = append(want[q], r.raw...)
		}
	}
	for _, q := range m.s.queues.All() {
		var got []byte
		for at := q.Min(); at < q.Max(); {
			res := NewGetResult()
			m.s.Get(&GetRequest{Queue: q, Offset: at, MaxMsgs: 1 + m.rng.IntN(40)}, res)
			if res.Cold && m.image == nil {
				err := res.Warm()
				m.require(err == nil || m.image != nil || m.faulted, "%s/%d@%d: %v", q.Topic(), q.ID(), at, err)
			}
			m.require(res.Next > at, "%s/%d: a get at %d leads to %d: %s", q.Topic(), q.ID(), at, res.Next, res.Status)
			for _, b := range res.Buffers() {
				got = append(got, b...)
			}
			at = res.Next
			res.Release()
		}
		m.require(bytes.Equal(want[q], got) || unsure[q], "%s/%d: gets return something else than was put", q.Topic(), q.ID())
	}
}

// auditIndex checks that every message in the log is found by its keys, and nothing else is.
func (m *sim) auditIndex() {
	m.t.Helper()
	if err := m.s.indexer.drain(); err != nil {
		m.require(m.image != nil || m.faulted || m.full, "index: %v", err)
		return
	}
	want := map[int32][]message.LogOffset{}
	for _, r := range slices.Backward(m.model.records) {
		for _, h := range r.hashes {
			want[h] = append(want[h], r.log)
		}
	}
	for _, r := range m.model.records {
		for i, key := range r.keys {
			found := m.s.QueryKey([]byte(r.topic), []byte(key), 1<<20, 0, 1<<62).Offsets
			found = slices.DeleteFunc(found, func(off message.LogOffset) bool { return off < m.s.log.Min() })
			m.require(slices.Equal(want[r.hashes[i]], found), "after %s key %s of %s is found at %d, want %d",
				m.model.ended, key, r, found, want[r.hashes[i]])
		}
	}
}
