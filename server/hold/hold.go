// Package hold keeps pulls that found nothing until a message comes or their time is up:
// RocketMQ's long polling (PullRequestHoldService), without threads of its own.
//
// A pull that would be answered "nothing new" becomes a [Waiter] on its queue. Three things
// end the wait:
//
//	arrival   the dispatcher tells of a new entry: Arrive moves the waiters it matches to the ready list
//	timeout   Scan moves the waiters whose deadline has passed
//	recheck   Scan also moves waiters that lag behind their queue though no entry matched them,
//	          so that a consumer's offset advances over messages that its filter refuses; and those
//	          whose queue was deleted, so that they find the one in its place, or whose client has gone
//
// Whoever caused it (the loop that committed a turn, the committer, the scanner) then takes the ready list
// with TakeReady and runs those pulls again. The package knows no network: the Waiter's
// Pull is the broker's own.
//
// State: a list of waiters per queue, kept in the queue's attachment slot under the list's own
// mutex; the set of lists that are not empty, under Table.mu; the ready list, under Table.readyMu.
// Lock order: list.mu before Table.mu before Table.readyMu.
package hold

import (
	"sync"
	"sync/atomic"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// Waiter is one pull on hold.
type Waiter struct {
	// Queue and Offset say which entry the pull waits for.
	Queue  *consumequeue.Queue
	Offset message.QueueOffset
	// DeadlineMillis is the wall-clock time at which the pull is answered in any case.
	DeadlineMillis int64
	// Match tells whether an entry's tags code may pass the pull's filter; nil passes all.
	Match func(tagsCode int64) bool
	// MatchRecord tells of an entry that Match lets pass whether its record passes, too; nil passes all.
	MatchRecord func(record []byte) bool
	// Pull is the caller's own.
	Pull any
	// Bytes is about what the waiter keeps in memory.
	Bytes int64
	// Client tells whether the one who would be answered has gone; nil stays.
	Client interface{ Closing() bool }
}

// list holds the waiters of one queue. It lives as long as the queue.
type list struct {
	mu      sync.Mutex
	waiters []Waiter
	// selective is how many waiters have a MatchRecord; under mu.
	selective int
	// count mirrors len(waiters), so that an arrival at a queue nobody waits for takes no lock.
	count atomic.Int32
	// nextRecheckMillis is when Scan next compares the queue with its waiters; under mu.
	nextRecheckMillis int64
}

// Table holds the waiters of a broker. The zero value is ready.
type Table struct {
	// View shows look the record of a queue's entry, or returns false: the waiters that would look at it wake
	// then, and the pull finds out. Set before use; needed only if waiters have a MatchRecord.
	View func(q *consumequeue.Queue, at message.QueueOffset, look func(record []byte)) bool

	mu     sync.Mutex
	active map[*list]struct{} // lists with waiters; under mu

	readyMu    sync.Mutex
	ready      []Waiter // under readyMu
	readyCount atomic.Int32
	held       atomic.Int64
	bytes      atomic.Int64 // of those on hold
}

// MaxBytes is about the most memory that pulls on hold may take. Java has no bound, and a client says itself how long
// its pulls are to be held.
const MaxBytes = 512 << 20

// RecheckMillis is how often a waiter is compared with its queue though nothing that
// matches has arrived: PullRequestHoldService scans every 5 s.
const RecheckMillis = 5000

// Add puts a pull on hold, unless there is no room for it. If an entry came in between the pull's look at the queue and
// Add, the waiter is ready at once: the caller drains the ready list afterwards as after Arrive.
func (t *Table) Add(w Waiter, nowMillis int64) bool {
	if t.bytes.Add(w.Bytes) > MaxBytes {
		t.bytes.Add(-w.Bytes)
		return false
	}
	l := t.listOf(w.Queue)
	l.mu.Lock()
	if len(l.waiters) == 0 {
		l.nextRecheckMillis = nowMillis + RecheckMillis
		t.activate(l)
	}
	l.waiters = append(l.waiters, w)
	if w.MatchRecord != nil {
		l.selective++
	}
	l.count.Store(int32(len(l.waiters)))
	t.held.Add(1)
	if w.Queue.Max() > w.Offset {
		t.release(l, func(x *Waiter) bool { return x.Pull == w.Pull })
	}
	l.mu.Unlock()
	return true
}

// Arrive is called for each entry that became visible in q; newMax is the queue's end after it.
func (t *Table) Arrive(q *consumequeue.Queue, newMax message.QueueOffset, tagsCode int64) {
	l, _ := q.Attachment().(*list)
	if l == nil || l.count.Load() == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.selective > 0 {
		t.arriveRecord(l, q, newMax, tagsCode)
		return
	}
	t.release(l, func(w *Waiter) bool { return w.wants(newMax, tagsCode) })
}

func (w *Waiter) wants(newMax message.QueueOffset, tagsCode int64) bool {
	return newMax > w.Offset && (w.Match == nil || w.Match(tagsCode))
}

// arriveRecord is Arrive where somebody looks at the record. l.mu is held: the record was
// written a moment ago, so that reading it waits for nothing.
func (t *Table) arriveRecord(l *list, q *consumequeue.Queue, newMax message.QueueOffset, tagsCode int64) {
	arrived := func(record []byte) {
		t.release(l, func(w *Waiter) bool {
			return w.wants(newMax, tagsCode) && (w.MatchRecord == nil || record == nil || w.MatchRecord(record))
		})
	}
	if !t.View(q, newMax-1, arrived) {
		arrived(nil)
	}
}

// Scan readies the waiters whose time is up, and those that lag behind their queue.
func (t *Table) Scan(nowMillis int64) {
	for _, l := range t.lists() {
		l.mu.Lock()
		recheck := nowMillis >= l.nextRecheckMillis
		if recheck {
			l.nextRecheckMillis = nowMillis + RecheckMillis
		}
		t.release(l, func(w *Waiter) bool {
			return nowMillis >= w.DeadlineMillis || recheck && (w.Queue.Max() > w.Offset || w.Queue.Deleted() || w.gone())
		})
		l.mu.Unlock()
	}
}

func (w *Waiter) gone() bool { return w.Client != nil && w.Client.Closing() }

// Pending tells whether TakeReady has something to give; it costs one atomic load.
func (t *Table) Pending() bool { return t.readyCount.Load() > 0 }

// TakeReady appends the pulls whose wait is over to dst and forgets them.
func (t *Table) TakeReady(dst []Waiter) []Waiter {
	if !t.Pending() {
		return dst
	}
	t.readyMu.Lock()
	defer t.readyMu.Unlock()
	dst = append(dst, t.ready...)
	clear(t.ready)
	t.ready = t.ready[:0]
	t.readyCount.Store(0)
	return dst
}

// Held is the number of pulls on hold.
func (t *Table) Held() int64 { return t.held.Load() }

// release moves the waiters that over is true for to the ready list. l.mu is held.
func (t *Table) release(l *list, over func(*Waiter) bool) {
	kept := l.waiters[:0]
	released := 0
	for i := range l.waiters {
		if !over(&l.waiters[i]) {
			kept = append(kept, l.waiters[i])
			continue
		}
		t.readyMu.Lock()
		t.ready = append(t.ready, l.waiters[i])
		t.readyCount.Store(int32(len(t.ready)))
		t.readyMu.Unlock()
		if l.waiters[i].MatchRecord != nil {
			l.selective--
		}
		t.bytes.Add(-l.waiters[i].Bytes)
		released++
	}
	if released == 0 {
		return
	}
	clear(l.waiters[len(kept):])
	l.waiters = kept
	l.count.Store(int32(len(kept)))
	t.held.Add(int64(-released))
	if len(kept) == 0 {
		t.mu.Lock()
		delete(t.active, l)
		t.mu.Unlock()
	}
}

func (t *Table) activate(l *list) {
	t.mu.Lock()
	if t.active == nil {
		t.active = make(map[*list]struct{})
	}
	t.active[l] = struct{}{}
	t.mu.Unlock()
}

func (t *Table) lists() []*list {
	t.mu.Lock()
	defer t.mu.Unlock()
	ls := make([]*list, 0, len(t.active))
	for l := range t.active {
		ls = append(ls, l)
	}
	return ls
}

// listOf returns q's list, making it on first use.
func (t *Table) listOf(q *consumequeue.Queue) *list {
	if l, ok := q.Attachment().(*list); ok {
		return l
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := q.Attachment().(*list); ok {
		return l
	}
	l := new(list)
	q.SetAttachment(l)
	return l
}
