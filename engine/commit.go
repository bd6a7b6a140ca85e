package engine

import (
	"errors"
	"sync"

	"ringmq/commitlog"
	"ringmq/internal/message"
	"ringmq/internal/ring"
)

// ErrFlushTimeout is what ack gets when the device did not have the message within
// SyncFlushTimeout. The message stays and is visible once it has.
var ErrFlushTimeout = errors.New("flush timeout: the message is stored but not yet safe")

// ErrBusy is returned by Append while the staging memory is full and a ring writes what is before it.
var ErrBusy = errors.New("staging memory is full, the disk does not keep up")

// batch is messages on their way: their bytes, and what to dispatch once they are written.
//
//	filling ──swap──► being written ──► dispatched ──reset──► spare ──swap──► filling
type batch struct {
	bytes    *commitlog.Batch
	requests []request
	hashes   []int32 // of the messages' keys, as the index wants them
}

func newBatch(size int) *batch { return &batch{bytes: commitlog.NewBatch(size)} }

// next adds an empty request.
func (b *batch) next() *request {
	b.requests = append(b.requests, request{})
	return &b.requests[len(b.requests)-1]
}

func (b *batch) reset() {
	b.bytes.Reset()
	clear(b.requests) // queues of deleted topics must not be kept alive
	b.requests, b.hashes = b.requests[:0], b.hashes[:0]
}

// stage is the append end of the store.
type stage struct {
	sync.Mutex
	// Under the mutex, which is held for encoding, never for I/O:
	stager   *commitlog.Stager
	filling  *batch
	full     []*batch // that wait for the ring which writes what is before them, oldest first
	lastTime int64    // StoreTimestamp of the last message
	closed   bool
}

// Lock spins for as long as a few appends take before it lets the goroutine sleep. To be woken takes longer than that,
// and sync.Mutex hands the lock from sleeper to sleeper once one of hundreds has waited for a millisecond.
func (st *stage) Lock() {
	for range 256 {
		if st.TryLock() {
			return
		}
	}
	st.Mutex.Lock()
}

// Deferred tells whether a commit ends later than the call: when the device has the messages or,
// in direct mode, when it was given them.
func (s *Store) Deferred() bool {
	return !s.o.AckFromStaging && (s.o.Flush == SyncFlush || s.o.FlushMode == commitlog.Direct)
}

// Commit stores what was appended below upTo and makes it visible.
//
//	AsyncFlush           The page cache has the messages and their queues show them when Commit returns;
//	                     ack is not used.
//	   AckFromStaging    They are stored and shown a moment later.
//	   direct mode       As SyncFlush, but that the device may still have them in a cache.
//	SyncFlush            ack is called exactly once when the device has them and their queues show them, or
//	                     with ErrFlushTimeout, or with the failure of the log: on the committer's goroutine,
//	                     or before Commit returns. With ack nil they are stored a moment later.
//
// done tells that ack will not be called (any more).
func (s *Store) Commit(upTo message.LogOffset, ack func(error)) (done bool, err error) {
	return s.CommitOn(nil, upTo, ack)
}

// CommitAndWait is Commit for who may wait: it returns when the messages are as safe as Options.Flush says.
func (s *Store) CommitAndWait(upTo message.LogOffset) error {
	safe := make(chan error, 1)
	done, err := s.Commit(upTo, func(err error) { safe <- err })
	if s.Deferred() || !done {
		err = <-safe
	}
	return err
}

// CommitOn is Commit by the caller's own ring, where commits do not end at once: it carries out the write, and ack may
// be called on its thread. on is nil for none.
func (s *Store) CommitOn(on ring.Submitter, upTo message.LogOffset, ack func(error)) (done bool, err error) {
	switch {
	case s.o.AckFromStaging:
		s.wakeCommitter()
		return true, s.log.Failure()
	case !s.Deferred():
		return true, s.commitTo(upTo)
	case ack == nil:
		s.wakeCommitter()
		return true, s.log.Failure()
	}
	w := waiter{upTo: upTo, ack: ack, deadline: s.o.Clock.Now().Add(s.limits.Load().SyncFlushTimeout)}
	if s.acks.add(w, s.Visible) {
		s.setOff(on)
		return false, nil
	}
	err = s.log.Failure()
	if s.Visible() >= upTo {
		err = nil
	}
	ack(err)
	return true, err
}

