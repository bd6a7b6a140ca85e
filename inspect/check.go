package inspect

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/engine"
	"ringmq/internal/message"
)

// CheckOptions are what a check needs to know, and whom it tells.
type CheckOptions struct {
	// Workers check records at the same time; 0 is one for each CPU.
	Workers int
	// DelayLevels are the broker's (messageDelayLevel). Without them any whole number of seconds is a delay.
	DelayLevels []time.Duration
	// Limit is how many problems, and how many notes, are told; the rest is counted. 0 is 1,000.
	Limit int
	// Tell gets each problem as it is found, on the goroutine that called Check. It may be nil.
	Tell func(Problem)
	// Progress gets how many bytes of the log are done, of how many. It may be nil.
	Progress func(done, total int64)
}

// Report is what a check has looked at.
type Report struct {
	Problems int64 `json:"problems"`
	Notes    int64 `json:"notes"`

	LastRun string `json:"lastRun"`           // how the last broker ended
	Running bool   `json:"running,omitempty"` // a broker has the store, and was not waited for

	Log    LogReport   `json:"commitLog"`
	Queues QueueReport `json:"consumeQueues"`
	Index  IndexReport `json:"index"`
	Config []string    `json:"config"` // state files that were parsed
}

// LogReport is the part of a report about the commit log.
type LogReport struct {
	Files    int               `json:"files"`
	FileSize int64             `json:"fileSize"`
	Min      message.LogOffset `json:"min"`
	End      message.LogOffset `json:"end"` // behind the last record
	Records  int64             `json:"records"`
	Damaged  int64             `json:"damagedBytes"`
}

// QueueReport is the part about the consume queues.
type QueueReport struct {
	Topics   int   `json:"topics"`
	Queues   int   `json:"queues"`
	FileSize int64 `json:"fileSize"`
	Entries  int64 `json:"entries"` // of records in the log
	Ends     int64 `json:"-"`       // the sum of the queues' ends
	Lost     int64 `json:"lostMessages"`
}

// IndexReport is the part about the index.
type IndexReport struct {
	Files     int   `json:"files"`
	Slots     int32 `json:"slots"` // of the newest file
	Room      int32 `json:"room"`  // for entries
	Entries   int64 `json:"entries"`
	Unindexed int64 `json:"unindexedKeys"`
}

// Check reads everything. The error is one of the machine or of ctx; what is wrong with the store is
// told and counted.
func (s *Store) Check(ctx context.Context, o CheckOptions) (*Report, error) {
	c, err := newChecker(s, o)
	if err != nil {
		return nil, err
	}
	err = errors.Join(c.run(ctx), c.close())
	c.report.Problems, c.report.Notes = c.find.problems, c.find.notes
	return &c.report, err
}

func (c *checker) close() error {
	err := errors.Join(c.entries.close(), c.match.reader.close())
	if c.keys.cur != nil {
		err = errors.Join(err, c.keys.cur.f.Close())
	}
	return err
}

// checker is a check under way.
type checker struct {
	store   *Store
	o       CheckOptions
	find    *findings
	report  Report
	crashed bool // the store was not closed, or a broker still runs

	queues  queueFiles
	index   indexFiles
	dir     *directory
	entries *entryReader
	damage  damageList
	match   *matcher
	keys    *keyMatcher
	newest  int64 // store time of the newest record, ms
	files   []fileState
	file    int // the one being read
}

func newChecker(s *Store, o CheckOptions) (*checker, error) {
	if o.Workers <= 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Limit <= 0 {
		o.Limit = 1000
	}
	if o.Tell == nil {
		o.Tell = func(Problem) {}
	}
	if o.Progress == nil {
		o.Progress = func(int64, int64) {}
	}
	c := &checker{store: s, o: o, find: &findings{limit: o.Limit, tell: o.Tell}}
	how, closed, err := engine.LastRun(s.root)
	if err != nil {
		return nil, err
	}
	c.crashed = !closed || s.running
	if c.report.LastRun, c.report.Running = how, s.running; s.running {
		c.report.LastRun = "running"
	}
	c.queues.fs, c.index.fs = s.root, s.root
	c.dir = &directory{topics: map[string]map[int32]*queue{}}
	if c.dir.deleted, err = engine.ReadDeleted(s.root); err != nil {
		return nil, err
	}
	if err := c.queues.list(); err != nil {
		return nil, err
	}
	if err := c.index.list(); err != nil {
		return nil, err
	}
	c.entries = newEntryReader(&c.queues)
	c.match = &matcher{log: &s.log, entries: c.entries, reader: recordReader{log: &s.log}, find: c.find, damage: &c.damage, crashed: c.crashed, exact: o.DelayLevels != nil}
	c.match.units.files = c.entries
	if c.match.units.fileSize, err = findExtSize(s.root); err != nil {
		return nil, err
	}
	c.keys = newKeyMatcher(&c.index, c.find, &c.damage)
	c.keys.crashed, c.keys.logMin = c.crashed, s.log.min()
	return c, nil
}

