package sim

import (
	"context"
	"errors"

	"ringmq/engine"
)

// rebuilding is the phase of a [engine.Rebuild].
const rebuilding = "rebuild"

// rebuild makes queues and index of a store that nobody runs again from its log. It may be interrupted; whatever becomes
// of it, the next start must find what it would have found without.
func (m *sim) rebuild() {
	m.begin(rebuilding)
	_, err := engine.Rebuild(context.Background(), m.o, engine.RebuildOptions{Keep: m.rng.IntN(4) == 0})
	m.logf("rebuild: %v", err)
	switch {
	case err == nil:
		m.reached(rebuilding, "done", m.model.ended.String())
	case m.image != nil:
		m.reached(rebuilding, "cut short", "")
	case errors.Is(err, engine.ErrWriteFailed):
		m.reached(rebuilding, "refused", "")
	case m.faulted:
		m.reached(rebuilding, "failed", "")
	case m.full && noRoom(err):
		m.reached(rebuilding, "no room", "")
	default:
		m.must(false, "rebuild: %v", err)
	}
}

// rebuildKilled kills the store, rebuilds it, and opens it again.
func (m *sim) rebuildKilled() error {
	m.ending = killed
	m.end()
	m.mem, m.image = m.image, nil
	m.rebuild()
	if !m.open() {
		return errDead
	}
	if !m.faulted {
		m.audit()
	}
	return nil
}
