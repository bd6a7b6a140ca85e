package inspect

import (
	"cmp"
	"fmt"
	"sort"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// matcher holds the facts of the records, in the order of the log, against the queues' entries.
type matcher struct {
	log     *logFiles
	entries *entryReader
	reader  recordReader // for records that entries lead to in vain
	find    *findings
	damage  *damageList
	crashed bool // nobody closed the store: its end may be missing
	exact   bool // the delay levels are known
	units   unitReader

	records int64 // with an entry
	lost    int64 // messages of which only the entry is left
}

// take holds one record's fact against its queue.
func (m *matcher) take(f *fact) error {
	q := f.queue
	if f.entry.LogOffset < q.dead {
		q.stale++
		return nil
	}
	place := f.offset
	if !q.met || place != q.next {
		var err error
		if place, err = m.outOfOrder(q, f); err != nil || place < 0 {
			return err
		}
	} else {
		q.doubt = nil
	}
	q.next = place + 1
	m.records++
	if !q.listed {
		return nil
	}
	e, err := m.entry(q, place)
	if err != nil {
		return err
	}
	return m.compare(q, f, place, e)
}

// entry is the zero Entry where the files have none.
func (m *matcher) entry(q *queue, at message.QueueOffset) (consumequeue.Entry, error) {
	if at < q.first || at >= q.max {
		return consumequeue.Entry{}, nil
	}
	return m.entries.at(q, at)
}

// outOfOrder decides where a record belongs that is the first of its queue, or does not follow the one
// before it: -1 for nowhere. Its header has no checksum, but the queue's entries were written apart
// from it: what they say, too, is true.
func (m *matcher) outOfOrder(q *queue, f *fact) (message.QueueOffset, error) {
	own, err := m.entry(q, f.offset)
	if err != nil {
		return -1, err
	}
	place, said := f.offset, own.IsValid() && own.LogOffset == f.entry.LogOffset
	if !said {
		led, ok, err := m.leading(q, f.entry.LogOffset)
		if err != nil {
			return -1, err
		}
		if ok && led != place {
			m.wrongOffset(q, f.entry.LogOffset, f.offset, "QUEUEOFFSET of the record", fmt.Sprint(int64(led)))
			place, said = led, true
		}
	}
	m.settle(q, f, place, said)
	switch {
	case !q.met:
		q.met, q.lo, q.began = true, place, f.entry.LogOffset
	case place == q.next:
	case place > q.next:
		q.holdSpan(&q.gaps, span{q.next, place, f.entry.LogOffset})
	case said || place == 0:
		q.restart(f.entry.LogOffset)
		q.lo = place
	default:
		m.wrongOffset(q, f.entry.LogOffset, f.offset, "QUEUEOFFSET of the record, which an earlier one has", fmt.Sprint(int64(q.next)))
		return -1, nil
	}
	return place, nil
}

// settle decides a doubt about the record before: when the one at place goes on where that one's predecessor
// was, only its offset was wrong. Then it begins a new doubt, unless the queue's entries have spoken.
func (m *matcher) settle(q *queue, f *fact, place message.QueueOffset, said bool) {
	if d := q.doubt; d != nil && place == d.before.next+1 {
		q.generation = d.before
		m.wrongOffset(q, d.at, d.got, "QUEUEOFFSET of the record", fmt.Sprint(int64(q.next)))
		q.next++
	}
	q.doubt = nil
	if q.met && !said && place != q.next {
		q.doubt = &doubt{before: q.generation, at: f.entry.LogOffset, got: f.offset}
	}
}

// leading finds the entry that leads to a log offset; the entries are in the order of the log.
func (m *matcher) leading(q *queue, off message.LogOffset) (message.QueueOffset, bool, error) {
	var failed error
	at := func(i int) consumequeue.Entry {
		e, err := m.entry(q, q.first+message.QueueOffset(i))
		failed = cmp.Or(failed, err)
		return e
	}
	n := int(q.max - q.first)
	i := sort.Search(n, func(i int) bool { return at(i).LogOffset >= off })
	for i+1 < n && at(i).IsHole() && at(i+1).LogOffset == off {
		i++ // a hole leads to the record behind it, too
	}
	ok := i < n && at(i).LogOffset == off
	return q.first + message.QueueOffset(i), ok, failed
}

// posQueueOffset is where a record holds its queue offset.
var posQueueOffset = func() int64 {
	for _, row := range message.Layout {
		if row.Name == "QUEUEOFFSET" {
			return int64(row.Offset)
		}
	}
	panic("BUG: message.Layout has no QUEUEOFFSET")
}()

func (m *matcher) wrongOffset(q *queue, off message.LogOffset, got message.QueueOffset, what, want string) {
	path, at := m.log.place(off)
	q.hold(Problem{
		Path: path, Offset: at + posQueueOffset, What: fmt.Sprintf("%s at log offset %d (%v)", what, off, q),
		Want: want, Got: fmt.Sprint(int64(got)),
	})
}

// compare holds an entry against what the record at its place says it must be.
func (m *matcher) compare(q *queue, f *fact, place message.QueueOffset, e consumequeue.Entry) error {
	want := f.entry
	if e == want {
		return nil
	}
	switch {
	case e.IsHole() && e.LogOffset == want.LogOffset: // its QUEUEOFFSET is wrong, which was told
		m.lost++
	case e == consumequeue.Entry{}:
		q.holdSpan(&q.missing, span{place, place + 1, want.LogOffset})
	case e.LogOffset != want.LogOffset || e.Size != want.Size:
		q.hold(m.problem(q, place, "entry", entryText(want), entryText(e)))
	case consumequeue.IsAddress(e.TagsCode) && m.units.fileSize > 0:
		return m.compareUnit(q, f, place, e.TagsCode)
	case f.delay > 0:
		m.compareDelivery(q, f, place, e.TagsCode)
	default:
		q.hold(m.problem(q, place, "tags code of the entry", fmt.Sprint(want.TagsCode), fmt.Sprint(e.TagsCode)))
	}
	return nil
}

// compareUnit holds the unit that an entry leads to against the record. Which filters want the message is not known here.
func (m *matcher) compareUnit(q *queue, f *fact, place message.QueueOffset, address int64) error {
	u, ok, empty, err := m.units.at(q, address)
	name, pos := m.units.place(q, address)
	wrong := Problem{Path: name, Offset: pos, What: fmt.Sprintf("unit of the entry at queue offset %d", place)}
	switch {
	case err != nil:
		return err
	case empty: // it never reached the device: its message may be wanted by every filter
		m.units.lost++
	case !ok:
		wrong.Want, wrong.Got = "a unit", "none"
		q.hold(wrong)
	case u.StoreTime != f.storeTime:
		wrong.Want, wrong.Got = fmt.Sprintf("store time %d", f.storeTime), fmt.Sprint(u.StoreTime)
		q.hold(wrong)
	case u.TagsCode == f.entry.TagsCode:
	case f.delay > 0:
		m.compareDelivery(q, f, place, u.TagsCode)
	default:
		wrong.Want, wrong.Got = fmt.Sprintf("tags code %d", f.entry.TagsCode), fmt.Sprint(u.TagsCode)
		q.hold(wrong)
	}
	return nil
}

// compareDelivery holds a delivery time against the record's. Which delays the broker had is not
// written anywhere, but they are whole seconds.
func (m *matcher) compareDelivery(q *queue, f *fact, place message.QueueOffset, at int64) {
	delay := at - f.storeTime
	if !m.exact && delay > 0 && delay%1000 == 0 {
		if q.odd == 0 {
			q.odd = delay
			q.hold(Problem{
				Note: true, Path: q.dir(), Offset: wholeFile,
				What: fmt.Sprintf("messages wait %d s here, and %d s with RocketMQ's own levels (--delay-levels tells the broker's)", delay/1000, f.delay/1000),
			})
		}
		return
	}
	q.hold(m.problem(q, place, "delivery time in the entry", fmt.Sprint(f.storeTime+f.delay), fmt.Sprint(at)))
}

// problem is one of the entry at a place.
func (m *matcher) problem(q *queue, at message.QueueOffset, what, want, got string) Problem {
	return m.from(q, at, fmt.Sprintf("%s at queue offset %d", what, at), want, got)
}

// from is a problem that begins with the entry at a place.
func (m *matcher) from(q *queue, at message.QueueOffset, what, want, got string) Problem {
	p := Problem{Path: q.dir(), Offset: wholeFile, What: what, Want: want, Got: got}
	if f, pos := q.file(at, m.entries.fileSize); f != nil {
		p.Path, p.Offset = q.path(*f), pos
	}
	return p
}

// entryText is an entry for people.
func entryText(e consumequeue.Entry) string {
	switch {
	case e == consumequeue.Entry{}:
		return "nothing"
	case e.IsBlank():
		return "a blank"
	case e.IsHole():
		return fmt.Sprintf("the mark of a lost message (log offset %d)", e.LogOffset)
	}
	return fmt.Sprintf("log offset %d, %d bytes, tags code %d", e.LogOffset, e.Size, e.TagsCode)
}
