package sim

import (
	"errors"
	"math/rand/v2"

	"ringmq/engine"
	"ringmq/internal/mapfile"
)

// Errors that the disk of a run returns.
var (
	errDead   = errors.New("the process is dead")
	errDevice = errors.New("device error")
)

// faultPlan is which operations fail, and how.
type faultPlan struct {
	at      int64 // number of the operation, 0 for none
	forever bool  // all later ones, too
	err     error
}

func (p *faultPlan) hits(n int64) bool { return p.at != 0 && (n == p.at || p.forever && n > p.at) }

// life opens the store on what the last life left, checks it, works, and ends.
func (m *sim) life() {
	m.redraw()
	m.ending, m.cutAt, m.fault, m.faulted = ending(m.rng.IntN(3)), 0, faultPlan{}, false
	if m.ending != closed && m.rng.IntN(2) == 0 {
		// Often early: a recovery is a few operations.
		m.cutAt = m.mem.Ops() + 1 + int64(m.rng.IntN(20<<m.rng.IntN(6)))
	}
	if m.rng.IntN(5) == 0 {
		m.fault = faultPlan{at: m.mem.Ops() + 1 + int64(m.rng.IntN(400)), err: errDevice}
	}
	m.logf("-- a life that ends %s, before operation %d, device error at %d", m.ending, m.cutAt, m.fault.at)
	if dice(m.seed<<8|uint64(m.model.lives)).IntN(8) == 0 {
		m.rebuild()
	}
	if m.image == nil && m.open() {
		m.audit()
		m.work(m.rng.IntN(80))
	}
	m.end()
}

// lastAudit opens what the last life left, and checks it, and that it can be closed.
func (m *sim) lastAudit() {
	m.cutAt, m.fault, m.ending = 0, faultPlan{}, closed
	m.open()
	m.audit()
	m.end()
}

// open opens the store and tells whether it did. A cut or a fault may prevent it.
func (m *sim) open() bool {
	m.begin("start")
	s, err := engine.OpenSteps(m.o)
	if m.full && err != nil && m.image == nil {
		m.makeRoom()
		s, err = engine.OpenSteps(m.o)
	}
	if err != nil {
		m.must(m.image != nil || m.faulted, "after %s the store does not open: %v", m.model.ended, err)
		m.logf("not opened: %v", err)
		return false
	}
	m.s, m.phase = s, "work"
	return m.image == nil
}

// begin gives the store's options the disk that the last life left.
func (m *sim) begin(phase string) {
	m.phase, m.ring = phase, &mapfile.MemRing{}
	m.mem.Fault, m.mem.Now = m.onOperation, m.clock.Now
	m.mem.Cold.Store(m.rng.IntN(3) == 0)
	m.o.FS, m.o.Clock, m.o.Log, m.s = m.mem, m.clock, m.logger(), engine.Steps{}
}

// onOperation is called before each operation of the disk.
func (m *sim) onOperation(op mapfile.Op) error {
	switch {
	case m.image != nil:
		return errDead
	case m.cutAt != 0 && op.N >= m.cutAt && op.Kind.Changes():
		m.logf("ends before operation %d: %s %s", op.N, op.Kind, op.Name)
		m.cut()
		m.reachedCut(m.ending, op)
		return errDead
	case m.fault.hits(op.N):
		return m.failOperation(op)
	}
	if m.branching != nil && op.Kind.Changes() {
		m.branching(m, op)
	}
	return nil
}

func (m *sim) failOperation(op mapfile.Op) error {
	m.logf("operation %d fails, %v: %s %s", op.N, m.fault.err, op.Kind, op.Name)
	m.reached("fault", string(op.Kind), kindOf(op.Name)+", "+m.phase)
	m.faulted = true
	if op.Kind == mapfile.OpSync {
		// The kernel takes for written what the device may not have, and whoever opens the store
		// next cannot always know: only a reboot tells.
		m.ending = power
	}
	var short *mapfile.ShortWrite
	if errors.As(m.fault.err, &short) && op.Kind == mapfile.OpWrite {
		return &mapfile.ShortWrite{N: int(op.Len) / 2, Err: short.Err}
	}
	return m.fault.err
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
	m.phase = "close"
	if m.ending == closed {
		m.land()
	}
	if m.image != nil {
		return
	}
	if m.ending == closed && m.s.Store != nil {
		m.full, m.mem.Capacity = false, 0
		err := m.s.Close()
		if m.image != nil {
			return
		}
		if err == nil {
			m.logf("closed")
			m.reached("end", "closed", "")
			m.model.closed()
			m.image = m.mem
			return
		}
		m.must(m.faulted, "close: %v", err)
		m.logf("not closed: %v", err)
	}
	m.logf("%s after its steps", m.ending)
	m.cut()
	m.reached("end", m.ending.String(), "after its steps")
}

// branchEvery is how many operations of the disk lie between two images, on average.
const branchEvery = 5

// someBranches now and then looks at what would be if the store ended before op.
func someBranches(m *sim, op mapfile.Op) {
	rng := rand.New(rand.NewPCG(m.seed, uint64(op.N)<<8|uint64(m.model.lives)))
	if rng.IntN(branchEvery) != 0 {
		return
	}
	end := power
	if rng.IntN(4) == 0 && m.ending != power {
		end = killed
	}
	m.branch(rng, end, op)
}

// branch lets the store end before op, beside its life, and checks what the next start finds. It may
// be interrupted itself, and it may work on.
func (m *sim) branch(rng *rand.Rand, end ending, op mapfile.Op) {
	m.logf("image: %s before operation %d: %s %s", end, op.N, op.Kind, op.Name)
	m.reachedCut(end, op)
	image := m.mem.Kill()
	if end == power {
		image = m.mem.Crash(rng)
	}
	b := m.fork(rng, end, image)
	steps := 0
	switch rng.IntN(8) {
	case 0:
		steps = 1 + rng.IntN(12)
		b.ending = ending(rng.IntN(3))
	case 1:
		b.ending = killed + ending(rng.IntN(2))
		b.cutAt = 1 + int64(rng.IntN(40))
	}
	if m.phase == rebuilding && rng.IntN(2) == 0 {
		b.rebuild()
	}
	if b.image == nil && b.open() {
		b.audit()
		b.work(steps)
	}
	if steps == 0 && b.cutAt == 0 {
		return
	}
	b.end()
	b.mem, b.image = b.image, nil
	b.lastAudit()
}

// fork is the store as it is on an image, after it ended now.
func (m *sim) fork(rng *rand.Rand, end ending, image *mapfile.Mem) *sim {
	m.promise()
	clock := *m.clock
	b := &sim{
		w: m.w, seed: m.seed, rng: rng, clock: &clock, o: m.o, mem: image, model: m.model.clone(), depth: m.depth + 1, full: m.full,
	}
	b.model.ended = max(b.model.ended, end)
	return b
}

// makeRoom gives a full disk room again.
func (m *sim) makeRoom() {
	m.logf("room again")
	m.full, m.mem.Capacity = false, 0
}
