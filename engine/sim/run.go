package sim

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/mapfile"
)

// Result is what a run has done.
type Result struct {
	Images   int64 // starts of a store that were audited
	Coverage Coverage
	Failure  error    // nil: every promise was kept
	Trace    []string // what was done, the newest last; only of a traced run
}

// Run runs the lives of one seed. With trace it remembers what it does.
func Run(seed uint64, trace bool) Result { return runOn(seed, trace, mapfile.Lie{}) }

// runOn is Run on a disk that lies.
func runOn(seed uint64, trace bool, lie mapfile.Lie) Result {
	w := newWorld(trace)
	return w.guard(func() {
		m := w.start(rand.New(rand.NewPCG(seed, 0)))
		m.mem.Lie = lie
		m.o = draw(m.rng)
		m.seed, m.branching = seed, someBranches
		m.logf("%s", describe(&m.o))
		for range 2 + m.rng.IntN(5) {
			m.life()
			m.mem, m.image = m.image, nil
		}
		m.lastAudit()
	})
}

// world is what the stores of a run share.
type world struct {
	images  int64
	cover   Coverage
	tracing bool
	trace   []string
}

func newWorld(trace bool) *world { return &world{cover: Coverage{}, tracing: trace} }

// broken is a promise that was not kept: what a check panics with.
type broken string

func (b broken) Error() string { return string(b) }

// guard runs fn and makes a panic a Failure.
func (w *world) guard(fn func()) (res Result) {
	defer func() {
		if p := recover(); p != nil {
			text, isCheck := p.(broken)
			if !isCheck {
				text = broken(fmt.Sprintf("panic: %v\n%s", p, debug.Stack()))
			}
			res.Failure = text
		}
		res.Images, res.Coverage, res.Trace = w.images, w.cover, w.trace
	}()
	fn()
	return res
}

// ending is how a life of the store ends.
type ending uint8

const (
	closed ending = iota // it is closed
	killed               // the process dies: the page cache stays
	power                // the machine dies: what was synced stays, and some of the rest
)

func (e ending) String() string { return [...]string{"closed", "killed", "power cut"}[e] }

// sim is one store in its successive lives, or the branch of one: see fork.
type sim struct {
	w     *world
	seed  uint64
	rng   *rand.Rand
	clock *still
	o     engine.Options
	model model
	depth int // how many images lie between the seed's store and this one
	// branching looks at images before an operation; nil: none.
	branching func(*sim, mapfile.Op)

	// This life:
	mem     *mapfile.Mem
	s       engine.Steps // without a store while it opens
	ring    *mapfile.MemRing
	phase   string // what the store is doing, for the coverage
	ending  ending
	cutAt   int64        // the operation before which it ends, 0 for after its steps
	fault   faultPlan    // which operations fail
	faulted bool         // … one has
	full    bool         // the disk has no room
	image   *mapfile.Mem // the disk after the end; not nil: dead
}

// start makes a store that has not lived yet.
func (w *world) start(rng *rand.Rand) *sim {
	return &sim{
		w: w, rng: rng, mem: mapfile.NewMem(), model: newModel(),
		clock: &still{time.UnixMilli(1_700_000_000_000)},
	}
}

// still is a clock that moves when it is told to.
type still struct{ now time.Time }

func (c *still) Now() time.Time                     { return c.now }
func (c *still) NewTimer(time.Duration) clock.Timer { panic("BUG: a store of steps has no timers") }

func (m *sim) logf(format string, args ...any) {
	if m.w.tracing {
		m.w.trace = append(m.w.trace, strings.Repeat("    ", m.depth)+fmt.Sprintf(format, args...))
	}
}

// must ends the run unless ok.
func (m *sim) must(ok bool, format string, args ...any) {
	if !ok {
		panic(broken(fmt.Sprintf(format, args...)))
	}
}

// logger counts what the store logs, which tells what it came through, and puts it into the trace.
func (m *sim) logger() *slog.Logger { return slog.New(logHandler{m}) }
