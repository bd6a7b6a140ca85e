package clients

import (
	"maps"
	"slices"
)

// Producers lists the clients of a producer group; ok is false if it has none.
func (t *Table) Producers(group string) (clients []*Client, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g, ok := t.producers[group]
	return slices.Collect(maps.Values(g)), ok
}

// AllProducers lists the clients of every producer group.
func (t *Table) AllProducers() map[string][]*Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[string][]*Client, len(t.producers))
	for group, g := range t.producers {
		all[group] = slices.Collect(maps.Values(g))
	}
	return all
}

// Producer finds the producer with a client id; of several the last to come.
func (t *Table) Producer(id string) *Client {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.byID[id]
}
