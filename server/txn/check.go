package txn

import (
	"context"
	"errors"
	"strconv"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

const (
	// roundLimit is how long a round may last (MAX_PROCESS_TIME_LIMIT), in ms; the next goes on.
	roundLimit = 60_000
	// maxQuestions wait for one commit.
	maxQuestions = 64
)

// round is one walk of the checker over the half topic.
type round struct {
	*Service
	Settings
	start     int64 // ms
	upTo      message.LogOffset
	questions []*Question // to be asked once their copies are committed
}

// Check walks over the half messages from next on: passes those that are ended, asks for those that are old enough, and
// stops at the first that is not. It ends early with ctx.
func (s *Service) Check(ctx context.Context) {
	if err := s.o.MakeTopic(HalfTopic); err != nil {
		s.o.Log.Error("the topic of half messages cannot be made", "err", err)
	}
	r := &round{Service: s, Settings: s.o.Settings(), start: s.now()}
	err := r.walk(ctx)
	if errFlush := r.flush(); errFlush != nil {
		s.o.Log.Error("transactions: copies of half messages are not stored", "err", errFlush)
		return
	}
	if err != nil {
		s.o.Log.Error("transactions: the check stops early; the next goes on", "halfOffset", int64(s.position()), "err", err)
	}
	if err := s.saveProgress(); err != nil {
		s.o.Log.Error("transactions: progress is not noted", "err", err)
	}
}

func (r *round) walk(ctx context.Context) error {
	at, end := max(r.position(), r.half.Min()), r.half.Max()
	var entries [64]consumequeue.Entry
	for at < end {
		n, err := r.half.Read(at, entries[:min(end-at, message.QueueOffset(len(entries)))])
		if n == 0 {
			return err
		}
		for i := range entries[:n] {
			if ctx.Err() != nil || r.now()-r.start > roundLimit {
				return nil
			}
			on, err := r.look(at, entries[i].LogOffset)
			if !on || err != nil {
				return err
			}
			at++
		}
	}
	return nil
}

// verdict is what becomes of a pending half message.
type verdict int

const (
	stop    verdict = iota + 1 // nothing yet, and nothing of those behind
	ask                        // a copy, and a question
	renew                      // a copy only: its producer wanted more time
	discard                    // no more questions
)

// look decides about one half message; on is false at the first that is too young.
func (r *round) look(at message.QueueOffset, logOffset message.LogOffset) (on bool, err error) {
	if r.isEnded(at) {
		r.move(at + 1)
		return true, nil
	}
	half, err := r.read(logOffset)
	if err != nil || half.QueueOffset != at {
		r.o.Log.Error("half message is damaged and passed over", "halfOffset", int64(at), "logOffset", int64(logOffset), "err", err)
		r.move(at + 1)
		return true, nil
	}
	v := r.judge(half)
	if v == stop {
		return false, nil
	}
	// From here on an end of this message knows that there may be a copy.
	if r.pass(half) || r.stored(half) {
		return true, nil
	}
	err = r.put(v, half)
	if errors.Is(err, message.ErrPropertiesLength) {
		err = r.put(discard, half) // no room to count in
	}
	if err != nil {
		r.move(at)
		return false, err
	}
	return true, nil
}

// judge holds a pending half message against the limits, in the order of TransactionalMessageServiceImpl.check.
func (r *round) judge(half *message.Record) verdict {
	age := r.now() - half.BornTimestamp
	if times, there := number(half.Properties, propertyTimes); there && times >= int64(r.CheckMax) {
		return discard
	}
	if _, _, ok := place(half); !ok || age > r.Reserved.Milliseconds() {
		return discard
	}
	if half.StoreTimestamp >= r.start {
		return stop
	}
	limit := r.Timeout.Milliseconds()
	seconds, own := number(half.Properties, propertyImmunity)
	if own && seconds != -1 {
		limit = millis(seconds)
	}
	switch {
	case own && age < limit:
		return renew
	case !own && 0 <= age && age < limit:
		return stop
	}
	return ask
}

// put does what was decided about a pending half message.
func (r *round) put(v verdict, half *message.Record) error {
	switch v {
	case discard:
		return r.putDiscarded(half)
	case renew:
		return r.appended(renewed(*half, copyProperties(half), r.now()))
	}
	times, _ := number(half.Properties, propertyTimes)
	props := with(copyProperties(half), propertyTimes, strconv.FormatInt(times+1, 10))
	again := renewed(*half, props, r.now())
	if err := r.appended(again); err != nil {
		return err
	}
	r.questions = append(r.questions, question(*half, again))
	if len(r.questions) == maxQuestions {
		return r.flush()
	}
	return nil
}

// putDiscarded stores a half message for people to look at; request 323 brings it back.
func (r *round) putDiscarded(half *message.Record) error {
	if err := r.o.MakeTopic(DiscardTopic); err != nil {
		return err
	}
	r.o.Log.Error("transaction is given up: nobody has ended it", "topic", string(half.Properties.Get(propertyRealTopic)),
		"group", string(half.Properties.Get(propertyGroup)), "id", string(half.Properties.Get(message.PropertyUniqKey)))
	props := copyProperties(half)
	if len(props) > message.MaxProperties {
		props = half.Properties
	}
	return r.appended(moved(*half, discardTopic, props, r.now()))
}

// appended appends a record of the round.
func (r *round) appended(rec *message.Record) error {
	got, err := r.append(rec)
	r.upTo = max(r.upTo, got.End())
	return err
}

// question is about again, the copy of a half message, but shows flag and attempts as they were.
func question(half message.Record, again *message.Record) *Question {
	q := &Question{
		Group: string(half.Properties.Get(propertyGroup)), UniqKey: string(half.Properties.Get(message.PropertyUniqKey)),
		QueueOffset: again.QueueOffset, LogOffset: again.LogOffset,
		OffsetID: string(message.AppendID(nil, again.StoreHost, again.LogOffset)),
	}
	half.Topic, half.QueueID, _ = place(&half)
	half.QueueOffset, half.LogOffset, half.Properties = again.QueueOffset, again.LogOffset, again.Properties
	q.Record = half.Append(nil)
	return q
}

// flush commits the copies and asks for them: an answer must find its half message.
func (r *round) flush() error {
	if r.upTo > 0 {
		if err := r.o.Commit(r.upTo); err != nil {
			return err
		}
	}
	for _, q := range r.questions {
		r.o.Ask(q)
	}
	r.upTo, r.questions = 0, r.questions[:0]
	return nil
}

// saveProgress notes how far the checker is, after making safe what it says.
func (s *Service) saveProgress() error {
	s.mu.Lock()
	s.ended.slide(s.next)
	s.ops.finish(s.next)
	next, opNext := int64(s.next), int64(s.ops.next)
	s.mu.Unlock()
	noted := func(topic string) int64 { return max(s.o.Progress.Find(Group, topic, 0), 0) } // a checker that never had work is no consumer
	if noted(HalfTopic) == next && noted(OpTopic) == opNext {
		return nil
	}
	if err := s.o.Store.Flush(); err != nil {
		return err
	}
	halfGroup := []byte(Group)
	return errors.Join(s.o.Progress.Commit(halfGroup, halfTopic, 0, next), s.o.Progress.Commit(halfGroup, opTopic, 0, opNext))
}

func (s *Service) position() message.QueueOffset {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.next
}

func (s *Service) isEnded(half message.QueueOffset) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended.has(half)
}

// pass moves next behind a half message and tells whether its transaction is ended.
func (s *Service) pass(half *message.Record) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = half.QueueOffset + 1
	return s.waitEnded(half)
}

// move sets next.
func (s *Service) move(next message.QueueOffset) {
	s.mu.Lock()
	s.next = next
	s.mu.Unlock()
}
