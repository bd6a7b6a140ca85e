package timer

import (
	"errors"
	"slices"

	"ringmq/internal/clock"
	"ringmq/internal/message"
)

// Save brings the entries of the hours to come into memory and writes a checkpoint. It waits for the disk; another
// goroutine than Run's calls it, every [SavePeriod].
func (s *Service) Save() error { return s.save(false) }

func (s *Service) save(all bool) error {
	s.saving.Lock()
	defer s.saving.Unlock()
	if err := s.advance(clock.Millis(s.o.Clock.Now())); err != nil {
		return err
	}
	c, fresh, indexed := s.snapshot(all)
	if c == s.saved {
		return nil
	}
	// What the checkpoint says was indexed and delivered must not be lost any more.
	if err := s.o.Store.Flush(); err != nil {
		return err
	}
	if fresh != nil {
		if err := s.disk.spill(fresh); err != nil {
			return err
		}
	}
	over := s.over(c.cursor)
	c.entries = s.disk.entries()
	for _, start := range over {
		c.entries -= s.disk.sizes[start]
	}
	if err := s.file.write(&c); err != nil {
		return err
	}
	s.saved = c
	s.mu.Lock()
	if s.spilled < c.spilled {
		s.spilled = c.spilled
		s.fresh = slices.Delete(s.fresh, 0, indexed)
	}
	s.mu.Unlock()
	return s.disk.remove(over)
}

// snapshot is the checkpoint of this moment. fresh, if not nil, is what must be in the bucket files before, made from the
// first indexed entries of s.fresh.
func (s *Service) snapshot(all bool) (c checkpoint, fresh []entry, indexed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c = checkpoint{
		next: max(s.next, s.known), spilled: s.spilled, cursor: s.cursorNow(),
		horizon: max(s.horizon, s.saved.horizon), entries: s.saved.entries,
	}
	spill := s.next > s.spilled && (all || s.next-s.spilled >= message.QueueOffset(s.o.spill))
	if !spill {
		return c, nil, 0
	}
	c.spilled = s.next
	fresh = []entry{}
	for _, e := range s.fresh {
		if !e.before(c.cursor) {
			fresh = append(fresh, e)
		}
	}
	return c, fresh, len(s.fresh)
}

// cursorNow is the first entry that may be pending. Under mu.
func (s *Service) cursorNow() entry {
	c := entry{due: s.nearEnd}
	if len(s.near) > 0 && s.near[0].before(c) {
		c = s.near[0]
	}
	if len(s.batch) > 0 && s.batch[0].before(c) {
		c = s.batch[0]
	}
	if s.next < s.known && s.cursor.before(c) { // not all are indexed again
		c = s.cursor
	}
	return c
}

// over lists the buckets whose entries all lie before the cursor.
func (s *Service) over(cursor entry) (starts []int64) {
	for start := range s.disk.sizes {
		if start+s.disk.width <= cursor.due {
			starts = append(starts, start)
		}
	}
	slices.Sort(starts)
	return starts
}

// advance moves nearEnd on, bucket by bucket, well before somebody waits for them. Under saving.
func (s *Service) advance(nowMillis int64) error {
	for end := s.nearEndAt(nowMillis); ; {
		s.mu.Lock()
		start := s.nearEnd
		s.mu.Unlock()
		if start >= end {
			return nil
		}
		entries, err := s.disk.read(start)
		s.mu.Lock()
		if errors.Is(err, errDamaged) {
			s.cursor, s.knownHorizon = s.cursorNow(), max(s.horizon, s.saved.horizon)
			err = s.rebuild()
		}
		if err == nil {
			s.nearEnd = start + s.disk.width
			s.near.add(entries)
			for _, e := range s.fresh {
				if start <= e.due && e.due < s.nearEnd {
					s.near.push(e)
				}
			}
		}
		s.mu.Unlock()
		s.Arrived()
		if err != nil {
			return err
		}
	}
}
