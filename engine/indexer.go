package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"ringmq/index"
	"ringmq/internal/clock"
	"ringmq/internal/message"
)

// indexer puts messages into the index on a goroutine of its own, because each key touches
// random pages. The dispatcher hands over hashes; it waits when the indexer is maxIndexLag behind.
//
//	indexing ──Put fails (disk full)──► retrying, every second ──succeeds──► indexing
//	                                        │ queue full
//	                                        ▼
//	                                     behind: nothing is indexed any more; the next start catches up
type indexer struct {
	x     *index.Index
	clock clock.Clock

	mu   sync.Mutex
	room sync.Cond // signals that queued was taken
	// Under mu:
	queued   indexWork
	retrying bool
	behind   bool
	stopped  bool              // nobody takes what is queued any more
	done     message.LogOffset // every record below is indexed
	last     message.LogOffset // the last record that has keys and is
	failure  error             // of the last Put, nil when it succeeded

	wake chan struct{}
	work indexWork // owned by the goroutine
}

// maxIndexLag is how many messages may wait to be indexed.
const maxIndexLag = 1 << 18

// errBehind is the indexer's failure from its start on when recovery could not write the index.
var errBehind = errors.New("the index could not be written during the start: the next start goes on with it")

// indexWork is messages to be indexed, in the order of the log.
type indexWork struct {
	records []index.Record
	hashes  []int32
	end     message.LogOffset // of the log below which these, and those before them, are all
}

func (w *indexWork) reset() { w.records, w.hashes = w.records[:0], w.hashes[:0] }

// newIndexer makes the indexer of an index of everything below done.
func newIndexer(x *index.Index, c clock.Clock, done message.LogOffset) *indexer {
	ix := &indexer{x: x, clock: c, done: done, last: x.EndOffset(), wake: make(chan struct{}, 1)}
	ix.room.L = &ix.mu
	ix.queued.end = done
	return ix
}

// fallBehind lets it index nothing, before it is started: recovery came only to done.
func (ix *indexer) fallBehind(done message.LogOffset) {
	ix.done, ix.queued.end = done, done
	ix.behind, ix.failure = true, errBehind
}

// hand queues what a batch indexes; end is the batch's. It waits while too much is queued.
func (ix *indexer) hand(b *batch, end message.LogOffset) {
	ix.mu.Lock()
	for len(ix.queued.records) >= maxIndexLag && !ix.behind && !ix.stopped {
		if ix.retrying {
			ix.behind = true
			break
		}
		ix.room.Wait()
	}
	if ix.behind {
		ix.mu.Unlock()
		return
	}
	w := &ix.queued
	for i := range b.requests {
		d := &b.requests[i]
		if d.hashFrom == d.hashTo {
			continue
		}
		w.hashes = append(w.hashes, b.hashes[d.hashFrom:d.hashTo]...)
		w.records = append(w.records, index.Record{Offset: d.logOffset, StoreTime: d.storeTime, Hashes: int32(len(w.hashes))})
	}
	w.end = end
	ix.mu.Unlock()
	select {
	case ix.wake <- struct{}{}:
	default: // awake already
	}
}

// run is the goroutine; it ends with ctx.
func (ix *indexer) run(ctx context.Context) {
	defer ix.stop()
	rest := ix.clock.NewTimer(indexRest)
	defer rest.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ix.wake:
		}
		for ix.step() {
			if ix.pause(ctx) {
				return
			}
		}
		rest.Reset(indexRest)
		select {
		case <-ctx.Done():
			return
		case <-rest.C():
		}
	}
}

// indexRest is how long the indexer rests after its work: what comes meanwhile is indexed together. To wake it for each
// commit costs more than the indexing, where a commit is a few messages.
const indexRest = 2 * time.Millisecond

// stop lets nobody wait for the goroutine any more.
func (ix *indexer) stop() {
	ix.mu.Lock()
	ix.stopped = true
	ix.mu.Unlock()
	ix.room.Broadcast()
}

// step indexes what is queued and tells whether some of it has to be tried again.
func (ix *indexer) step() (again bool) {
	if len(ix.work.records) == 0 && !ix.take() {
		return false
	}
	n, err := ix.x.PutAll(ix.work.records, ix.work.hashes)
	ix.settle(n, err)
	return err != nil
}

// drain indexes everything that is queued, without trying twice. It returns why not everything is
// indexed.
func (ix *indexer) drain() error {
	for ix.Done() < ix.end() {
		if ix.step() {
			break
		}
	}
	return ix.Failure()
}

// end is the end of what was handed over.
func (ix *indexer) end() message.LogOffset {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.queued.end
}

// take makes what is queued the work.
func (ix *indexer) take() bool {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	if len(ix.queued.records) == 0 {
		ix.done = max(ix.done, ix.queued.end)
		return false
	}
	end := ix.queued.end
	ix.work, ix.queued = ix.queued, ix.work
	ix.queued.reset()
	ix.queued.end = end
	ix.room.Broadcast()
	return true
}

// settle notes how far a step came: n records are done.
func (ix *indexer) settle(n int, err error) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	ix.failure, ix.retrying = err, err != nil
	ix.last = ix.x.EndOffset()
	if err == nil {
		ix.done = ix.work.end
		ix.work.reset()
		return
	}
	w := &ix.work
	from := int32(0)
	if n > 0 {
		from = w.records[n-1].Hashes
	}
	ix.done = w.records[n].Offset
	w.records = append(w.records[:0], w.records[n:]...)
	w.hashes = append(w.hashes[:0], w.hashes[from:]...)
	for i := range w.records {
		w.records[i].Hashes -= from
	}
}

// pause waits before a failed Put is tried again, and tells whether ctx ended.
func (ix *indexer) pause(ctx context.Context) bool {
	timer := ix.clock.NewTimer(time.Second)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-timer.C():
		return false
	}
}

// Done is the log offset below which every record is indexed.
func (ix *indexer) Done() message.LogOffset {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.done
}

// progress is Done, and the last record that has keys and is indexed, -1 for none.
func (ix *indexer) progress() (done, last message.LogOffset) {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.done, ix.last
}

// Failure is why messages are not indexed now, nil when they are.
func (ix *indexer) Failure() error {
	ix.mu.Lock()
	defer ix.mu.Unlock()
	return ix.failure
}
