package names

import (
	"hash/maphash"
	"iter"
	"maps"
	"sync"
	"sync/atomic"
)

// shardCount keeps the copy that a write makes short: with 60,000 names a shard has about 470.
const shardCount = 128

// Map maps names to values. Readers take no lock and, looking up bytes, allocate nothing:
// each shard is an immutable Go map behind an atomic pointer, and a writer publishes a
// changed copy. So a write costs a copy of its shard; names come and go rarely.
//
// Values are shared as they are: a value that changes must look after its own synchronization.
// The zero Map is not ready; see [NewMap].
type Map[V any] struct {
	seed   maphash.Seed // set before use
	mu     sync.Mutex   // held by writers while they copy and publish
	size   atomic.Int64 // number of names
	shards [shardCount]atomic.Pointer[map[string]V]
}

// NewMap returns an empty map.
func NewMap[V any]() *Map[V] {
	return &Map[V]{seed: maphash.MakeSeed()}
}

// Get returns the value of a name, or the zero value. It does not keep or copy name.
func (m *Map[V]) Get(name []byte) (v V, ok bool) {
	s := m.shards[maphash.Bytes(m.seed, name)%shardCount].Load()
	if s == nil {
		return v, false
	}
	v, ok = (*s)[string(name)]
	return v, ok
}

// Find is Get for a name that is a string already.
func (m *Map[V]) Find(name string) (v V, ok bool) {
	s := m.shard(name).Load()
	if s == nil {
		return v, false
	}
	v, ok = (*s)[name]
	return v, ok
}

// Put sets the value of a name.
func (m *Map[V]) Put(name string, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(name, v)
}

// FindOrPut returns the value of a name, which is made and put if there is none, unless the map
// already has most names. make runs under the map's lock.
func (m *Map[V]) FindOrPut(name string, most int, make func() V) (v V, ok bool) {
	if v, ok = m.Find(name); ok {
		return v, true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if v, ok = m.Find(name); ok {
		return v, true
	}
	if m.Len() >= most {
		return v, false
	}
	v = make()
	m.put(name, v)
	return v, true
}

// Delete removes a name and tells whether it was there.
func (m *Map[V]) Delete(name string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	p := m.shard(name)
	old := p.Load()
	if old == nil {
		return false
	}
	if _, ok := (*old)[name]; !ok {
		return false
	}
	next := maps.Clone(*old)
	delete(next, name)
	p.Store(&next)
	m.size.Add(-1)
	return true
}

// Len is the number of names.
func (m *Map[V]) Len() int { return int(m.size.Load()) }

// All walks over names and values in no order. It sees each shard as it was when the walk came
// to it, so writes during the walk may or may not be seen, and the loop body may write.
func (m *Map[V]) All() iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for i := range m.shards {
			s := m.shards[i].Load()
			if s == nil {
				continue
			}
			for k, v := range *s {
				if !yield(k, v) {
					return
				}
			}
		}
	}
}

func (m *Map[V]) shard(name string) *atomic.Pointer[map[string]V] {
	return &m.shards[maphash.String(m.seed, name)%shardCount]
}

// put publishes a copy of the name's shard; m.mu is held.
func (m *Map[V]) put(name string, v V) {
	p := m.shard(name)
	var next map[string]V
	if old := p.Load(); old != nil {
		next = maps.Clone(*old)
	} else {
		next = make(map[string]V, 1)
	}
	if _, ok := next[name]; !ok {
		m.size.Add(1)
	}
	next[name] = v
	p.Store(&next)
}
