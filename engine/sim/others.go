package sim

import (
	"slices"
	"strings"

	"ringmq/consumequeue"
	"ringmq/engine"
	"ringmq/internal/message"
)

// named are queues that messages of other topics name, beside topics.
var named = []string{engine.LightPrefix + "a", engine.LightPrefix + "b"}

// others is where a message will be beside its own queue: in each queue that it names once.
func (m *sim) others(q *consumequeue.Queue, r *message.Record) (others []spot) {
	names := r.Properties.Get(engine.PropertyMulti)
	if names == nil {
		return nil
	}
	for name := range strings.SplitSeq(string(names), ",") {
		at := place{name, q.ID(), 0}
		if m.o.LightQueues && strings.HasPrefix(name, engine.LightPrefix) {
			at.id = 0
		}
		if other := m.s.Lookup([]byte(name), at.id); other != nil {
			at.offset = other.Next
		}
		own := name == q.Topic() && at.id == q.ID()
		if !own && !slices.ContainsFunc(others, func(s spot) bool { return s.place == at }) {
			others = append(others, spot{place: at})
		}
	}
	return others
}
