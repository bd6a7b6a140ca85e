package inspect

import (
	"errors"
	"fmt"
	"io/fs"
	"path"

	"ringmq/engine"
	"ringmq/index"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// defaultShape is that of RocketMQ's defaults.
var defaultShape = index.Shape{Slots: index.DefaultSlots, Entries: index.DefaultEntries}

// indexFiles is the index as its directory lists it.
type indexFiles struct {
	fs    mapfile.FS
	names []string // oldest first
	// found are problems of names, lengths and headers; such files are not among names.
	found []Problem
	shape index.Shape // of the last good file
	bytes int64
}

// list reads the directory.
func (l *indexFiles) list() error {
	entries, err := l.fs.ReadDir(engine.IndexName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		p := Problem{Path: l.path(e.Name), Offset: wholeFile}
		if e.Dir || !index.IsFileName(e.Name) {
			p.What = "not an index file; a Java broker takes it for one"
			l.found = append(l.found, p)
			continue
		}
		v, f, err := l.view(e.Name)
		if err != nil {
			p.What = err.Error()
			l.found = append(l.found, p)
			continue
		}
		fault := v.HeaderFault()
		if err := f.Close(); err != nil {
			return err
		}
		if fault != "" {
			p.Offset, p.What = 0, "header that "+fault
			l.found = append(l.found, p)
			continue
		}
		l.shape = v.Shape()
		l.bytes += e.Size
		l.names = append(l.names, e.Name)
	}
	return nil
}

func (l *indexFiles) path(name string) string { return path.Join(engine.IndexName, name) }

// view opens a file.
func (l *indexFiles) view(name string) (*index.View, mapfile.File, error) {
	f, err := l.fs.Open(l.path(name))
	if err != nil {
		return nil, nil, err
	}
	shape, err := index.FindShape(f, l.shape, defaultShape)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	v, err := index.NewView(f, shape)
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return v, f, nil
}

// keyMatcher holds the index's entries against the records, in the order of the log, in which they lie, too.
type keyMatcher struct {
	list    *indexFiles
	find    *findings
	damage  *damageList
	logMin  message.LogOffset
	crashed bool

	next   int // in list.names
	cur    *indexWalk
	begins message.LogOffset // the first file's first record; -1 with no index

	entries   int64
	unindexed int64 // keys of records, within what the index covers, without an entry
	late      int64 // … behind the index's end
	indexed   message.LogOffset
	seen      []bool // scratch: which hashes of a record were met
}

func newKeyMatcher(l *indexFiles, find *findings, damage *damageList) *keyMatcher {
	return &keyMatcher{list: l, find: find, damage: damage, begins: -1, indexed: -1}
}

// peek is the next entry that can be one; ok is false behind the last.
func (k *keyMatcher) peek() (e index.Entry, ok bool, err error) {
	for {
		if k.cur == nil {
			if k.next == len(k.list.names) {
				return index.Entry{}, false, nil
			}
			if err := k.openNext(); err != nil {
				return index.Entry{}, false, err
			}
		}
		if e, ok, err = k.cur.peek(); ok || err != nil {
			return e, ok, err
		}
		if err := k.closeCurrent(); err != nil {
			return index.Entry{}, false, err
		}
	}
}

func (k *keyMatcher) openNext() error {
	name := k.list.names[k.next]
	k.next++
	v, f, err := k.list.view(name)
	if err != nil {
		return err
	}
	if k.cur, err = newIndexWalk(k.list.path(name), v, f, k.find, k.crashed); err != nil {
		return errors.Join(err, f.Close())
	}
	if h := v.Header(); h.NextEntry > 1 {
		if k.begins < 0 {
			k.begins = h.BeginOffset
		}
		k.indexed = max(k.indexed, h.EndOffset)
	}
	return nil
}

func (k *keyMatcher) closeCurrent() error {
	w := k.cur
	k.cur = nil
	k.entries += int64(w.head.NextEntry - 1)
	return errors.Join(w.finish(), w.f.Close())
}

// take holds the entries of one record against its keys.
func (k *keyMatcher) take(off message.LogOffset, storeTime int64, hashes []int32) error {
	k.seen = append(k.seen[:0], make([]bool, len(hashes))...)
	for {
		e, ok, err := k.peek()
		if err != nil {
			return err
		}
		if !ok || e.LogOffset > off {
			break
		}
		if e.LogOffset < off {
			k.stray(e)
			err = k.cur.step(e.Hash)
		} else {
			err = k.cur.step(k.match(e, storeTime, hashes))
		}
		if err != nil {
			return err
		}
	}
	for _, seen := range k.seen {
		if !seen && off > k.indexed {
			k.late++
		} else if !seen && k.begins >= 0 && off >= k.begins {
			k.unindexed++
		}
	}
	return nil
}

// match holds an entry against the keys of its record and returns the hash that it belongs to. The keys
// stand in the index in their order, so an entry that fits none belongs to the first that is left. Which of the
// two is damaged, the entry or the record's text, the entry's link to the one before it tells.
func (k *keyMatcher) match(e index.Entry, storeTime int64, hashes []int32) int32 {
	w := k.cur
	w.meet(storeTime)
	for i, h := range hashes {
		if h == e.Hash {
			k.seen[i] = true
			return h
		}
	}
	for i, h := range hashes {
		if k.seen[i] {
			continue
		}
		k.seen[i] = true
		w.problem(fmt.Sprintf("hash of the entry, against a key of the record at log offset %d", e.LogOffset), fieldHash, fmt.Sprint(h), fmt.Sprint(e.Hash))
		if !w.linked(e, e.Hash) && w.linked(e, h) {
			return h
		}
		return e.Hash
	}
	w.problem("entry of a record that has no such key", fieldHash, "", fmt.Sprintf("hash %d, log offset %d", e.Hash, e.LogOffset))
	return e.Hash
}

// stray tells of an entry that leads to no record, unless that has expired or is damaged.
func (k *keyMatcher) stray(e index.Entry) {
	if e.LogOffset < k.logMin || k.damage.covers(e.LogOffset) {
		return
	}
	k.cur.problem("entry that leads to no record", fieldLogOffset, "", fmt.Sprintf("log offset %d", e.LogOffset))
}

// finish goes through the entries behind the last record.
func (k *keyMatcher) finish() error {
	var beyond int64
	var first Problem
	for {
		e, ok, err := k.peek()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if !k.damage.covers(e.LogOffset) {
			if beyond == 0 {
				first = k.cur.problemText("entries lead behind the end of the log", fieldLogOffset, "", fmt.Sprintf("log offset %d", e.LogOffset))
			}
			beyond++
		}
		if err := k.cur.step(e.Hash); err != nil {
			return err
		}
	}
	if beyond > 0 {
		first.Note = k.crashed
		first.Got = fmt.Sprintf("%d entries, %s", beyond, first.Got)
		k.find.add(first)
	}
	return nil
}

// tell adds what the index does not have.
func (k *keyMatcher) tell() {
	if len(k.list.names) == 0 {
		return
	}
	if k.unindexed > 0 {
		k.find.add(Problem{Note: true, Path: engine.IndexName, Offset: wholeFile,
			What: fmt.Sprintf("%d keys of messages are not in the index, though it has earlier and later ones: those messages are not found by them", k.unindexed)})
	}
	if k.late > 0 {
		k.find.add(Problem{Note: true, Path: engine.IndexName, Offset: wholeFile,
			What: fmt.Sprintf("%d keys of messages behind log offset %d are not in the index", k.late, k.indexed)})
	}
}
