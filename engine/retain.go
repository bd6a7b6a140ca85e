package engine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"ringmq/internal/message"
)

// deleteBatch is how many files one DeleteExpired removes (MappedFileQueue.deleteExpiredFileByTime).
const deleteBatch = 10

// DeleteExpired removes the oldest commit log files that were last written longer ago than
// FileReserved, in the hours of DeleteHours or when forced, and what the queues and the index say of
// them. Above DiskCleanPercent young files go too. The last file stays. It may wait for the device.
func (s *Store) DeleteExpired(now time.Time, forced bool) error {
	used, err := s.diskUsed()
	if err != nil {
		return err
	}
	full := s.o.DiskCleanPercent > 0 && used >= s.o.DiskCleanPercent
	if !forced && !full && !slices.Contains(s.o.DeleteHours, now.Hour()) {
		return nil
	}
	removed := 0
	for removed < deleteBatch {
		ok, err := s.log.RemoveFirst(func(modified time.Time) bool {
			return full || now.Sub(modified) >= s.o.FileReserved
		})
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		removed++
	}
	if removed == 0 {
		return nil
	}
	begin := s.log.Min()
	s.o.Log.Info("expired commit log files removed", "files", removed, "begin", int64(begin))
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	return errors.Join(s.correctMin(begin), s.tombstones.fit(begin, math.MaxInt64))
}

func (s *Store) correctMin(begin message.LogOffset) error {
	err := s.queues.CorrectMin(begin)
	if s.index != nil {
		err = errors.Join(err, s.index.CorrectMin(begin))
	}
	return err
}

// diskUsed is how full the commit log's disk is, in percent.
func (s *Store) diskUsed() (int, error) {
	space, err := s.log.Space()
	return space.UsedPercent(), err
}

// CheckDisk refuses messages while the disk is used above DiskFullPercent, and takes them again when
// it is not. Java checks every 10 s.
func (s *Store) CheckDisk() error {
	used, err := s.diskUsed()
	if err != nil {
		return err
	}
	if used < s.o.DiskFullPercent {
		s.diskFull.Store(nil)
		return nil
	}
	full := fmt.Errorf("%w: %s is used to %d %%, above %d %% nothing is stored", ErrDiskFull, s.log.Dir(), used, s.o.DiskFullPercent)
	if s.diskFull.Swap(&full) == nil {
		s.o.Log.Error("the store takes no messages", "err", full)
	}
	return nil
}

// DeleteTopic removes a topic's queues. Its messages stay in the commit log until they expire,
// but cannot be found by offset any more, nor come back by a recovery. It may wait for the device.
func (s *Store) DeleteTopic(topic string) error {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	s.stage.Lock()
	tail := s.stage.stager.Tail()
	s.stage.Unlock()
	if err := s.tombstones.add(topic, tail); err != nil {
		return err
	}
	return s.deleteQueues(func() error { return s.queues.DeleteTopic(topic) })
}

// DeleteStaleQueues removes the queues whose last message is gone from the commit log, except
// those of the delay levels (request 306). It may wait for the device.
func (s *Store) DeleteStaleQueues() error {
	s.checkpointing.Lock()
	defer s.checkpointing.Unlock()
	err := s.deleteQueues(func() error {
		return s.queues.DeleteExpired(s.log.Min(), func(topic string) bool { return topic == scheduleTopic })
	})
	// Without a checkpoint, the next start would miss the entries and look for them in the log.
	return errors.Join(err, s.checkpointLocked(false))
}

// deleteQueues runs fn while nothing is dispatched, so that the sum of the queues' ends stays right.
func (s *Store) deleteQueues(fn func() error) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	err := fn()
	s.commit.entries = s.sumEntries()
	return err
}
