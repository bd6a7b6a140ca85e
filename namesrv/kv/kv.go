// Package kv keeps the name server's key-value configuration: values under a key within a
// namespace. It is how operators share settings (updateKvConfig) and how the queues of
// ordered topics are configured (namespace [OrderTopicConfig]).
//
// It lives in one JSON file, byte for byte as RocketMQ's KVConfigManager writes it:
//
//	{"configTable":{"namespace":{"key":"value",…},…}}
//
// A change is written and synced before it is visible and before its request is answered:
// what was answered survives a power cut. KVConfigManager answers first and logs a failed
// write. Nothing is replicated between name servers.
package kv

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"ringmq/internal/fastjson"
	"ringmq/internal/statefile"
)

// OrderTopicConfig is the namespace of ordered topics: topic → "broker:queues;broker:queues".
const OrderTopicConfig = "ORDER_TOPIC_CONFIG"

// Bounds on what one request, and all of them together, can make the store keep.
const (
	MaxNameBytes  = 1 << 10 // of a namespace or key
	MaxValueBytes = 64 << 10
	MaxTotalBytes = 16 << 20 // of all entries, see cost
)

// ErrBounds is the mark of a refused Put.
var ErrBounds = errors.New("KV configuration")

// table is namespace → key → value. A table that has been published is never changed.
type table map[string]map[string]string

// Store is the configuration and its file. All methods may be called from any goroutine;
// reading never waits for writing.
type Store struct {
	path      string // set before start
	published atomic.Pointer[table]

	mu   sync.Mutex // held over the writing of the file, by changes only
	used int        // cost of the published table
}

// cost estimates the memory of one entry or, without a value, of an empty namespace. The
// constant stands for the maps' own; without it many tiny names would cost nothing.
func cost(name, value string) int { return len(name) + len(value) + 64 }

// file is the form on disk (KVConfigSerializeWrapper).
type file struct {
	ConfigTable table `json:"configTable"`
}

// Open reads the file at path; a missing one is an empty configuration.
func Open(path string) (*Store, error) {
	s := &Store{path: path}
	t := table{}
	err := statefile.ReadParse(path, func(data []byte) error {
		var f file
		if err := fastjson.Unmarshal(data, &f); err != nil {
			return err
		}
		t = f.ConfigTable
		if t == nil {
			t = table{}
		}
		return nil
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("KV configuration %s: %w", path, err)
	}
	for namespace, keys := range t {
		s.used += cost(namespace, "")
		for key, value := range keys {
			s.used += cost(key, value)
		}
	}
	s.published.Store(&t)
	return s, nil
}

// Get returns one value.
func (s *Store) Get(namespace, key string) (value string, ok bool) {
	value, ok = (*s.published.Load())[namespace][key]
	return value, ok
}

// Namespace returns all of a namespace; false if nothing was ever put there. The map is
// shared: it must not be changed.
func (s *Store) Namespace(namespace string) (map[string]string, bool) {
	keys, ok := (*s.published.Load())[namespace]
	return keys, ok
}

// Put sets a value. An error means that nothing changed.
func (s *Store) Put(namespace, key, value string) error {
	switch {
	case len(namespace) > MaxNameBytes:
		return fmt.Errorf("%w: namespace of %d bytes, %d are accepted", ErrBounds, len(namespace), MaxNameBytes)
	case len(key) > MaxNameBytes:
		return fmt.Errorf("%w: key of %d bytes, %d are accepted", ErrBounds, len(key), MaxNameBytes)
	case len(value) > MaxValueBytes:
		return fmt.Errorf("%w: value of %d bytes, %d are accepted", ErrBounds, len(value), MaxValueBytes)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used + cost(key, value)
	if was, had := s.Get(namespace, key); had {
		used -= cost(key, was)
	}
	if _, had := s.Namespace(namespace); !had {
		used += cost(namespace, "")
	}
	if used > MaxTotalBytes {
		return fmt.Errorf("%w: about %d bytes in all, %d are accepted; delete entries first", ErrBounds, used, MaxTotalBytes)
	}
	return s.change(namespace, used, func(keys map[string]string) { keys[key] = value })
}

// Delete removes a value; one that is not there is no error. A namespace stays when it
// becomes empty, as in KVConfigManager.
func (s *Store) Delete(namespace, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, had := s.Get(namespace, key)
	if !had {
		return nil
	}
	return s.change(namespace, s.used-cost(key, was), func(keys map[string]string) { delete(keys, key) })
}

// change writes the table with one namespace edited, then publishes it. Caller holds mu.
func (s *Store) change(namespace string, used int, edit func(keys map[string]string)) error {
	next := maps.Clone(*s.published.Load())
	keys := maps.Clone(next[namespace])
	if keys == nil {
		keys = make(map[string]string)
	}
	edit(keys)
	next[namespace] = keys
	data, err := fastjson.Marshal(file{next})
	if err != nil {
		return fmt.Errorf("KV configuration: %w", err)
	}
	if err := statefile.Write(s.path, data); err != nil {
		return fmt.Errorf("KV configuration: %w", err)
	}
	s.used = used
	s.published.Store(&next)
	return nil
}

// Lines prints everything, sorted, one entry a line.
func (s *Store) Lines() []string {
	t := *s.published.Load()
	var lines []string
	for _, namespace := range slices.Sorted(maps.Keys(t)) {
		for _, key := range slices.Sorted(maps.Keys(t[namespace])) {
			lines = append(lines, fmt.Sprintf("%s %s = %q", namespace, key, t[namespace][key]))
		}
	}
	return lines
}
