package sim

import (
	"errors"
	"sync"
	"syscall"

	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/mapfile"
)

// faultWays are how an operation fails.
var faultWays = []struct {
	name    string
	err     error
	forever bool
}{
	{"EIO", syscall.EIO, false},
	{"EIO, for good", syscall.EIO, true},
	{"ENOSPC", syscall.ENOSPC, false},
	{"ENOSPC, for good", syscall.ENOSPC, true},
	{"EMFILE", syscall.EMFILE, false},
	{"EMFILE, for good", syscall.EMFILE, true},
	{"short write", &mapfile.ShortWrite{Err: syscall.ENOSPC}, false},
}

// faultStores are what the faults happen to: how the life before ended, and what is done.
var faultStores = []struct {
	before ending
	fresh  bool
}{{fresh: true}, {before: closed}, {before: killed}, {before: power}}

// faultOps is how many operations a life without a fault has, by store and flush type.
var faultOps = sync.OnceValue(func() (ops [4][2]uint64) {
	for i := range faultStores {
		for flush := range 2 {
			w := newWorld(false)
			w.guard(func() {
				m := w.faultStore(i, engine.FlushType(flush))
				m.faultLife()
				ops[i][flush] = uint64(m.mem.Ops())
			})
		}
	}
	return ops
})

// faultCount is how many faults there are.
func faultCount() uint64 {
	count := uint64(0)
	for _, byFlush := range faultOps() {
		count += byFlush[0] + byFlush[1]
	}
	return count * uint64(len(faultWays))
}

// Fault runs the n-th fault: one operation of a life that does everything once fails, or it and all later
// ones, reads and opens among them. Nothing may be acknowledged that does not last; the store either goes on
// or is read-only and says why; what it showed can be read; and what it leaves can be opened.
func Fault(n uint64, trace bool) Result {
	way := faultWays[n%uint64(len(faultWays))]
	n /= uint64(len(faultWays))
	w := newWorld(trace)
	return w.guard(func() {
		for i, byFlush := range faultOps() {
			for flush, ops := range byFlush {
				if n < ops {
					m := w.faultStore(i, engine.FlushType(flush))
					m.fault = faultPlan{at: int64(n) + 1, forever: way.forever, err: way.err}
					m.logf("operation %d fails: %s", n+1, way.name)
					m.faultLife()
					m.afterFault()
					return
				}
				n -= ops
			}
		}
	})
}

// faultStore makes a store that has lived, or not.
func (w *world) faultStore(i int, flush engine.FlushType) *sim {
	m := w.start(dice(uint64(i)))
	m.o = smallOptions()
	m.o.Flush = flush
	if !faultStores[i].fresh {
		m.script("put", "put batch", "commit", "index", "checkpoint", "put much", "put", "commit", "put batch", "put much", "commit")
		m.ending = faultStores[i].before
		m.end()
		m.mem, m.image, m.s = m.image.Kill(), nil, engine.Steps{} // its operations count from 1
	}
	m.mem.FaultReads = true
	return m
}

// faultLife does everything once. It asks for no more than the store can do.
func (m *sim) faultLife() {
	m.ending = killed
	m.script("put", "put batch", "commit", "flush queues", "index", "put much", "sync log", "put much", "prepare", "commit",
		"checkpoint", "put", "commit", "expire", "put", "index", "put batch", "commit", "delete topic", "put", "commit", "checkpoint", "put", "commit")
}

// afterFault checks what a life with a fault leaves. The disk is well again.
func (m *sim) afterFault() {
	m.must(m.faulted || m.image != nil, "the fault did not happen")
	m.fault = faultPlan{}
	if m.s.Store != nil {
		m.goesOn()
	}
	m.reachedEnd()
	m.end()
	m.mem, m.image, m.faulted = m.image, nil, false
	m.lastAudit()
}

// goesOn checks that the open store serves what it has, and stores more or says why not.
func (m *sim) goesOn() {
	m.auditGets()
	m.promise()
	err := m.putOne("C", 10)
	if err == nil {
		err = m.commitAll()
	}
	refusal := m.s.Writable()
	var final *commitlog.FailedError
	switch {
	case err == nil:
		m.must(refusal == nil, "the store takes messages and says that it does not: %v", refusal)
		m.reached("after a fault", "goes on", "")
	case errors.As(err, &final):
		m.must(refusal != nil && refusal.Error() == err.Error(), "the store is read-only and does not say so: %v, %v", err, refusal)
		m.must(final.Err != nil, "the store is read-only without a cause")
		m.reached("after a fault", "read-only", "")
	default:
		m.must(false, "the disk is well again, and the store is neither read-only nor does it take messages: %v", err)
	}
}

func (m *sim) reachedEnd() {
	if m.s.Store == nil {
		m.reached("after a fault", "not opened", "")
	}
}
