// Package lag remembers how far consumer groups are behind in the commit log, to find those that are too slow
// (BrokerController.protectBroker with the statistics item GROUP_GET_FALL_SIZE).
//
// A group that reads far behind the end takes its messages from the device, and the page cache from the others. What
// counts is the last pull of each of its queues:
//
//	pull of (group, topic, queue) ── Note(bytes behind) ──▶ table ── Slow(threshold) ──▶ groups to stop
//
// The groups that Slow names are forgotten with that: one that is allowed to consume again is measured
// anew. Java keeps the old figure and stops the group again.
//
// The table also paces the events that tell of pulls from offsets that are not there: a client that does not
// learn from the answer would fill the disk with them.
package lag

import (
	"slices"
	"sync"
)

// MaxQueues bounds the queues that are watched; those beyond are not.
const MaxQueues = 1 << 20

// Queue is a queue as one group reads it.
type Queue struct {
	Group, Topic string
	ID           int32
}

// Table holds the last distance of every queue. The zero Table is ready; its methods may be called from any goroutine.
type Table struct {
	mu     sync.Mutex
	behind map[Queue]int64 // bytes from the last entry looked at to the end of the log; under mu
	events map[Queue]int64 // ms of the last event; under mu
}

// Events of one queue are at least eventPause ms apart; eventQueues bounds the queues of which the last one is known.
const (
	eventPause  = 1000
	eventQueues = 1 << 14
)

// Event tells whether an event about a queue may be written now.
func (t *Table) Event(q Queue, nowMillis int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, known := t.events[q]; known && nowMillis-last < eventPause {
		return false
	}
	if t.events == nil || len(t.events) >= eventQueues {
		t.events = make(map[Queue]int64)
	}
	t.events[q] = nowMillis
	return true
}

// Note keeps how many bytes of the log lie between what a pull looked at and the end.
func (t *Table) Note(q Queue, bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.behind == nil {
		t.behind = make(map[Queue]int64)
	}
	if _, known := t.behind[q]; known || len(t.behind) < MaxQueues {
		t.behind[q] = bytes
	}
}

// Slow lists the groups that are more than threshold bytes behind in one of their queues, sorted, and forgets them.
func (t *Table) Slow(threshold int64) (groups []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for q, bytes := range t.behind {
		if bytes > threshold {
			groups = append(groups, q.Group)
		}
	}
	slices.Sort(groups)
	groups = slices.Compact(groups)
	for q := range t.behind {
		if _, slow := slices.BinarySearch(groups, q.Group); slow {
			delete(t.behind, q)
		}
	}
	return groups
}
