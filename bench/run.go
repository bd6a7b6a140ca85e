package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"ringmq/bench/load"
	"ringmq/bench/usage"
	"ringmq/internal/wire"
)

// Common are the options of every measurement.
type Common struct {
	Broker    string // host:port of the broker's main port
	Serialize wire.Serialize
	IO        string // ring, net or auto: this tool's own I/O path
	Threads   int    // workers of this tool; default 1
	Warmup    time.Duration
	Duration  time.Duration
	Window    time.Duration // length of the report's series; default 1 s
	PID       int           // the broker's process; 0 leaves its usage out
	Seed      uint64        // of sizes and bodies
	// Progress is told a few times a second how far the run is; nil tells nobody.
	Progress func(Progress)
}

func (o *Common) check() error {
	switch {
	case o.Duration <= 0:
		return fmt.Errorf("bench: a measurement of %v; want a time", o.Duration)
	case o.Warmup < 0 || o.Threads < 0:
		return errors.New("bench: warm-up and threads must not be negative")
	}
	return nil
}

// Progress is what a run tells while it goes on.
type Progress struct {
	Phase     string // warm-up, measuring
	Elapsed   time.Duration
	Total     time.Duration // of the phase
	Done      uint64        // messages in the whole run
	PerSecond float64       // since the last time
	Refused   uint64
}

// run is what the flows of a measurement share.
type run struct {
	o       *Common
	g       *load.Group
	tallies []*tally // by worker
	// received, by worker, is what consumers count that run beside the producers; nil without.
	received []*tally
	// settled tells whether everything that was acknowledged has arrived; nil if nobody waits for it.
	settled func() bool
	wall    int64 // ms since 1970 at the group's time 0

	// since and until bound the measured time; since is 0 before. The group's time.
	since, until atomic.Int64
	start        time.Duration // when Start was called; the zero of open loops' schedules

	peakAnon int64 // bytes, of the broker; belongs to measure
}

// newRun opens a group without connections.
func newRun(o *Common, lo load.Options) (*run, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.Window == 0 {
		o.Window = time.Second
	}
	lo.IO, lo.Threads = o.IO, o.Threads
	g, err := load.Open(o.Broker, lo)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	r := &run{o: o, g: g, wall: time.Now().UnixMilli()}
	for range max(o.Threads, 1) {
		r.tallies = append(r.tallies, &tally{run: r})
	}
	return r, nil
}

// tally is that of the i-th flow added.
func (r *run) tally(i int) *tally { return r.tallies[r.g.Worker(i)] }

func (r *run) add(ctx context.Context, f load.Flow) error {
	if err := r.g.Add(ctx, f); err != nil {
		return fmt.Errorf("bench: broker %w", err)
	}
	return nil
}

// measure lets the flows work through warm-up and measurement, stops them and reports. finished, if not nil,
// ends the measurement early.
func (r *run) measure(ctx context.Context, what string, finished <-chan struct{}) (*Report, error) {
	rep, err := r.measured(ctx, finished)
	if stopped := r.g.Stop(); stopped != nil {
		return nil, fmt.Errorf("bench: broker %w", stopped)
	}
	if err != nil {
		return nil, err
	}
	rep.What, rep.Path, rep.Broker = what, r.g.Path(), r.o.Broker
	rep.gather(r)
	return rep, r.failure(rep)
}

// failure is why a run measured nothing. Only who pulls may have had nothing to wait for.
func (r *run) failure(rep *Report) error {
	switch {
	case r.done() > 0:
		return nil
	case r.refused() > 0:
		return fmt.Errorf("bench: broker %s refused all %d requests: %s", r.o.Broker, r.refused(), rep.Refusal)
	case rep.What != "pull":
		return fmt.Errorf("bench: broker %s answered nothing in %.1f s", r.o.Broker, rep.Seconds)
	}
	return nil
}

