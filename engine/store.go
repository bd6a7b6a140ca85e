package engine

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/index"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Store is an open message store.
//
// Lock order: checkpointing before noting before commit before stage; acks.mu alone.
type Store struct {
	o      Options
	root   mapfile.FS
	loop   *mapfile.Loop // carries out what nobody waits for; nil with Options.FS
	lock   mapfile.File
	log    *commitlog.Log
	queues *consumequeue.Table
	index  *index.Index // nil with NoIndex; written by indexer
	light  atomic.Int64 // light queues there are, about

	indexer *indexer // nil with NoIndex

	// noting is held while a mark is written or queues are removed: a mark says that the files have what queues had.
	noting sync.Mutex

	checkpointing sync.Mutex // one checkpoint at a time; guards the next five, but checkpointAt
	marks         *marks
	timesFile     mapfile.File
	times         times
	indexSynced   time.Time    // when the index was put on the device last; zero before the first time
	checkpointAt  atomic.Int64 // LogOffset of the last checkpoint
	tombstones    *tombstones  // under checkpointing
	remark        bool         // set by recovery: the checkpoints say nothing any more

	prewriteFailed bool   // the preallocator's
	prepareTold    string // the preallocator's: the error that it has told of

	levels atomic.Pointer[[]time.Duration] // SetDelayLevels; nil: Options.DelayLevels
	limits atomic.Pointer[Limits]          // SetLimits
	pace   atomic.Pointer[Pace]            // SetPace

	onArrival func(q *consumequeue.Queue, max message.QueueOffset, tagsCode int64) // set before use
	// onCommitted is called behind each commit of the committer or a ring; set before use.
	onCommitted func()

	stage stage
	// commit serializes writing and dispatching: its holder alone touches the files' end, the
	// queues' ends and spare.
	commit struct {
		sync.Mutex
		spare *batch // nil while one is being written
		// What a checkpoint says of the moment: the last record, and the sum of all queues' ends.
		anchor     message.LogOffset
		anchorTime int64
		entries    int64
		// writeback is the log offset up to which the kernel was asked to begin writing.
		writeback  message.LogOffset
		preparedTo message.LogOffset // when the log is there, the preallocator looks again
		flight     flight            // of the batch that a ring writes
	}
	// visible is the log offset below which every message is in its queue.
	visible   atomic.Int64
	writing   atomic.Int64 // ms since when a batch is being written, 0 for none
	retention atomic.Pointer[Retention]
	manual    atomic.Int32 // looks of the caretaker for which a manual deletion lasts
	// diskFull is why appends are refused although nothing is broken.
	diskFull atomic.Pointer[error]

	damage    atomic.Int64 // damages found since Open
	repairing sync.Mutex   // one repair of a queue at a time; taken before everything else

	acks acks

	wakeCommit  chan struct{} // to the committer
	wakeFlush   chan struct{} // to the flusher: a window of writeback is due
	wakePrepare chan struct{} // to the preallocator
	stop        context.CancelFunc
	loops       sync.WaitGroup
}

// Open opens the store of a directory, which is made when missing: it takes the directory's
// lock before it touches anything else, brings the files into agreement, and starts the
// loops. Messages can be put and got when it returns.
func Open(o Options) (*Store, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	s := &Store{
		o: o, root: o.FS,
		wakeCommit:  make(chan struct{}, 1),
		wakeFlush:   make(chan struct{}, 1),
		wakePrepare: make(chan struct{}, 1),
	}
	s.acks.watch = make(chan struct{}, 1)
	s.retention.Store(&s.o.Retention)
	s.limits.Store(&s.o.Limits)
	s.pace.Store(&s.o.Pace)
	if s.root == nil {
		if s.loop, err = mapfile.StartLoop(o.RingIO); err != nil {
			return nil, err
		}
		if s.root, err = mapfile.OpenDirOn(o.Dir, s.loop); err != nil {
			s.loop.Close()
			return nil, err
		}
	}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, s.closeFiles())
	}
	return s, nil
}

func (s *Store) open() error {
	if err := s.takeLock(); err != nil {
		return err
	}
	if err := s.chooseMode(); err != nil {
		return err
	}
	var err error
	if s.marks, err = openMarks(s.root); err != nil {
		return err
	}
	if s.timesFile, s.times, err = openTimes(s.root); err != nil {
		return err
	}
	if s.tombstones, err = openTombstones(s.root); err != nil {
		return err
	}
	if s.log, err = s.o.openLog(s.root, s.loop, s.logFailed); err != nil {
		return err
	}
	s.commit.anchor = -1
	if err := s.recover(); err != nil {
		return err
	}
	if err := writeAbort(s.root); err != nil {
		return err
	}
	s.countLight()
	half := s.o.StagingBytes / 2
	s.stage.filling, s.commit.spare = newBatch(half), newBatch(half)
	if s.stage.stager, err = commitlog.NewStager(s.log, s.stage.filling.bytes); err != nil {
		return err
	}
	s.visible.Store(int64(s.log.Written()))
	s.checkpointAt.Store(int64(s.marks.last.queues))
	s.commit.writeback = s.log.Written()
	if s.remark {
		s.checkpoint()
	}
	if s.loop != nil {
		path, why := s.loop.Path()
		s.o.Log.Info("store opened", "flushMode", s.o.FlushMode, "files", path, "why", why)
	}
	s.start()
	return nil
}

// logFailed is called once, when the log can no longer be written.
func (s *Store) logFailed(err error) {
	s.o.Log.Error("the store is read-only from now on", "err", err)
	s.noteFailure()
}

// Visible is the log offset below which every message is stored and in its queue.
func (s *Store) Visible() message.LogOffset { return message.LogOffset(s.visible.Load()) }

// Close stops taking messages, stores what was appended, and marks the store as cleanly
// closed. Nothing else may use the store any more.
func (s *Store) Close() error {
	s.stage.Lock()
	closed := s.stage.closed
	s.stage.closed = true
	s.stage.Unlock()
	if closed {
		return nil
	}
	s.stop()
	s.loops.Wait()
	err := s.settle()
	return errors.Join(err, s.closeFiles())
}

// settle stores what was appended and marks the store as closed.
func (s *Store) settle() error {
	if err := s.commitTo(s.tail()); err != nil {
		return err
	}
	s.acks.release(s.Visible())
	if err := s.log.Failure(); err != nil {
		return err
	}
	if s.indexer != nil {
		if err := s.indexer.drain(); err != nil {
			s.o.Log.Warn("messages are not indexed yet; the next start does it", "err", err)
		}
	}
	if err := s.checkpointStep(true); err != nil {
		return err
	}
	return removeAbort(s.root)
}

// closeFiles closes what open has opened, as far as it came.
func (s *Store) closeFiles() error {
	var errs []error
	if s.queues != nil {
		errs = append(errs, s.queues.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.index != nil {
		errs = append(errs, s.index.Close())
	}
	if s.marks != nil {
		errs = append(errs, s.marks.f.Close())
	}
	if s.tombstones != nil {
		errs = append(errs, s.tombstones.f.Close())
	}
	if s.timesFile != nil {
		errs = append(errs, s.timesFile.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if s.o.FS == nil {
		errs = append(errs, s.root.Close())
		s.loop.Close()
	}
	return errors.Join(errs...)
}
