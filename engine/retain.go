package engine

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"ringmq/internal/message"
)

// Retention says when commit log files go; see [Store.SetRetention]. The zero value of a field means its
// default, but that of Forcibly is false.
//
//	used space   0 ──────── ExpirePercent ──────── ForcePercent ──────── FullPercent ──────── 100 %
//	             expired     expired files go       young files go,       nothing is stored
//	             files go    at any hour            if Forcibly           either
//	             at Hours
type Retention struct {
	// Reserved is how long a file is kept after its last write (fileReservedTime, 72 h).
	Reserved time.Duration
	// Hours of the day in which expired files go (deleteWhen, 4).
	Hours []int
	// ExpirePercent is the used space above which the hour does not count (diskMaxUsedSpaceRatio, 75; from
	// 10 to 95).
	ExpirePercent int
	// ForcePercent is the used space above which the oldest files go although they are young, if
	// Forcibly (rocketmq.broker.diskSpaceCleanForciblyRatio, 85; cleanFileForciblyEnable).
	ForcePercent int
	Forcibly     bool
	// FullPercent is the used space above which nothing is stored
	// (rocketmq.broker.diskSpaceWarningLevelRatio, 90).
	FullPercent int
	// LogPause and QueuePause lie between two removals, so that the file system keeps its pace
	// (deleteCommitLogFilesInterval, deleteConsumeQueueFilesInterval; 100 ms in Java, 0 here).
	LogPause, QueuePause time.Duration
	// Every is the time between two looks (cleanResourceInterval, 10 s).
	Every time.Duration
	// HungAfter is how long a removed file may be read before it is told of (destroyMapedFileIntervalForcibly,
	// 120 s), HungEvery the time between two such lines (redeleteHangedFileInterval, 120 s).
	HungAfter, HungEvery time.Duration
}

func (r Retention) withDefaults() Retention {
	r.Reserved = cmp.Or(r.Reserved, 72*time.Hour)
	if r.Hours == nil {
		r.Hours = []int{4}
	}
	r.ExpirePercent = min(max(cmp.Or(r.ExpirePercent, 75), 10), 95)
	r.ForcePercent = cmp.Or(r.ForcePercent, 85)
	r.FullPercent = cmp.Or(r.FullPercent, 90)
	r.Every = cmp.Or(r.Every, 10*time.Second)
	r.HungAfter = cmp.Or(r.HungAfter, 2*time.Minute)
	r.HungEvery = cmp.Or(r.HungEvery, 2*time.Minute)
	return r
}

// SetRetention replaces the rules while the store is used.
func (s *Store) SetRetention(r Retention) {
	r = r.withDefaults()
	s.retention.Store(&r)
}

const (
	// deleteBatch is how many files one look removes (MappedFileQueue.DELETE_FILES_BATCH_MAX).
	deleteBatch = 10
	// manualRounds is for how many looks a manual trigger lasts
	// (CleanCommitLogService.MAX_MANUAL_DELETE_FILE_TIMES).
	manualRounds = 20
)

// DeleteExpired removes the oldest commit log files that have expired, at most ten, and what the queues and
// the index say of them. With manual it does so whatever the hour, and so do the next twenty looks of the
// caretaker (request 329); else only when [Retention] says so. The file that is written stays. It may wait for the device.
func (s *Store) DeleteExpired(now time.Time, manual bool) error {
	if manual {
		s.manual.Store(manualRounds)
	}
	return s.deleteExpired(now, func(time.Duration) {})
}

// deleteExpired makes pauses between two removals.
func (s *Store) deleteExpired(now time.Time, pause func(time.Duration)) error {
	r := s.retention.Load()
	used, err := s.diskUsed()
	if err != nil {
		return err
	}
	manual := s.manual.Load() > 0
	if manual {
		s.manual.Add(-1)
	}
	forced := r.Forcibly && used > r.ForcePercent
	if !manual && !forced && used <= r.ExpirePercent && !slices.Contains(r.Hours, now.Hour()) {
		return nil
	}
	removed := 0
	for removed < deleteBatch {
		ok, err := s.log.RemoveFirst(now, func(modified time.Time) bool {
			return forced || now.Sub(modified) >= r.Reserved
		})
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		removed++
		pause(r.LogPause)
	}
	switch {
	case removed > 0:
		s.o.Log.Info("commit log files removed", "files", removed, "begin", int64(s.log.Min()), "used", used, "manual", manual, "forced", forced)
	case forced:
		s.o.Log.Warn("the disk is nearly full, but there is no commit log file that can go", "used", used)
	}
	if begin := s.log.Min(); removed > 0 {
		return s.deleteDerived(begin, func() { pause(r.QueuePause) })
	}
	return nil
}

// deleteDerived removes the files of queues and index that the log, which now begins at begin, has left behind.
func (s *Store) deleteDerived(begin message.LogOffset, pause func()) error {
	s.checkpointing.Lock()
	old, err := s.queues.Expire(begin)
	if s.index != nil {
		err = errors.Join(err, s.index.CorrectMin(begin))
	}
	err = errors.Join(err, s.tombstones.fit(begin, math.MaxInt64))
	s.checkpointing.Unlock()
	for i, q := range old {
		if i > 0 {
			pause() // without the lock: checkpoints go on
		}
		err = errors.Join(err, q.RemoveExpired())
	}
	return err
}

// diskUsed is how full the disk of the commit log is, or that of the queues if it is fuller, in percent.
func (s *Store) diskUsed() (int, error) {
	used, _, err := s.fullerDisk()
	return used, err
}

func (s *Store) fullerDisk() (used int, path string, err error) {
	space, err := s.log.Space()
	if err != nil {
		return 0, "", err
	}
	used, path = space.UsedPercent(), s.log.Dir()
	space, err = s.root.Space()
	if other := space.UsedPercent(); err == nil && other > used {
		used, path = other, s.root.Path()
	}
	return used, path, err
}

// CheckDisk refuses messages while a disk is used above FullPercent, and takes them again when
// none is. Java checks every 10 s.
func (s *Store) CheckDisk() error {
	used, path, err := s.fullerDisk()
	if err != nil {
		return err
	}
	limit := s.retention.Load().FullPercent
	if used <= limit {
		if s.diskFull.Swap(nil) != nil {
			s.o.Log.Info("the disk has room again: the store takes messages", "used", used)
		}
		return nil
	}
	full := fmt.Errorf("%w: %s is used to %d %%, above %d %% nothing is stored", ErrDiskFull, path, used, limit)
	if s.diskFull.Swap(&full) == nil {
		s.o.Log.Error("the store takes no messages", "err", full)
	}
	return nil
}

// tellHung tells of removed commit log files that are still read: their space is not free yet. Java
// takes them away from their readers; here the transport closes connections that do not read.
func (s *Store) tellHung(now, last time.Time) time.Time {
	r := s.retention.Load()
	if now.Sub(last) < r.HungEvery {
		return last
	}
	files, since := s.log.Leaving()
	if files > 0 && now.Sub(since) >= r.HungAfter {
		s.o.Log.Warn("removed commit log files are still read, and keep their space", "files", files, "since", since)
	}
	return now
}
