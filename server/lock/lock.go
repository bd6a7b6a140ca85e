// Package lock grants message queues to consumers that consume in order (requests 41 and 42,
// RebalanceLockManager).
//
// A lock belongs to a client id within a group. It is free, held or expired:
//
//	        Lock by c               60 s without Lock by c
//	free ────────────▶ held by c ──────────────────────────▶ expired
//	  ▲   Unlock by c  │    ▲                                  │
//	  └────────────────┘    └────────── Lock by anyone ────────┘
//
// Locks live in memory only and survive the disconnection of their holder: after a restart of
// the broker, or of a client under the same id, the clients' renewal every 20 s sorts it out.
package lock

import (
	"sync"
	"time"

	"ringmq/internal/wire"
)

// MaxHeld bounds the locks in memory: past it nothing new is granted until some expire.
const MaxHeld = 1 << 20

// Table holds all locks of a broker. Its methods may be called from any goroutine.
type Table struct {
	lifetime time.Duration // set before start: how long a lock lives without renewal

	mu     sync.Mutex
	groups map[string]map[wire.MessageQueue]holder // under mu
	held   int                                     // entries in groups; under mu
}

// holder is the client that holds, or held, a queue.
type holder struct {
	client  string
	renewed time.Time
}

// expired tells whether h has not renewed its lock in time.
func (t *Table) expired(h holder, now time.Time) bool { return now.Sub(h.renewed) > t.lifetime }

// New returns a table without locks. A lock that is not renewed for lifetime
// (rocketmq.broker.rebalance.lockMaxLiveTime) expires.
func New(lifetime time.Duration) *Table {
	return &Table{lifetime: lifetime, groups: make(map[string]map[wire.MessageQueue]holder)}
}

// Lock takes or renews queues for a client and returns those it now holds, in the order given.
func (t *Table) Lock(now time.Time, group, client string, queues []wire.MessageQueue) []wire.MessageQueue {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	if g == nil {
		g = make(map[wire.MessageQueue]holder)
	}
	ok := make([]wire.MessageQueue, 0, len(queues))
	for _, q := range queues {
		h, known := g[q]
		switch {
		case !known && t.held >= MaxHeld, known && h.client != client && !t.expired(h, now):
			continue
		case !known:
			t.held++
		}
		g[q] = holder{client, now}
		ok = append(ok, q)
	}
	if len(g) > 0 {
		t.groups[group] = g
	}
	return ok
}

// Unlock frees those of the queues that the client holds.
func (t *Table) Unlock(group, client string, queues []wire.MessageQueue) {
	t.mu.Lock()
	defer t.mu.Unlock()
	g := t.groups[group]
	for _, q := range queues {
		if h, ok := g[q]; ok && h.client == client {
			t.remove(group, q)
		}
	}
}

// Expire forgets expired locks; nothing depends on when it is called but the memory they take.
func (t *Table) Expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for group, g := range t.groups {
		for q, h := range g {
			if t.expired(h, now) {
				t.remove(group, q)
			}
		}
	}
}

// Held is the number of locks in memory, expired ones included until [Table.Expire].
func (t *Table) Held() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}

// remove forgets a lock; t.mu is held.
func (t *Table) remove(group string, q wire.MessageQueue) {
	g := t.groups[group]
	delete(g, q)
	t.held--
	if len(g) == 0 {
		delete(t.groups, group)
	}
}
