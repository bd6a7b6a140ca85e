package engine

import "slices"

// Topics lists the topics that have queues, sorted.
func (s *Store) Topics() []string {
	var names []string
	for _, q := range s.queues.All() {
		names = append(names, q.Topic())
	}
	slices.Sort(names)
	return slices.Compact(names)
}
