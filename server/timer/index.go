package timer

import "ringmq/internal/message"

// index notes the messages that have arrived. It tells whether there are more.
func (s *Service) index() (more bool) {
	s.mu.Lock()
	next := s.next
	known, cursor, horizon := s.known, s.cursor, s.knownHorizon
	s.mu.Unlock()
	end := s.queue.Max() // before Min, which never passes it
	at := max(next, s.queue.Min())
	if at >= end && at == next {
		return false
	}
	if next > 0 && at > next {
		s.o.Log.Error("timer messages have expired before they were read", "messages", int64(at-next))
	}
	more = end-at > indexStep
	end = min(end, at+indexStep)
	found := s.scratch[:0]
	for ; at < end; at++ {
		if at >= known {
			horizon = s.horizon
		}
		e, ok := s.look(at, horizon)
		if ok && (at >= known || !e.before(cursor)) {
			found = append(found, e)
		}
	}
	s.scratch = found
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next != next { // rebuilt meanwhile
		return true
	}
	s.next = at
	s.fresh = append(s.fresh, found...)
	for _, e := range found {
		if e.due < s.nearEnd {
			s.near.push(e)
		}
	}
	return more
}

// look makes the entry of a message. What cannot be read is passed over: a queue's hole, or a message that has
// expired.
func (s *Service) look(at message.QueueOffset, horizon int64) (e entry, ok bool) {
	ok = s.o.Store.View(s.queue, at, func(record []byte) {
		var r message.Record
		if message.Decode(record, &r) == nil {
			e = entry{min(moment(&r), r.StoreTimestamp+horizon), at}
		}
	})
	if !ok {
		s.o.Log.Error("timer message cannot be read and is passed over", "queueOffset", int64(at))
	}
	return e, ok
}
