package engine

import (
	"errors"

	"ringmq/consumequeue"
	"ringmq/internal/message"
)

// DeleteTopic removes a topic's queues. Its messages stay in the commit log until they expire,
// but cannot be found by offset any more, nor come back by a recovery. What is appended from now on, also to a queue
// that was found before, is in queues of its own, which begin at 0. It may wait for the device.
func (s *Store) DeleteTopic(topic string) error {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	s.noting.Lock()
	defer s.noting.Unlock()
	if err := s.tombstones.reserve(topic); err != nil {
		return err
	}
	queues, tail := s.retire(topic, func(*consumequeue.Queue) bool { return true })
	if err := s.tombstones.add(topic, tail); err != nil {
		// The next start will find the old queues, in which what is appended now has no place.
		s.log.Fail(err)
		return err
	}
	return s.removeRetired(topic, queues)
}

// DeleteStaleQueues removes the queues whose last message is gone from the commit log (request 306), except those of
// topics that keep tells of, and of messages that wait. It may wait for the device.
//
// Java removes those of topics in use, too: they begin at 0 again, and consumers that have come further skip what is sent
// to them.
func (s *Store) DeleteStaleQueues(keep func(topic string) bool) error {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	// Without a checkpoint, the next start would miss the entries and look for them in the log.
	return errors.Join(s.deleteStale(keep), s.checkpointLocked(false))
}

// deleteStale is DeleteStaleQueues without the checkpoint that has to follow.
func (s *Store) deleteStale(keep func(topic string) bool) error {
	s.noting.Lock()
	defer s.noting.Unlock()
	begin := s.log.Min()
	var errs []error
	for topic := range s.queues.Stale(begin) {
		if isWaiting(topic) || keep(topic) {
			continue
		}
		// One with messages that are not in it yet is not stale.
		queues, _ := s.retire(topic, func(q *consumequeue.Queue) bool { return q.Stale(begin) && q.Next == q.Max() })
		errs = append(errs, s.removeRetired(topic, queues))
	}
	return errors.Join(errs...)
}

// isWaiting tells the topics in which messages wait: who delivers them holds their queues.
func isWaiting(topic string) bool {
	switch topic {
	case scheduleTopic, timerTopic, halfTopic, halfOpTopic:
		return true
	}
	return false
}

// retire takes queues of a topic that which tells of out of use, and says where the log ended then.
func (s *Store) retire(topic string, which func(*consumequeue.Queue) bool) (queues []*consumequeue.Queue, tail message.LogOffset) {
	s.commit.Lock()
	defer s.unlockCommit()
	s.stage.Lock()
	defer s.stage.Unlock()
	for _, q := range s.queues.QueuesOf(topic) {
		if which(q) {
			queues = append(queues, q)
			s.commit.entries -= int64(q.Max())
		}
	}
	s.queues.Retire(topic, queues)
	return queues, s.stage.stager.Tail()
}

// removeRetired removes the files of queues that were retired; nobody waits for it but the caller.
func (s *Store) removeRetired(topic string, queues []*consumequeue.Queue) error {
	err := s.queues.Remove(topic, queues)
	s.countLight()
	return err
}
