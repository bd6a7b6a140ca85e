package sim

import (
	"bytes"
	"slices"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
)

// audit compares the store, which was just opened, with the model, and drops from the model what was
// lost and not promised.
func (m *sim) audit() {
	m.w.images++
	m.model.lives++
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
	begin, end := m.s.Begin(), m.s.Written()
	m.logf("log from %d to %d", begin, end)
	left := make([]*record, 0, len(m.model.records))
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
			m.must(!m.promised(r), "lost after %s: %s", m.model.ended, r)
			m.logf("lost: %s", r)
		}
	}
	m.model.records = left
}

// auditQueues checks that the queues hold what is in the log, each message where it was put.
func (m *sim) auditQueues() {
	seen := make(map[*spot]bool, len(m.model.records))
	var units consumequeue.Units
	defer units.Close()
	var entries []consumequeue.Entry
	for _, q := range m.s.Queues() {
		at := place{q.Topic(), q.ID(), q.Min()}
		m.must(q.Next == q.Max(), "%s: next is %d, max %d", at, q.Next, q.Max())
		entries = slices.Grow(entries[:0], int(q.Max()-q.Min()))[:q.Max()-q.Min()]
		n, err := q.Read(q.Min(), entries)
		m.must(err == nil && n == len(entries), "%s: %d of %d entries read: %v", at, n, len(entries), err)
		for i := range entries {
			at.offset = q.Min() + message.QueueOffset(i)
			m.auditUnit(&units, q, &entries[i])
			if s := m.auditEntry(at, &entries[i]); s != nil {
				s.presence = must
				seen[s] = true
			}
		}
	}
	for _, r := range m.model.records {
		for i := range r.spots {
			if s := &r.spots[i]; !seen[s] {
				m.must(s.presence != must, "after %s not in queue %s: %s", m.model.ended, s.place, r)
				s.presence = mustNot
			}
		}
	}
}

// auditUnit checks that the unit that an entry leads to is its message's, and gives the entry the unit's tags code.
func (m *sim) auditUnit(units *consumequeue.Units, q *consumequeue.Queue, e *consumequeue.Entry) {
	if !consumequeue.IsAddress(e.TagsCode) || engine.IsHole(e) {
		return
	}
	r := m.model.at(e.LogOffset)
	m.must(r != nil, "%s/%d points at %d, where no message is", q.Topic(), q.ID(), e.LogOffset)
	u, ok := units.Unit(q, e.TagsCode, true)
	if !ok {
		m.must(m.faulted || m.model.ended == power, "after %s %s has no unit", m.model.ended, r)
		e.TagsCode = r.tagsCode
		m.reached("unit", "missing", m.model.ended.String())
		return
	}
	e.TagsCode = u.TagsCode
	m.must(u.StoreTime == r.storeTime && bytes.Equal(u.Bits, r.bits), "%s/%d: %s has the unit of another: %+v", q.Topic(), q.ID(), r, *u)
	m.reached("unit", "whole", m.model.ended.String())
}

// auditEntry checks one entry of a queue and returns its message's spot, nil for a hole.
func (m *sim) auditEntry(at place, e *consumequeue.Entry) *spot {
	if engine.IsHole(e) {
		m.must(m.model.ended == power || m.model.holes[at], "%s is a hole after %s", at, m.model.ended)
		m.model.holes[at] = true
		return nil
	}
	r := m.model.at(e.LogOffset)
	m.must(r != nil, "%s points at %d, where no message is", at, e.LogOffset)
	s := r.spotAt(at)
	m.must(s != nil, "%s points at %s", at, r)
	if at != r.place {
		m.reached("entry", "of a message of another topic", m.model.ended.String())
	}
	m.must(r.entry() == *e, "%s is %+v, want %+v", at, *e, r.entry())
	m.must(s.presence != mustNot || m.model.unsure, "%s: its topic was deleted", at)
	return s
}

// auditGets reads every queue as consumers do.
func (m *sim) auditGets() {
	visible, begin := m.s.Visible(), m.s.Begin()
	type reading struct {
		want   []*record
		unsure bool
	}
	readings := map[*consumequeue.Queue]*reading{}
	for _, r := range m.model.records {
		for _, s := range r.spots {
			q := m.s.Lookup([]byte(s.topic), s.id)
			if q == nil {
				continue
			}
			if readings[q] == nil {
				readings[q] = &reading{}
			}
			rd := readings[q]
			rd.unsure = rd.unsure || s.presence == may
			if s.presence == must && r.end() <= visible && r.log >= begin && s.offset >= q.Min() {
				rd.want = append(rd.want, r)
			}
		}
	}
	for _, q := range m.s.Queues() {
		if rd := readings[q]; rd == nil {
			m.consume(q, nil, false)
		} else {
			m.consume(q, rd.want, rd.unsure)
		}
	}
}

// consume reads one queue from its begin to its end.
func (m *sim) consume(q *consumequeue.Queue, want []*record, unsure bool) {
	for at := q.Min(); at < q.Max(); {
		res := engine.NewGetResult()
		m.s.Get(&engine.GetRequest{Queue: q, Offset: at, MaxMsgs: 1 + m.rng.IntN(40)}, res)
		if res.Cold && m.image == nil {
			err := res.Warm()
			m.must(err == nil || m.image != nil || m.faulted, "%s/%d@%d: %v", q.Topic(), q.ID(), at, err)
		}
		m.must(res.Next > at, "%s/%d: a get at %d leads to %d: %s", q.Topic(), q.ID(), at, res.Next, res.Status)
		if !unsure {
			got := slices.Concat(res.Buffers()...)
			for len(got) > 0 && len(want) > 0 && bytes.HasPrefix(got, want[0].raw) {
				got, want = got[len(want[0].raw):], want[1:]
			}
			m.must(len(got) == 0, "%s/%d: a get at %d returns %d bytes that nobody put there", q.Topic(), q.ID(), at, len(got))
		}
		at = res.Next
		res.Release()
	}
	m.must(len(want) == 0 || unsure, "%s/%d: %d messages are not got, the first is %v", q.Topic(), q.ID(), len(want), first(want))
}

func first(rs []*record) *record {
	if len(rs) == 0 {
		return &record{}
	}
	return rs[0]
}

// auditIndex checks that every message in the log is found by its keys, and nothing else is.
func (m *sim) auditIndex() {
	if err := m.s.DrainIndex(); err != nil {
		m.must(m.image != nil || m.faulted || m.full, "index: %v", err)
		return
	}
	begin := m.s.Begin()
	want := map[int32][]message.LogOffset{}
	for _, r := range slices.Backward(m.model.records) {
		for _, h := range r.hashes {
			want[h] = append(want[h], r.log)
		}
	}
	asked := map[int32]bool{}
	for _, r := range m.model.records {
		for i, key := range r.keys {
			h := r.hashes[i]
			if asked[h] {
				continue
			}
			asked[h] = true
			found := m.s.QueryKey([]byte(r.topic), []byte(key), 1<<20, 0, 1<<62).Offsets
			found = slices.DeleteFunc(found, func(off message.LogOffset) bool { return off < begin })
			m.must(slices.Equal(want[h], found), "after %s key %s of %s is found at %d, want %d", m.model.ended, key, r, found, want[h])
		}
	}
}
