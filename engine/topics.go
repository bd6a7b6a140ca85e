package engine

import (
	"slices"

	"ringmq/consumequeue"
)

// Topics lists the topics that have queues, sorted.
func (s *Store) Topics() []string {
	var names []string
	for _, q := range s.queues.All() {
		names = append(names, q.Topic())
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Queues lists the queues of all topics, sorted by topic and number.
func (s *Store) Queues() []*consumequeue.Queue { return s.queues.All() }
