package engine

import (
	"errors"
	"time"

	"ringmq/internal/message"
	"ringmq/internal/thread"
)

// cacheWindow is how far the page cache behind the end of the log has been tidied. It belongs to the flusher.
//
//	log   |·························|##################|~~~~~~~~~|
//	      dropped, if it was written fast   CacheWindow   dirty, the device is being given it
type cacheWindow struct {
	writeback message.LogOffset
	passed    message.LogOffset // what lies before was dropped, or is the kernel's to keep as long as it can
	at        time.Time         // when passed was moved
}

// fastBytes a second are so many that it counts what a page costs that was not just dropped: it has to be found, and, in a virtual
// machine, given by the host. Copying into ever new pages takes 1.3 µs more for a message of 1 KiB.
const fastBytes = 32 << 20

// tidyCache keeps the page cache small and clean behind the end of the log: the kernel is told to begin
// with what was written since the last time, and, where the log grows fast, to drop what lies CacheWindow back. An error is left
// to the flush: nothing here proves or loses anything.
func (s *Store) tidyCache(c *cacheWindow) {
	end := s.log.Written()
	err := inSteps(max(c.writeback, s.log.Durable()), end, s.log.StartWriteback)
	c.writeback = end
	if window := s.pace.Load().CacheWindow; window > 0 {
		behind := min(end-message.LogOffset(window), s.log.Durable())
		if from, drop := c.pass(behind, s.o.Clock.Now()); drop {
			err = errors.Join(err, inSteps(from, behind, s.log.DropCache))
		}
	}
	if err != nil {
		s.o.Log.Debug("page cache not tidied", "err", err)
	}
}

// tidyStep is how many bytes the kernel is given at a time: 0.1 ms of work in which nothing else gets the processor.
const tidyStep = 1 << 20

// inSteps does to [from, to) what do does to a part of it, and lets others have the processor in between.
func inSteps(from, to message.LogOffset, do func(from, to message.LogOffset) error) error {
	var others thread.Courtesy
	for from < to {
		next := min(from+tidyStep, to)
		if err := do(from, next); err != nil {
			return err
		}
		from = next
		others.Yield()
	}
	return nil
}

// pass moves the window's begin to behind, if that is worth it, and tells whether to drop what lies between.
func (c *cacheWindow) pass(behind message.LogOffset, now time.Time) (from message.LogOffset, drop bool) {
	from, n, took := c.passed, behind-c.passed, now.Sub(c.at)
	if n < writebackWindow {
		return from, false
	}
	c.passed, c.at = behind, now
	return from, took.Seconds()*fastBytes < float64(n)
}
