package mapfile

import (
	"maps"
	"path"
	"slices"
)

// nameChange is one change of a directory: names and what they mean from then on, nil for nothing.
type nameChange map[string]*memNode

// change sets a name. Under mu.
func (m *Mem) change(c nameChange, dirs ...string) {
	for name, n := range c {
		if n == nil {
			delete(m.live, name)
		} else {
			m.live[name] = n
		}
	}
	for _, dir := range slices.Compact(dirs) {
		part := nameChange{}
		for name, n := range c {
			if path.Dir(name) == dir {
				part[name] = n
			}
		}
		m.changes[dir] = append(m.changes[dir], part)
	}
}

// SyncDir implements [FS].
func (m *Mem) SyncDir(name string) error {
	if err := m.fault(OpSyncDir, path.Clean(name), 0, 0); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("syncdir", name); err != nil {
		return err
	}
	dir := path.Clean(name)
	if m.Lie.tells(OpSyncDir, dir) {
		return nil
	}
	for _, c := range m.changes[dir] {
		applyChange(m.device, c)
	}
	delete(m.changes, dir)
	return nil
}

// SyncAll implements [FS].
func (m *Mem) SyncAll() error {
	if err := m.fault(OpSync, ".", 0, 0); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range m.live {
		n.sync()
	}
	m.device = maps.Clone(m.live)
	clear(m.changes)
	return nil
}

func applyChange(names map[string]*memNode, c nameChange) {
	for name, n := range c {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}
