package sim

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
)

// model is what the store was given and has promised.
type model struct {
	records []*record // in the order of the log
	bodies  int
	lives   int
	ended   ending // how the lives since the last audit ended, the worst of them
	// holes are the places of messages that a power cut took from between others.
	holes map[place]bool
	// unsure: a topic's deletion was interrupted, so that a deleted topic may be seen again.
	unsure bool
}

// place is where a message is for consumers.
type place struct {
	topic  string
	id     int32
	offset message.QueueOffset
}

// record is one message.
type record struct {
	place
	log      message.LogOffset
	raw      []byte
	spots    []spot // where consumers find it; none if it has no place in its queue
	tagsCode int64
	// What its units have beside the tags code.
	storeTime int64
	bits      []byte
	keys      []string
	hashes    []int32

	stored  bool // a killed process must leave it
	durable bool // a power cut must leave it
}

// spot is a place of a message: its own, or in another queue that it names (MultiDispatch).
type spot struct {
	place
	presence presence
}

// spotAt is the message's spot at a place, nil if it has none.
func (r *record) spotAt(at place) *spot {
	i := slices.IndexFunc(r.spots, func(s spot) bool { return s.place == at })
	if i < 0 {
		return nil
	}
	return &r.spots[i]
}

// presence is whether a stored message is in its queue.
type presence uint8

const (
	must    presence = iota
	may              // its topic may have been deleted
	mustNot          // its topic was deleted
)

func newModel() model { return model{holes: map[place]bool{}} }

// clone is an independent copy; what never changes of a record is shared.
func (md *model) clone() model {
	c := *md
	c.holes = maps.Clone(md.holes)
	all := make([]record, len(md.records))
	c.records = make([]*record, len(md.records))
	for i, r := range md.records {
		all[i] = *r
		all[i].spots = slices.Clone(r.spots)
		c.records[i] = &all[i]
	}
	return c
}

func (r *record) end() message.LogOffset { return r.log + message.LogOffset(len(r.raw)) }

func (r *record) entry() consumequeue.Entry {
	return consumequeue.Entry{LogOffset: r.log, Size: int32(len(r.raw)), TagsCode: r.tagsCode}
}

func (p place) String() string { return fmt.Sprintf("%s/%d@%d", p.topic, p.id, p.offset) }

func (r *record) String() string { return fmt.Sprintf("%s at %d to %d", r.place, r.log, r.end()) }

func (md *model) nextBody() int { md.bodies++; return md.bodies }

// at is the record that begins at a log offset, or nil.
func (md *model) at(off message.LogOffset) *record {
	i, found := slices.BinarySearchFunc(md.records, off, func(r *record, off message.LogOffset) int { return cmp.Compare(r.log, off) })
	if !found {
		return nil
	}
	return md.records[i]
}

// closed notes that everything appended was stored by Close.
func (md *model) closed() {
	for _, r := range md.records {
		r.stored, r.durable = true, true
	}
}

// promise notes what the store has promised by now. It may be about to do something.
func (m *sim) promise() {
	if m.s.Store == nil {
		return // it opens; what was promised before is still
	}
	written, durable := m.s.Written(), m.s.Durable()
	for _, r := range m.model.records {
		r.stored = r.stored || r.end() <= written
		r.durable = r.durable || r.end() <= durable
	}
	if m.o.Flush == engine.SyncFlush {
		m.must(m.s.Visible() <= durable, "consumers see messages up to %d, the device has them up to %d only", m.s.Visible(), durable)
	}
}

// acknowledged notes that Commit has succeeded for what lies below end.
func (m *sim) acknowledged(end message.LogOffset) {
	if m.image != nil {
		return // nobody hears it
	}
	for _, r := range m.model.records {
		if r.end() <= end {
			r.stored = true
			r.durable = r.durable || m.o.Flush == engine.SyncFlush
		}
	}
}

// promised tells whether a message must have outlasted the last life.
func (m *sim) promised(r *record) bool {
	if m.model.ended == power {
		return r.durable
	}
	return r.stored || r.durable
}