// commitTo writes and dispatches until everything below upTo is visible.
func (s *Store) commitTo(upTo message.LogOffset) error {
	if s.Visible() >= upTo {
		return nil
	}
	s.commit.Lock()
	defer s.unlockCommit()
	for s.Visible() < upTo { // unless the one before us has written ours, too
		before := s.Visible()
		if err := s.writeOut(); err != nil || s.Visible() == before {
			return err
		}
	}
	return nil
}

// unlockCommit ends a commit, or what kept others from one. Who came meanwhile, and found commit locked, is served by the committer.
func (s *Store) unlockCommit() {
	s.commit.Unlock()
	if s.Deferred() && s.acks.any() {
		s.wakeCommitter()
	}
}

// writeOut writes the oldest batch that is staged, with SyncFlush to the device, and dispatches it. Under commit.
func (s *Store) writeOut() error {
	if err := s.log.Failure(); err != nil {
		return err
	}
	b := s.takeBatch()
	if b == nil {
		return nil
	}
	if err := s.log.Write(b.bytes, s.o.Flush == SyncFlush); err != nil {
		s.acks.fail(err)
		return err
	}
	s.show(b)
	return nil
}

// show makes the messages of a written batch visible. Under commit.
func (s *Store) show(b *batch) {
	s.writing.Store(0)
	end := b.bytes.End()
	s.dispatch(b.requests)
	s.visible.Store(int64(end))
	last := &b.requests[len(b.requests)-1]
	s.commit.anchor, s.commit.anchorTime = last.logOffset, last.storeTime
	if s.indexer != nil {
		s.indexer.hand(b, end)
	}
	b.reset()
	s.commit.spare = b // if there is one already, it was one of many, and goes
	s.afterWrite(end)
}

// takeBatch takes the oldest batch that is staged, or nil. Under commit.
func (s *Store) takeBatch() *batch {
	st := &s.stage
	st.Lock()
	defer st.Unlock()
	b := st.filling
	switch {
	case len(st.full) > 0:
		b = st.full[0]
		n := copy(st.full, st.full[1:])
		st.full[n] = nil
		st.full = st.full[:n]
	case b.bytes.Empty():
		return nil
	default:
		st.begin(s.commit.spare)
		s.commit.spare = nil
	}
	s.writing.Store(st.lastTime)
	return b
}

// begin goes on with another batch. Under the mutex.
func (st *stage) begin(b *batch) {
	st.filling = b
	st.stager.Swap(b.bytes)
}

// behind tells whether batches wait for a ring.
func (st *stage) behind() bool {
	st.Lock()
	defer st.Unlock()
	return len(st.full) > 0
}

// maxFull batches may wait for a ring; then messages are refused.
const maxFull = 3

// setAside goes on with a new batch while a ring writes, and tells whether there was room for it.
func (s *Store) setAside() bool {
	st := &s.stage
	st.Lock()
	defer st.Unlock()
	if len(st.full) == maxFull {
		return false
	}
	if !st.filling.bytes.Empty() { // nobody else was quicker
		st.full = append(st.full, st.filling)
		st.begin(newBatch(s.o.StagingBytes / 2))
	}
	return true
}

// Writing is for how many ms the batch that is being written is on its way to the files at nowMillis, 0 for none: the
// kernel or the device does not keep up when it is long.
func (s *Store) Writing(nowMillis int64) int64 {
	if since := s.writing.Load(); since != 0 && s.log.Failure() == nil {
		return max(nowMillis-since, 0)
	}
	return 0
}

// makeRoom empties the staging memory. It does not wait for a ring, which may be that of the caller.
func (s *Store) makeRoom() error {
	if s.commit.flight.flying.Load() {
		if s.setAside() {
			return nil
		}
		return ErrBusy
	}
	s.commit.Lock()
	defer s.unlockCommit()
	if err := s.writeOut(); err != nil {
		return err
	}
	if s.Deferred() {
		s.acks.release(s.Visible())
	}
	return nil
}