func (c *checker) run(ctx context.Context) error {
	steps := []func(context.Context) error{
		func(context.Context) error { return c.checkNames() },
		func(context.Context) error { return c.checkConfig() },
		c.findEnds,
		c.readLog,
		c.finishQueues,
		func(context.Context) error { return c.finishKeys() },
		func(context.Context) error { return c.checkTimes() },
		func(context.Context) error { return c.checkMark() },
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// checkNames looks at what the directories list.
func (c *checker) checkNames() error {
	log := &c.store.log
	if c.store.running {
		c.find.add(Problem{Note: true, Path: engine.LockName, Offset: wholeFile, What: "a broker runs on the store: what it writes meanwhile may look wrong"})
	}
	if c.crashed && !c.store.running {
		c.find.add(Problem{Note: true, Path: engine.AbortName, Offset: wholeFile, What: "the store was not closed (" + c.report.LastRun + "): the next start finishes what is missing"})
	}
	found := log.check(c.crashed)
	if len(log.files) == 0 {
		found = append(found, Problem{Note: true, Path: log.shown, Offset: wholeFile, What: "no commit log files: the store is empty"})
	}
	found = append(found, c.queues.foreign...)
	for _, q := range c.queues.queues {
		found = append(found, c.queues.check(q, c.crashed)...)
	}
	found = append(found, c.index.found...)
	slices.SortStableFunc(found, byPlace)
	for _, p := range found {
		c.find.add(p)
	}
	c.report.Log.Files, c.report.Log.FileSize, c.report.Log.Min = len(log.files), log.fileSize, log.min()
	c.report.Queues.Queues, c.report.Queues.FileSize = len(c.queues.queues), c.queues.fileSize
	c.report.Index.Files = len(c.index.names)
	c.report.Index.Slots, c.report.Index.Room = c.index.shape.Slots, c.index.shape.Entries
	return nil
}

// findEnds finds where each queue begins and ends, several queues at a time, and makes them known.
func (c *checker) findEnds(ctx context.Context) error {
	var next atomic.Int64
	errs := make([]error, c.o.Workers)
	var wg sync.WaitGroup
	for w := range c.o.Workers {
		wg.Go(func() {
			r := newEntryReader(&c.queues)
			for i := int(next.Add(1)) - 1; i < len(c.queues.queues) && errs[w] == nil; i = int(next.Add(1)) - 1 {
				errs[w] = errors.Join(ctx.Err(), r.ends(c.queues.queues[i]))
			}
			errs[w] = errors.Join(errs[w], r.close())
		})
	}
	wg.Wait()
	for _, q := range c.queues.queues {
		c.dir.put(q)
		c.report.Queues.Ends += int64(q.max)
	}
	c.report.Queues.Topics = len(c.dir.topics)
	return errors.Join(errs...)
}

// finishQueues tells what is known of each queue now.
func (c *checker) finishQueues(ctx context.Context) error {
	var all []*queue
	for _, queues := range c.dir.topics {
		for _, q := range queues {
			all = append(all, q)
		}
	}
	slices.SortFunc(all, byName)
	if c.queues.missing && len(all) > 0 {
		c.find.add(Problem{Note: c.crashed, Path: engine.ConsumeQueueName, Offset: wholeFile, What: "the folder of the consume queues is missing ('ringmq store rebuild' makes it)"})
	}
	known := c.topics()
	for _, q := range all {
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasPrefix(q.topic, lightPrefix) {
			known.ok = false // light topics stand in no file
		}
		if err := c.match.finish(q, c.store.log.min(), c.report.Log.End, known); err != nil {
			return err
		}
	}
	if n := c.match.units.lost; n > 0 {
		c.find.add(Problem{Note: true, Path: extName, Offset: wholeFile, What: fmt.Sprintf("%d entries lead to units that are not there: filters look at their messages themselves", n)})
	}
	c.report.Queues.Entries, c.report.Queues.Lost = c.match.records, c.match.lost
	return nil
}

func (c *checker) finishKeys() error {
	if err := c.keys.finish(); err != nil {
		return err
	}
	c.keys.tell()
	c.report.Index.Entries, c.report.Index.Unindexed = c.keys.entries, c.keys.unindexed+c.keys.late
	return nil
}
