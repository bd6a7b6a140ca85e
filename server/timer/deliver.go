package timer

import (
	"errors"

	"ringmq/engine"
	"ringmq/internal/message"
)

// deliver appends the messages that are due to their topics, at most deliverStep, with one commit. n are finished with.
func (s *Service) deliver(nowMillis int64) (n int, err error) {
	batch := s.take(nowMillis)
	var upTo message.LogOffset
	for n < len(batch) {
		end, errOne := s.appendOne(batch[n], nowMillis)
		if errOne != nil {
			err = errOne
			break
		}
		upTo = max(upTo, end)
		n++
	}
	if upTo > 0 {
		// What the device is late with is stored, too.
		if errCommit := s.o.Commit(upTo); errCommit != nil && !errors.Is(errCommit, engine.ErrFlushTimeout) {
			n, err = 0, errCommit
		}
	}
	s.settle(n)
	return n, err
}

// take takes the entries that are due off the heap.
func (s *Service) take(nowMillis int64) []entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.batch = s.batch[:0]
	for len(s.near) > 0 && s.near[0].due <= nowMillis && len(s.batch) < deliverStep {
		e := s.near.pop()
		if e == s.last {
			continue
		}
		s.last = e
		s.batch = append(s.batch, e)
	}
	return s.batch
}

// settle ends a batch, n entries of which are finished with.
func (s *Service) settle(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n < len(s.batch) {
		s.last = noEntry
		for _, e := range s.batch[n:] {
			s.near.push(e)
		}
	}
	s.batch = s.batch[:0]
}

// appendOne appends the message of an entry to its own topic, or to the timer queue once more when its moment
// has not come.
func (s *Service) appendOne(e entry, nowMillis int64) (end message.LogOffset, err error) {
	there := s.o.Store.View(s.queue, e.at, func(record []byte) { end, err = s.appendAgain(record, nowMillis) })
	if !there {
		s.o.Log.Error("timer message is lost: it is not in the log any more", "queueOffset", int64(e.at), "due", e.due)
	}
	return end, err
}

func (s *Service) appendAgain(record []byte, nowMillis int64) (message.LogOffset, error) {
	var r message.Record
	if err := message.Decode(record, &r); err != nil {
		s.o.Log.Error("timer message is damaged and passed over", "err", err)
		return 0, nil
	}
	rolls := moment(&r) > nowMillis
	if rolls {
		s.props = roll(&r, s.props[:0])
	} else if !restore(&r) {
		s.o.Log.Error("timer message has no topic to go to and is passed over", "logOffset", int64(r.LogOffset))
		return 0, nil
	}
	r.StoreTimestamp = nowMillis
	got, err := s.o.Store.Append(s.o.Store.Queue(r.Topic, r.QueueID), &r)
	if err == nil && !rolls {
		s.o.Delivered(r.Topic, got.Size)
	}
	return got.End(), err
}
