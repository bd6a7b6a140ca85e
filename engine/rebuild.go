package engine

import (
	"context"
	"errors"
	"fmt"
	"path"

	"ringmq/commitlog"
	"ringmq/consumequeue"
	"ringmq/index"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Rebuilt is what Rebuild made.
type Rebuilt struct {
	Records int64             `json:"records"`
	Queues  int               `json:"queues"`
	Entries int64             `json:"entries"`
	Indexed message.LogOffset `json:"indexed"` // the last record in the index, -1 for none
	Damage  int64             `json:"damage"`  // damages met in the log; each is a line of ringmq/damage.log
	Filled  int64             `json:"filled"`  // damaged parts that were filled
	End     message.LogOffset `json:"end"`     // of the log
	// NoUnits: there were ext files; which filters want a message is not in the log, so the entries have none any more.
	NoUnits bool `json:"noUnits,omitempty"`
}

// rebuildName is where the new files are made, and where the old ones lie after the exchange.
const rebuildName = ringmqName + "/rebuild"

// RebuildOptions are what [Rebuild] needs beside the store's.
type RebuildOptions struct {
	// Keep leaves the old files in ringmq/rebuild.
	Keep bool
	// Fill puts fillers over damaged parts of the log, whose bytes are in ringmq/damage then, so that a Java
	// broker reads on behind them.
	Fill bool
	// Stale tells of a record that has no place in its queue any more, because its topic was deleted
	// and made anew. It may be nil.
	Stale func(topic []byte, queue int32, off message.LogOffset) bool
	// Progress is called for each record. It may be nil.
	Progress func(at message.LogOffset)
}

// ErrWriteFailed is why a store is not rebuilt whose last broker lost a write.
var ErrWriteFailed = errors.New("a write failed when the store was used last: start the broker and stop it, " +
	"so that it writes again what may not be on the device, and then rebuild")

// Rebuild makes the consume queues and the index of a store that nobody runs again from its commit
// log, with the same rules as recovery. The new files are made beside the old ones, put on the
// device, and exchanged with them; only then the old ones are removed. When it is interrupted
// the store has old files or new ones of each kind, and the next start knows.
func Rebuild(ctx context.Context, o Options, r RebuildOptions) (Rebuilt, error) {
	o, err := o.withDefaults()
	if err != nil {
		return Rebuilt{}, err
	}
	o.MultiDispatch = true // what the records say
	root := o.FS
	if root == nil {
		if root, err = mapfile.OpenDir(o.Dir); err != nil {
			return Rebuilt{}, err
		}
	}
	b := rebuild{o: r, s: &Store{o: o, root: root}, ctx: ctx}
	b.s.limits.Store(&b.s.o.Limits)
	b.r = recovery{s: b.s, rebuilding: true, stale: r.Stale}
	result, err := b.run()
	return result, errors.Join(err, b.close())
}

// rebuild is a Rebuild under way.
type rebuild struct {
	o       RebuildOptions
	s       *Store // without loops; its queues and index are the new ones
	r       recovery
	ctx     context.Context
	last    lastRun
	records int64
	damaged []filling
}

func (b *rebuild) close() error {
	s := b.s
	var errs []error
	if s.marks != nil {
		errs = append(errs, s.marks.f.Close())
	}
	if s.tombstones != nil {
		errs = append(errs, s.tombstones.f.Close())
	}
	if s.timesFile != nil {
		errs = append(errs, s.timesFile.Close())
	}
	if s.log != nil {
		errs = append(errs, s.log.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if s.o.FS == nil {
		errs = append(errs, s.root.Close())
	}
	return errors.Join(errs...)
}

func (b *rebuild) run() (Rebuilt, error) {
	s := b.s
	err := s.takeLock()
	if err != nil {
		return Rebuilt{}, err
	}
	if b.last, err = readAbort(s.root); err != nil {
		return Rebuilt{}, err
	}
	if b.last == lastFailed {
		return Rebuilt{}, ErrWriteFailed
	}
	if s.marks, err = openMarks(s.root); err != nil {
		return Rebuilt{}, err
	}
	if s.timesFile, s.times, err = openTimes(s.root); err != nil {
		return Rebuilt{}, err
	}
	if s.tombstones, err = openTombstones(s.root); err != nil {
		return Rebuilt{}, err
	}
	if s.log, err = s.o.openLog(s.root, nil, nil); err != nil {
		return Rebuilt{}, err
	}
	if err := mapfile.RemoveAll(s.root, rebuildName); err != nil { // of one that was interrupted
		return Rebuilt{}, err
	}
	m, err := b.make()
	if err != nil {
		return Rebuilt{}, errors.Join(err, mapfile.RemoveAll(s.root, rebuildName))
	}
	result := Rebuilt{
		Records: b.records, Queues: len(s.queues.All()), Entries: m.entries,
		Indexed: m.indexed, Damage: s.damage.Load(), End: m.queues,
	}
	if result.NoUnits, err = b.exchange(m); err != nil {
		return result, err
	}
	if b.o.Fill {
		if result.Filled, err = s.fill(b.damaged); err != nil {
			return result, err
		}
	}
	if b.o.Keep {
		return result, nil
	}
	return result, mapfile.RemoveAll(s.root, rebuildName)
}

// make makes the new files, on the device, and the mark that goes with them.
func (b *rebuild) make() (m mark, err error) {
	s := b.s
	o := &s.o
	if s.queues, err = consumequeue.Open(consumequeue.Options{
		FS: s.root, Dir: path.Join(rebuildName, consumeQueueName), FileSize: o.ConsumeQueueFileSize, Log: o.Log,
	}); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, s.queues.Close()) }()
	m.indexed = -1
	if !o.NoIndex {
		if s.index, err = index.Open(index.Options{
			FS: s.root, Dir: path.Join(rebuildName, indexName), Slots: o.IndexSlots, Entries: o.IndexEntries, Clock: o.Clock, Log: o.Log,
		}); err != nil {
			return m, err
		}
		defer func() { err = errors.Join(err, s.index.Close()) }()
	}
	s.commit.anchor = -1
	v := &rebuilder{redispatch: newRedispatch(&b.r), b: b}
	result, err := s.log.Scan(s.log.Min(), s.log.Written(), v)
	if err == nil {
		err = v.finish()
	}
	if err == nil && b.r.unindexed != nil {
		err = fmt.Errorf("the index cannot be written: %w", b.r.unindexed)
	}
	if err != nil {
		return m, err
	}
	b.records = result.Records
	if err := b.sync(); err != nil {
		return m, err
	}
	if s.index != nil {
		m.indexed = s.index.EndOffset()
	}
	m.queues, m.index, m.clean = result.End, result.End, b.last == lastClean
	m.anchor, m.anchorTime, m.storeTime = s.commit.anchor, s.commit.anchorTime, s.commit.anchorTime
	m.entries = s.sumEntries()
	return m, nil
}

// sync puts the log and the new files on the device.
func (b *rebuild) sync() error {
	s := b.s
	if err := s.log.SyncFiles(); err != nil {
		if b.last != lastClean {
			s.noteFailure() // the next process must not take for safe what the kernel has forgotten
		}
		return err
	}
	if err := s.queues.Sync(); err != nil {
		return err
	}
	if s.index == nil {
		return nil
	}
	full, err := s.index.Sync()
	s.times.index = full
	return err
}

// exchange puts the new files in the place of the old ones and says so in both checkpoints. It tells whether there were ext
// files: no entry leads to them any more, so they go, after the entries that did.
func (b *rebuild) exchange(m mark) (noUnits bool, err error) {
	s := b.s
	names := []string{consumeQueueName}
	if s.index != nil {
		names = append(names, indexName)
	}
	if _, err := s.root.Stat(consumequeue.DefaultExtDir); err == nil {
		names, noUnits = append(names, consumequeue.DefaultExtDir), true
	}
	for _, name := range names {
		if err := s.root.MkdirAll(path.Join(rebuildName, name)); err != nil { // of a log without records, and for ext files
			return noUnits, err
		}
		if err := s.root.Exchange(path.Join(rebuildName, name), name); err != nil {
			return noUnits, fmt.Errorf("the new %s is in %s, but cannot be put in its place: %w", name, path.Join(s.root.Path(), rebuildName), err)
		}
	}
	for _, dir := range []string{rebuildName, "."} {
		if err := s.root.SyncDir(dir); err != nil {
			return noUnits, err
		}
	}
	s.times.log, s.times.queues = m.anchorTime, m.anchorTime
	if err := s.times.write(s.timesFile); err != nil {
		return noUnits, err
	}
	return noUnits, s.marks.write(m)
}

// rebuilder is a redispatch that can be interrupted and does not keep all entries in memory.
type rebuilder struct {
	*redispatch
	b *rebuild
	n int
}

// flushEvery is after how many records the entries go to their files, so that those that wait for a
// file to be created do not pile up.
const flushEvery = 1 << 16

// Record implements [commitlog.Visitor].
func (v *rebuilder) Record(raw []byte, r *message.Record) error {
	if v.n%flushEvery == 0 {
		if err := v.b.ctx.Err(); err != nil {
			return err
		}
		if err := v.b.s.queues.Flush(); err != nil {
			return err
		}
	}
	v.n++
	if v.b.o.Progress != nil {
		v.b.o.Progress(r.LogOffset)
	}
	return v.redispatch.Record(raw, r)
}

// Damage implements [commitlog.Visitor].
func (v *rebuilder) Damage(e *commitlog.CorruptError, r *message.Record) error {
	v.b.damaged = append(v.b.damaged, filling{e.Offset, e.Offset + message.LogOffset(e.Length), v.b.s.commit.anchorTime})
	return v.redispatch.Damage(e, r)
}
