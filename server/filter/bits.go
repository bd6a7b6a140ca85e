package filter

import (
	"slices"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// replace replaces a filter among those of its topic; nil is none. t.mu is held.
func (t *Table) replace(topic string, old, next *Filter) {
	if old == next {
		return
	}
	list, _ := t.topics.Find(topic)
	list = slices.DeleteFunc(slices.Clone(list), func(f *Filter) bool { return f == old })
	if next != nil && next.expression != nil {
		list = append(list, next)
	}
	if len(list) == 0 {
		t.topics.Delete(topic)
	} else {
		t.topics.Put(topic, list)
	}
}

// Bits is the bitmap of a message: the bits of each filter of its topic, dead or alive, that matches it
// (CommitLogDispatcherCalcBitMap). It is nil, without an allocation, if the topic has no filter.
func (t *Table) Bits(topic []byte, p message.Properties) []byte {
	filters, _ := t.topics.Get(topic)
	if len(filters) == 0 {
		return nil
	}
	bits := make([]byte, t.o.Bloom.bits/8)
	for _, f := range filters {
		if f.expression.Match(p) {
			for _, at := range f.bloom.BitPos {
				bits[at/8] |= 1 << (at % 8)
			}
		}
	}
	return bits
}

// mayWant is what MayWant calls: the filter does not match when it was known then and a bit of its is not set
// (ExpressionMessageFilter.isMatchedByConsumeQueue).
func (f *Filter) mayWant(u *consumequeue.Unit) bool {
	if f.expression == nil || f.bloom == nil || u.StoreTime <= f.Born || len(u.Bits) == 0 || len(u.Bits)*8 != f.bloom.BitNum {
		return true
	}
	for _, at := range f.bloom.BitPos {
		if u.Bits[at/8]&(1<<(at%8)) == 0 {
			return false
		}
	}
	return true
}
