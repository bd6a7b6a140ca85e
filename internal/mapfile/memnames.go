package mapfile

import (
	"maps"
	"path"
	"slices"
	"strings"
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

// Exchange implements [FS]. It lasts, all of it, once the directory of b does. As a journal would have it, what was pending
// below the two names lasts from now on.
func (m *Mem) Exchange(a, b string) error {
	a, b = path.Clean(a), path.Clean(b)
	if err := m.fault(OpRename, b, 0, 0); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.lookup("exchange", a); err != nil {
		return err
	}
	c := nameChange{}
	for name, n := range m.live {
		moved, ok := moveBelow(name, a, b)
		if !ok {
			if moved, ok = moveBelow(name, b, a); !ok {
				continue
			}
		}
		c[moved] = n
		if _, taken := c[name]; !taken {
			c[name] = nil
		}
	}
	for dir, changes := range m.changes {
		_, below := moveBelow(dir, a, b)
		if _, belowB := moveBelow(dir, b, a); below || belowB {
			for _, pending := range changes {
				applyChange(m.device, pending)
			}
			delete(m.changes, dir)
		}
	}
	applyChange(m.live, c)
	m.changes[path.Dir(b)] = append(m.changes[path.Dir(b)], c)
	return nil
}

// moveBelow is a name that is from, or below it, where it is below to; ok is false for others.
func moveBelow(name, from, to string) (moved string, ok bool) {
	rest, ok := strings.CutPrefix(name, from)
	return to + rest, ok && (rest == "" || rest[0] == '/')
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
