package inspect

import (
	"fmt"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
)

// finish tells what was held of a queue, and looks at the entries that no record has claimed: before
// and behind the queue's records, and between them.
func (m *matcher) finish(q *queue, logMin, logEnd message.LogOffset, known topicKnowledge) error {
	if !q.listed {
		m.unlisted(q, known)
		return nil
	}
	m.tellHeld(q)
	for _, s := range q.missing {
		which := fmt.Sprintf(" for queue offsets %d to %d, of records from log offset %d on", s.from, s.to-1, s.at)
		p := m.from(q, s.from, "no entries"+which, "", "")
		if p.Note = m.crashed && s.from >= q.max; p.Note {
			p.What = "the broker had not written yet the entries" + which
		}
		m.find.add(p)
	}
	u := unclaimed{m: m, q: q, logMin: logMin, logEnd: logEnd, empty: -1}
	before := q.max // without records all entries are unclaimed
	if q.met {
		before = min(q.lo, q.max)
	}
	if err := u.look(q.first, before); err != nil {
		return err
	}
	u.started = q.met
	for _, gap := range q.gaps {
		if err := u.gap(gap); err != nil {
			return err
		}
	}
	if q.met && q.next < q.max {
		u.ended = true
		if err := u.look(max(q.next, q.first), q.max); err != nil {
			return err
		}
	}
	u.tell()
	if q.stale > 0 {
		m.find.add(Problem{
			Note: true, Path: q.dir(), Offset: wholeFile,
			What: fmt.Sprintf("%d records in the log are from before the topic was deleted", q.stale),
		})
	}
	return nil
}

// tellHeld tells what was held until now.
func (m *matcher) tellHeld(q *queue) {
	for _, p := range q.held {
		m.find.add(p)
	}
	m.find.count(q.heldMore)
}

// topicKnowledge is whether topics.json could be read, and what it names.
type topicKnowledge struct {
	ok     bool
	topics map[string]bool
}

// unlisted tells of records whose queue has no folder.
func (m *matcher) unlisted(q *queue, known topicKnowledge) {
	p := Problem{Path: fmt.Sprintf("%s/%s/%d", engine.ConsumeQueueName, shortTopic(q.topic), q.id), Offset: wholeFile}
	n := q.records() + q.stale
	switch {
	case !q.met:
		p.Note, p.What = true, fmt.Sprintf("%d records in the log are from before the topic was deleted", n)
	case known.ok && !known.topics[q.topic]:
		p.Note, p.What = true, fmt.Sprintf("%d records in the log are of a topic that is not in topics.json: it was deleted", n)
	case m.crashed:
		p.Note, p.What = true, fmt.Sprintf("a queue that the broker had not written yet; the log has %d records of it", n)
	default:
		p.What = fmt.Sprintf("the queue is missing; the log has %d records of it", n)
	}
	m.find.add(p)
	m.tellHeld(q)
}

// unclaimed looks at entries that no record has claimed.
type unclaimed struct {
	m              *matcher
	q              *queue
	logMin, logEnd message.LogOffset
	started, ended bool // records lie before; none lie behind
	told           int
	lost           int64
	firstLost      message.QueueOffset
	beyond         span                // a run of entries behind the log's end
	empty          message.QueueOffset // behind the last place without an entry
}

// gap looks at the entries of queue offsets that no record has although later ones have records.
func (u *unclaimed) gap(s span) error {
	var empty bool
	// Where a record's offset is damaged the gap can be of any size; the queue's end bounds it.
	end := min(s.to, max(u.q.max, s.from))
	for at := s.from; at < end; at++ {
		e, err := u.m.entry(u.q, at)
		if err != nil {
			return err
		}
		if (e == consumequeue.Entry{}) {
			empty = true
			continue
		}
		if err := u.look(at, at+1); err != nil {
			return err
		}
	}
	if empty || end < s.to {
		u.m.find.add(u.m.from(u.q, s.from, fmt.Sprintf("the log has no records for queue offsets %d to %d, before log offset %d", s.from, s.to-1, s.at), "", ""))
	}
	return nil
}

// look judges the entries of [from, to).
func (u *unclaimed) look(from, to message.QueueOffset) error {
	m, q := u.m, u.q
	for at := from; at < to; at++ {
		e, err := m.entry(q, at)
		if err != nil {
			return err
		}
		switch {
		case e.IsHole() || e.IsValid() && m.damage.covers(e.LogOffset):
			if u.lost++; u.lost == 1 {
				u.firstLost = at
			}
		case e.IsBlank() || e.LogOffset < u.logMin && e.IsValid():
			if u.started {
				u.add(m.problem(q, at, "entry behind later ones", "", entryText(e)))
			}
		case e == consumequeue.Entry{}:
			if !u.ended && at > u.empty {
				u.add(m.problem(q, at, "no entry, although later ones follow", "", ""))
			}
			u.empty = at + 1
		case !e.IsValid():
			u.add(m.problem(q, at, "not an entry", "", entryText(e)))
		case e.LogOffset >= u.logEnd:
			if u.beyond.to == 0 {
				u.beyond = span{at, at, e.LogOffset}
			}
			u.beyond.to = at + 1
		default:
			u.astray(at, e)
		}
	}
	return nil
}

// astray tells of an entry that leads to something else than its record.
func (u *unclaimed) astray(at message.QueueOffset, e consumequeue.Entry) {
	if u.told >= maxHeld {
		u.add(Problem{})
		return
	}
	there := "no record"
	if _, err := u.m.reader.read(e.LogOffset); err == nil {
		r := &u.m.reader.rec
		there = fmt.Sprintf("%s queue %d offset %d", shortTopic(string(r.Topic)), r.QueueID, r.QueueOffset)
	}
	u.add(u.m.problem(u.q, at, "entry that leads elsewhere", fmt.Sprintf("a record of %v", u.q), entryText(e)+", where lies "+there))
}

// add tells a problem, or counts it after many.
func (u *unclaimed) add(p Problem) {
	if u.told++; u.told > maxHeld {
		u.m.find.count(1)
		return
	}
	u.m.find.add(p)
}

// tell tells what was gathered.
func (u *unclaimed) tell() {
	m, q := u.m, u.q
	m.lost += u.lost
	if u.lost > 0 {
		m.find.add(Problem{Note: true, Path: q.dir(), Offset: wholeFile, What: fmt.Sprintf("lost messages, whose records are damaged or gone: %d, the first at queue offset %d", u.lost, u.firstLost)})
	}
	if b := u.beyond; b.to > 0 {
		p := m.from(q, b.from, fmt.Sprintf("entries for queue offsets %d to %d lead behind the end of the log", b.from, b.to-1), fmt.Sprintf("less than %d", u.logEnd), fmt.Sprintf("log offset %d", b.at))
		p.Note = m.crashed
		m.find.add(p)
	}
}