// measured starts the flows, waits for the warm-up, then for the measurement, and reads the counts around it.
// Without a warm-up nothing that the flows do is left out.
func (r *run) measured(ctx context.Context, finished <-chan struct{}) (*Report, error) {
	if r.o.Warmup > 0 {
		r.begin()
		if err := r.wait(ctx, "warm-up", r.o.Warmup, nil); err != nil {
			return nil, err
		}
	}
	toolBefore, brokerBefore, err := r.usages()
	if err != nil {
		return nil, err
	}
	begin, doneBefore, polledBefore := r.g.Now(), r.done(), r.g.PollTime()
	r.since.Store(int64(max(begin, 1)))
	if r.o.Warmup == 0 {
		r.begin()
	}
	if err := r.wait(ctx, "measuring", r.o.Duration, finished); err != nil {
		return nil, err
	}
	end, done := r.g.Now(), r.done()-doneBefore
	polled := r.g.PollTime() - polledBefore
	r.until.Store(int64(end))
	tool, broker, err := r.usages()
	if err != nil {
		return nil, err
	}
	if err := r.settle(ctx); err != nil {
		return nil, err
	}
	took := end - begin
	rep := &Report{Seconds: took.Seconds(), Messages: done, PerSecond: float64(done) / took.Seconds()}
	rep.Tool = usage.CostOf(toolBefore, tool, done, took)
	rep.PollMicros = float64(polled.Nanoseconds()) / 1e3 / float64(max(done, 1))
	if r.o.PID != 0 {
		cost := usage.CostOf(brokerBefore, broker, done, took)
		cost.PeakAnonMiB = float64(max(r.peakAnon, broker.AnonBytes)) / (1 << 20)
		rep.Server = &cost
	}
	return rep, nil
}

// begin starts the flows.
func (r *run) begin() {
	r.start = r.g.Now()
	r.g.Start()
}

// settleTime is how long messages that were acknowledged at the end may take to arrive.
const settleTime = time.Second

// settle waits for the messages that are on their way. Producers send nothing more once until is set.
func (r *run) settle(ctx context.Context) error {
	for end := r.g.Now() + settleTime; r.settled != nil && !r.settled() && r.g.Now() < end; {
		if err := r.wait(ctx, "settling", settleTime/100, nil); err != nil {
			return err
		}
	}
	return nil
}

// usages reads what this process and the broker's have used.
func (r *run) usages() (tool, broker usage.Usage, err error) {
	if tool, err = usage.Read(os.Getpid()); err != nil || r.o.PID == 0 {
		return tool, broker, err
	}
	broker, err = usage.Read(r.o.PID)
	return tool, broker, err
}

// progressEvery is how often a run tells its progress and samples the broker's memory.
const progressEvery = 250 * time.Millisecond

// wait returns when d is over, when finished is closed, or with the error of a run that ended by itself.
func (r *run) wait(ctx context.Context, phase string, d time.Duration, finished <-chan struct{}) error {
	begin := r.g.Now()
	last, lastAt := r.done(), begin
	over := time.NewTimer(d)
	defer over.Stop()
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.g.Done():
			return errors.New("bench: the run ended early")
		case <-finished:
			return nil
		case <-over.C:
			return nil
		case <-tick.C:
			r.sampleMemory()
			if r.o.Progress == nil {
				continue
			}
			now, n := r.g.Now(), r.done()
			p := Progress{Phase: phase, Elapsed: now - begin, Total: d, Done: n, Refused: r.refused()}
			p.PerSecond = float64(n-last) / (now - lastAt).Seconds()
			r.o.Progress(p)
			last, lastAt = n, now
		}
	}
}

// sampleMemory keeps the largest anonymous memory the broker was seen with.
func (r *run) sampleMemory() {
	if r.o.PID != 0 {
		if bytes, err := usage.Anonymous(r.o.PID); err == nil { // its end shows in the connections
			r.peakAnon = max(r.peakAnon, bytes)
		}
	}
}

func (r *run) done() (n uint64) {
	for _, t := range r.tallies {
		n += t.done.Load()
	}
	return n
}

func (r *run) refused() (n uint64) {
	for _, t := range r.tallies {
		n += t.refused.Load()
	}
	return n
}
