package txn

import (
	"strconv"

	"ringmq/engine"
	"ringmq/internal/message"
)

// Refusal is why a transaction is not ended, in the words of EndTransactionProcessor.
type Refusal string

// Refusals of [Service.End] and [Service.Resume].
const (
	NotFound         Refusal = "Find prepared transaction message failed"
	WrongGroup       Refusal = "The producer group wrong"
	WrongQueueOffset Refusal = "The transaction state table offset wrong"
	WrongLogOffset   Refusal = "The commit log offset wrong"
	NoPlace          Refusal = "The prepared message does not say its topic and queue"
	NotDiscarded     Refusal = "Put message back to " + HalfTopic + " failed: no message of " + DiscardTopic
)

func (r Refusal) Error() string { return string(r) }

// Decision is what a producer says of a transaction.
type Decision struct {
	Group string
	// QueueOffset and LogOffset are of the half message, or of the copy that was asked for.
	QueueOffset message.QueueOffset
	LogOffset   message.LogOffset
	// Commit is false for a rollback.
	Commit bool
}

// End ends a transaction. What it has appended lies before upTo; the caller commits it. A transaction that is ended
// stays as it was: there is nothing new to commit then, but upTo lies behind what ended it. The error is a Refusal, or
// the store's.
func (s *Service) End(d Decision) (upTo message.LogOffset, err error) {
	half, err := s.find(&d)
	if err != nil {
		return 0, err
	}
	fresh, pending := s.claim(half)
	if !pending {
		return s.lastEnd(), nil
	}
	return s.finish(half, d.Commit, fresh)
}

// recentBytes at the end of the log are in memory for sure.
const recentBytes = 8 << 20

// EndRecent is End for a decision that comes soon after its half message, as nearly all do: it neither waits nor reads
// from the device. ok is false, and nothing done, for all others, also those that are refused.
func (s *Service) EndRecent(d Decision) (upTo message.LogOffset, ok bool) {
	if s.o.Store.Visible()-d.LogOffset > recentBytes {
		return 0, false
	}
	s.o.Store.View(s.half, d.QueueOffset, func(record []byte) {
		var half message.Record
		if message.Decode(record, &half) != nil || half.LogOffset != d.LogOffset || string(half.Properties.Get(propertyGroup)) != d.Group {
			return
		}
		if !s.claimFresh(&half) {
			return
		}
		var err error
		if upTo, err = s.finish(&half, d.Commit, true); err == nil {
			ok = true
		}
	})
	return upTo, ok
}

// finish ends a transaction that is claimed; fresh is claim's.
func (s *Service) finish(half *message.Record, commit, fresh bool) (upTo message.LogOffset, err error) {
	// Until it is settled others wait, so that happens in any case.
	op := message.QueueOffset(opUnknown)
	defer func() { s.settle(half, op, upTo) }()
	if commit && (fresh || !s.stored(half)) {
		if upTo, err = s.store(half); err != nil {
			return 0, err
		}
	}
	got, err := s.appendOp(half.QueueOffset)
	switch {
	case err == nil:
		op, upTo = got.QueueOffset, got.End()
	case upTo == 0:
		return 0, err
	default: // the message is on its way: without op record it is asked for, and found by its key
		s.o.Log.Error("op record cannot be stored", "halfOffset", int64(half.QueueOffset), "err", err)
	}
	return upTo, nil
}

// find reads the half message of a decision and holds them against each other.
func (s *Service) find(d *Decision) (*message.Record, error) {
	half, err := s.read(d.LogOffset)
	switch {
	case err != nil, string(half.Topic) != HalfTopic, half.QueueID != 0, half.QueueOffset >= s.half.Max():
		return nil, NotFound
	case string(half.Properties.Get(propertyGroup)) != d.Group:
		return nil, WrongGroup
	case half.QueueOffset != d.QueueOffset:
		return nil, WrongQueueOffset
	case half.LogOffset != d.LogOffset:
		return nil, WrongLogOffset
	}
	return half, nil
}

// store appends the message that a half message stands for.
func (s *Service) store(half *message.Record) (upTo message.LogOffset, err error) {
	topic, queueID, ok := place(half)
	if !ok {
		return 0, NoPlace
	}
	got, err := s.append(committed(*half, topic, queueID, s.now()))
	if err == nil {
		s.o.Stored(topic, got.Size)
	}
	return got.End(), err
}

// appendOp appends the record that says that a half message is ended.
func (s *Service) appendOp(half message.QueueOffset) (engine.Receipt, error) {
	now := s.now()
	host := s.o.Host()
	return s.append(&message.Record{
		Topic: opTopic, Body: strconv.AppendInt(nil, int64(half), 10), Properties: opProperties,
		BornTimestamp: now, StoreTimestamp: now, BornHost: host, StoreHost: host,
	})
}

// claim begins to end a transaction; pending is false if it is ended. fresh tells that it cannot be ended without this
// Service knowing: it began after Open, and the checker has not passed it.
func (s *Service) claim(half *message.Record) (fresh, pending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waitEnded(half) {
		return false, false
	}
	s.ending[first(half)] = struct{}{}
	return half.QueueOffset >= max(s.old, s.next) && !isCopy(half), true
}

// claimFresh is claim for a transaction that is fresh, pending, and nobody's; it is false otherwise.
func (s *Service) claimFresh(half *message.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, busy := s.ending[first(half)]
	if busy || half.QueueOffset < max(s.old, s.next) || isCopy(half) || s.ended.has(half.QueueOffset) {
		return false
	}
	s.ending[half.QueueOffset] = struct{}{}
	return true
}

// waitEnded tells whether a transaction is ended; it waits while somebody is at it. Under mu.
func (s *Service) waitEnded(half *message.Record) bool {
	for {
		if _, busy := s.ending[first(half)]; !busy {
			return s.ended.has(first(half)) || s.ended.has(half.QueueOffset)
		}
		s.settled.Wait()
	}
}

// settle ends a claim. op is the op record's offset, opUnknown for none; upTo is 0 if nothing was appended and the
// transaction stays pending.
func (s *Service) settle(half *message.Record, op message.QueueOffset, upTo message.LogOffset) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.ending, first(half))
	if upTo > 0 {
		s.ended.add(first(half))
		s.ended.add(half.QueueOffset)
	}
	if op != opUnknown {
		s.ops.note(op, half.QueueOffset)
	}
	s.last = max(s.last, upTo)
	s.settled.Broadcast()
}

func (s *Service) lastEnd() message.LogOffset {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last
}

// Resume gives a message that was given up a new round of questions (AdminBrokerProcessor.resumeCheckHalfMessage). The
// caller commits what lies before upTo. The error is a Refusal, or the store's.
func (s *Service) Resume(at message.LogOffset) (upTo message.LogOffset, err error) {
	r, err := s.read(at)
	if err != nil || string(r.Topic) != DiscardTopic {
		return 0, NotDiscarded
	}
	got, err := s.append(moved(*r, halfTopic, with(r.Properties, propertyTimes, "0"), s.now()))
	return got.End(), err
}
