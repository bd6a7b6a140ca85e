package engine

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"ringmq/internal/mapfile"
)

// The simulation drives a store over the memory twin from a seed: random work, ended by a close, a
// kill or a power cut before any operation of the disk, those of a recovery among them, and
// after each start everything that is in the store is compared with a model. The same seed
// does the same again:
//
//	go test ./engine -run TestSimulation -sim.seed=17
//
//	sim_test.go        the lives of a store, how they end
//	sim_work_test.go   what happens in a life
//	sim_audit_test.go  the model, and what must be true after a start
var (
	simSeed  = flag.Int("sim.seed", -1, "run this seed of TestSimulation only, and print what it does")
	simSeeds = flag.Int("sim.seeds", 400, "how many seeds TestSimulation runs")
)

func TestSimulation(t *testing.T) {
	if *simSeed >= 0 {
		simulate(t, *simSeed)
		return
	}
	count := *simSeeds
	if testing.Short() {
		count = min(count, 200)
	}
	for seed := range count {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			simulate(t, seed)
		})
	}
}

// ending is how a life of the store ends.
type ending uint8

const (
	closed ending = iota // it is closed
	killed               // the process dies: the page cache stays
	power                // the machine dies: what was synced stays, and some of the rest
)

func (e ending) String() string { return [...]string{"closed", "killed", "power cut"}[e] }

// Errors that the disk of a simulation returns.
var (
	errDead   = errors.New("the process is dead")
	errDevice = errors.New("device error")
)

// sim is one run.
type sim struct {
	t     *testing.T
	rng   *rand.Rand
	clock *frozen
	o     Options
	model simModel
	trace []string

	// This life:
	mem     *mapfile.Mem
	s       *Store // nil while it opens
	ending  ending
	cutAt   int64        // the operation before which it ends, 0 for after its steps
	faultAt int64        // the operation that fails, 0 for none
	faulted bool         // … has failed
	full    bool         // the disk has no room
	image   *mapfile.Mem // the disk after the end; not nil: dead
}

func simulate(t *testing.T, seed int) {
	m := &sim{
		t: t, rng: rand.New(rand.NewPCG(uint64(seed), 0)),
		clock: &frozen{time.UnixMilli(1_700_000_000_000)}, mem: mapfile.NewMem(),
		model: simModel{holes: map[string]bool{}},
	}
	finished := false
	defer func() {
		if *simSeed >= 0 {
			t.Log(strings.Join(m.trace, "\n"))
		} else if !finished {
			t.Logf("again: go test ./engine -run TestSimulation -sim.seed=%d", seed)
		}
	}()
	m.o = Options{
		stepped: true, Clock: m.clock, Log: slog.New(slog.NewTextHandler(traceWriter{m}, nil)),
		Flush:                FlushType(m.rng.IntN(2)),
		CommitLogFileSize:    4096 << m.rng.IntN(3),
		ConsumeQueueFileSize: []int64{20, 60, 640, 6000}[m.rng.IntN(4)],
		IndexSlots:           []int32{1, 16, 500}[m.rng.IntN(3)],
		IndexEntries:         []int32{4, 40, 2000}[m.rng.IntN(3)],
		StagingBytes:         32 << 10,
		Retention:            Retention{Reserved: time.Minute},
	}
	m.logf("flush %d, log files of %d, queue files of %d, index files of %d/%d", m.o.Flush,
		m.o.CommitLogFileSize, m.o.ConsumeQueueFileSize, m.o.IndexSlots, m.o.IndexEntries)
	for range 2 + m.rng.IntN(5) {
		m.life()
		m.mem, m.image = m.image, nil
	}
	m.cutAt, m.faultAt, m.ending = 0, 0, closed
	m.open()
	m.audit()
	m.end()
	finished = true
}

func (m *sim) logf(format string, args ...any) {
	m.trace = append(m.trace, fmt.Sprintf(format, args...))
}

// traceWriter puts what the store logs into the trace.
type traceWriter struct{ m *sim }

func (w traceWriter) Write(line []byte) (int, error) {
	_, text, _ := strings.Cut(string(line), " ") // without the time
	w.m.logf("  %s", strings.TrimSpace(text))
	return len(line), nil
}

// life opens the store on what the last life left, checks it, works, and ends.
func (m *sim) life() {
	m.ending, m.cutAt, m.faultAt, m.faulted = ending(m.rng.IntN(3)), 0, 0, false
	if m.ending != closed && m.rng.IntN(2) == 0 {
		// Often early: a recovery is a few operations.
		m.cutAt = m.mem.Ops() + 1 + int64(m.rng.IntN(20<<m.rng.IntN(6)))
	}
	if m.rng.IntN(6) == 0 {
		m.faultAt = m.mem.Ops() + 1 + int64(m.rng.IntN(400))
	}
	m.logf("-- a life that ends %s, before operation %d, device error at %d", m.ending, m.cutAt, m.faultAt)
	if m.open() {
		m.audit()
		for range m.rng.IntN(80) {
			if m.image == nil {
				m.step()
			}
		}
	}
	m.end()
}

// open opens the store and tells whether it did. A cut or a fault may prevent it.
func (m *sim) open() bool {
	m.mem.Fault, m.mem.Now = m.onOperation, m.clock.Now
	m.o.FS, m.s = m.mem, nil
	s, err := Open(m.o)
	if m.full && err != nil && m.image == nil {
		m.makeRoom()
		s, err = Open(m.o)
	}
	if err != nil {
		m.require(m.image != nil || m.faulted, "open: %v", err)
		m.logf("not opened: %v", err)
		return false
	}
	m.s = s
	return m.image == nil
}

// onOperation is called before each operation of the disk.
func (m *sim) onOperation(op mapfile.Op) error {
	switch {
	case m.image != nil:
		return errDead
	case m.cutAt != 0 && op.N >= m.cutAt:
		m.logf("ends before operation %d: %s %s", op.N, op.Kind, op.Name)
		m.cut()
		return errDead
	case op.N == m.faultAt:
		m.logf("device error at operation %d: %s %s", op.N, op.Kind, op.Name)
		m.faulted = true
		if op.Kind == mapfile.OpSync {
			// The kernel takes for written what the device may not have, and whoever opens the store
			// next cannot know: only a reboot tells.
			m.ending = power
		}
		return errDevice
	}
	return nil
}

// cut takes the image of the disk that the next life finds. What is promised by now must be in it.
func (m *sim) cut() {
	m.promise()
	switch {
	case m.ending == power:
		m.image = m.mem.Crash(m.rng)
	default:
		m.ending = killed
		m.image = m.mem.Kill()
	}
	m.model.ended = max(m.model.ended, m.ending)
}

// end ends the life, if it has not ended yet.
func (m *sim) end() {
	if m.image != nil {
		return
	}
	if m.ending == closed && m.s != nil {
		m.full, m.mem.Capacity = false, 0
		err := m.s.Close()
		if m.image != nil {
			return
		}
		if err == nil {
			m.logf("closed")
			m.model.closed()
			m.image = m.mem
			return
		}
		m.require(m.faulted, "close: %v", err)
		m.logf("not closed: %v", err)
	}
	m.logf("%s after its steps", m.ending)
	m.cut()
}

// makeRoom gives a full disk room again.
func (m *sim) makeRoom() {
	m.logf("room again")
	m.full, m.mem.Capacity = false, 0
}

func (m *sim) require(ok bool, format string, args ...any) {
	m.t.Helper()
	if !ok {
		m.t.Fatalf(format, args...)
	}
}
