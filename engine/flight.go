package engine

import (
	"sync/atomic"

	"ringmq/internal/ring"
)

// flight is a commit that a ring carries out. Whoever sets it off has locked commit, which is unlocked
// when it has landed, on the ring's thread; meanwhile the next batch gathers.
//
//	CommitOn ──► setOff ──► fly ──► (ring) ──► landed ──► setOff, while somebody waits
type flight struct {
	batch  *batch
	on     ring.Submitter
	flying atomic.Bool
	landed func(error) // Store.landed, made once
}

// setOff sees to it that what is staged is committed. When a commit runs already, its end does.
func (s *Store) setOff(on ring.Submitter) {
	if on == nil || !s.o.FlushMode.ByRing() {
		s.wakeCommitter()
		return
	}
	if s.commit.TryLock() {
		s.fly(on)
	}
}

// fly has a ring write what is staged. Under commit, which landed unlocks.
func (s *Store) fly(on ring.Submitter) {
	var b *batch
	if s.log.Failure() == nil {
		b = s.takeBatch()
	}
	if b == nil {
		s.commit.Unlock()
		return
	}
	f := &s.commit.flight
	if f.landed == nil {
		f.landed = s.landed
	}
	f.batch, f.on = b, on
	f.flying.Store(true)
	s.log.Start(b.bytes, s.o.Flush == SyncFlush, on, f.landed)
}

// landed ends a flight, and sets off the next one for those who came meanwhile.
func (s *Store) landed(err error) {
	f := &s.commit.flight
	b, on := f.batch, f.on
	f.batch, f.on = nil, nil
	if err != nil {
		s.acks.fail(err)
	} else {
		s.show(b)
	}
	f.flying.Store(false)
	visible := s.Visible()
	s.commit.Unlock()
	if s.acks.any() || s.stage.behind() {
		s.setOff(on) // first: the device works while those who waited are answered
	}
	s.acks.release(visible)
	if err == nil && s.onCommitted != nil {
		s.onCommitted()
	}
}
