package sim

import (
	"ringmq/engine"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// letters are the operations of sequences and scripts: they leave nothing to chance.
var letters = []struct {
	name string
	do   func(*sim) error
}{
	{"put", func(m *sim) error { return m.putOne("A", 100) }},
	{"put much", func(m *sim) error { return m.putOne("B", 2500) }}, // two of them do not fit into a file
	{"put batch", (*sim).putThree},
	{"commit", (*sim).commitAll},
	{"sync log", func(m *sim) error { return m.s.SyncLog() }},
	{"flush queues", func(m *sim) error { m.s.FlushQueues(); return nil }},
	{"checkpoint", func(m *sim) error { return m.s.Checkpoint() }},
	{"index", func(m *sim) error { m.s.Indexer(); return nil }},
	{"prepare", func(m *sim) error { m.s.Prepare(); return nil }},
	{"expire", (*sim).expireAll},
	{"delete topic", (*sim).deleteA},
	{"restart", func(m *sim) error { return m.reopen(closed) }},
	{"kill", func(m *sim) error { return m.reopen(killed) }},
	{"power cut", func(m *sim) error { return m.reopen(power) }},
	{"rebuild", (*sim).rebuildKilled},
}

// longest is the number of operations of the longest sequences.
const longest = 3

// sequenceCount is how many sequences there are: of up to longest letters, for each flush type.
func sequenceCount() uint64 {
	count, row := uint64(0), uint64(1)
	for range longest {
		row *= uint64(len(letters))
		count += row
	}
	return 2 * count
}

// Sequence runs the n-th sequence on a store that has some messages, some of them after its last checkpoint.
// Before each operation of the disk it looks at four images: of a kill, and of power cuts that keep all, some
// and nothing of what was not synced.
func Sequence(n uint64, trace bool) Result {
	w := newWorld(trace)
	return w.guard(func() {
		m := w.start(dice(n))
		m.o = smallOptions()
		m.o.Flush = engine.FlushType(n % 2)
		n /= 2
		m.script("put", "put batch", "commit", "index", "checkpoint", "put much", "put", "commit", "restart")
		m.branching = everyBranch
		length, row := 1, uint64(len(letters))
		for n >= row {
			n -= row
			row *= uint64(len(letters))
			length++
		}
		for range length {
			l := letters[n%uint64(len(letters))]
			n /= uint64(len(letters))
			m.do(l.name, l.do)
		}
		m.must(m.reopen(closed) == nil, "the store does not open")
	})
}

// script opens the store and does what the letters say.
func (m *sim) script(names ...string) {
	if m.s.Store == nil {
		if !m.open() {
			return
		}
		m.quietly(func() { m.auditLog(); m.auditQueues(); m.auditGets() })
	}
	for _, name := range names {
		for _, l := range letters {
			if l.name == name && m.image == nil {
				m.do(name, l.do)
			}
		}
	}
}

// quietly checks something while the disk does not fail, and without counting what is read.
func (m *sim) quietly(check func()) {
	fault, reads := m.fault, m.mem.FaultReads
	m.fault, m.mem.FaultReads = faultPlan{}, false
	check()
	m.fault, m.mem.FaultReads = fault, reads
}

// smallOptions are those of stores that are the same each time.
func smallOptions() engine.Options {
	o := draw(dice(0))
	o.CommitLogFileSize, o.ConsumeQueueFileSize, o.IndexSlots, o.IndexEntries = 4096, 60, 16, 4
	o.Retention.Forcibly = false
	return o
}

// everyBranch looks at every image.
func everyBranch(m *sim, op mapfile.Op) {
	for i, keep := range []float64{-1, 0, 0.5, 1} {
		rng := dice(uint64(op.N)<<8 | uint64(i))
		end, image := power, (*mapfile.Mem)(nil)
		if keep < 0 {
			end, image = killed, m.mem.Kill()
		} else {
			image = m.mem.CrashKeeping(rng, keep)
		}
		m.logf("image: %s, %.1f kept, before operation %d: %s %s", end, max(keep, 0), op.N, op.Kind, op.Name)
		m.reachedCut(end, op)
		b := m.fork(rng, end, image)
		if m.phase == rebuilding && i%2 == 1 {
			b.rebuild()
		}
		if b.open() {
			b.audit()
		}
	}
}

func (m *sim) putOne(topic string, size int) error {
	q := m.s.Queue([]byte(topic), 0)
	r := m.messageOf(topic, size)
	return m.put(q, &r)
}

func (m *sim) putThree() error {
	rs := make([]message.Record, 3)
	for i := range rs {
		rs[i] = m.messageOf("A", 50)
	}
	return m.putBatch(m.s.Queue([]byte("A"), 1), rs)
}

// commitAll commits everything appended and lets the committer answer.
func (m *sim) commitAll() error {
	upTo := m.s.Tail()
	var failed error
	_, err := m.s.Commit(upTo, func(err error) {
		if failed = err; err == nil {
			m.acknowledged(upTo)
		}
	})
	if m.o.Flush == engine.SyncFlush {
		m.s.Committer()
	} else if err == nil {
		m.acknowledged(upTo)
	}
	if err != nil {
		return err
	}
	return failed
}

// expireAll lets every file expire.
func (m *sim) expireAll() error {
	m.clock.now = m.clock.now.Add(2 * m.o.Retention.Reserved)
	return m.s.DeleteExpired(m.clock.now, true)
}

func (m *sim) deleteA() error {
	if err := m.s.Flush(); err != nil {
		return err
	}
	return m.deleteQueues("A")
}

// reopen ends the store, opens what it leaves, and checks it.
func (m *sim) reopen(e ending) error {
	m.ending = e
	m.end()
	if e == power {
		m.image = m.image.CrashKeeping(m.rng, 0)
	}
	m.mem, m.image = m.image, nil
	if !m.open() {
		return errDead
	}
	if !m.faulted {
		m.audit()
	}
	return nil
}
