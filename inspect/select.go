package inspect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"ringmq/commitlog"
	"ringmq/index"
	"ringmq/internal/message"
)

// Selection says which messages are wanted. Its zero value, with Queue -1, is all of them.
type Selection struct {
	Topic string // "" is any
	Queue int32  // -1 is any
	// Offsets bounds the queue offset, both ends included, when HasOffsets.
	HasOffsets bool
	Offsets    [2]message.QueueOffset
	// Key is one of the message's keys (KEYS), UniqueKey its UNIQ_KEY; "" is any.
	Key, UniqueKey string
	// From and To bound the store time in ms, both included; 0 is open.
	From, To int64
	// Limit ends the selection after so many messages; 0 is none.
	Limit int
	// Scan reads the commit log even where the queue's entries or the index would lead there faster.
	Scan bool
}

// Found is told of each message. raw and r are valid until it returns.
type Found func(raw []byte, r *message.Record) error

// Select finds messages: of a queue by its entries, in their order; by key with the index; else by
// reading the log. tell gets damage that is met on the way.
func (s *Store) Select(ctx context.Context, sel Selection, tell func(Problem), found Found) error {
	x := &selecting{s: s, sel: sel, ctx: ctx, tell: tell, found: found, reader: recordReader{log: &s.log}}
	err := x.run()
	if errors.Is(err, errEnough) {
		err = nil
	}
	return errors.Join(err, x.reader.close())
}

// Look returns the bytes at a log offset, as many as the record there says it has. wrong tells why they
// are no good record, nil when they are.
func (s *Store) Look(off message.LogOffset) (raw []byte, wrong, err error) {
	r := recordReader{log: &s.log}
	raw, wrong, err = r.look(off)
	return raw, wrong, errors.Join(err, r.close())
}

// errEnough ends a selection at its limit.
var errEnough = errors.New("enough")

// selecting is a Select under way.
type selecting struct {
	s      *Store
	sel    Selection
	ctx    context.Context
	tell   func(Problem)
	found  Found
	reader recordReader
	n      int
}

func (x *selecting) run() error {
	sel := &x.sel
	if sel.Scan || sel.Topic == "" {
		return x.scan()
	}
	if sel.Key != "" || sel.UniqueKey != "" {
		if ok, err := x.byKey(); ok || err != nil {
			return err
		}
		return x.scan()
	}
	if sel.Queue >= 0 {
		if ok, err := x.byQueue(); ok || err != nil {
			return err
		}
	}
	return x.scan()
}

// give hands a message over if it is wanted.
func (x *selecting) give(raw []byte, r *message.Record) error {
	if !x.sel.wants(r) {
		return nil
	}
	if err := x.found(raw, r); err != nil {
		return err
	}
	if x.n++; x.n == x.sel.Limit {
		return errEnough
	}
	return nil
}

// wants tells whether a message is one of those selected.
func (sel *Selection) wants(r *message.Record) bool {
	switch {
	case sel.Topic != "" && string(r.Topic) != sel.Topic, sel.Queue >= 0 && r.QueueID != sel.Queue,
		sel.From > 0 && r.StoreTimestamp < sel.From, sel.To > 0 && r.StoreTimestamp > sel.To:
		return false
	case sel.HasOffsets && (r.QueueOffset < sel.Offsets[0] || r.QueueOffset > sel.Offsets[1] || !hasPlace(r)):
		return false
	case sel.UniqueKey != "" && string(r.Properties.Get(message.PropertyUniqKey)) != sel.UniqueKey:
		return false
	}
	return sel.Key == "" || slices.ContainsFunc(bytes.Split(r.Properties.Get(message.PropertyKeys), []byte{' '}), func(key []byte) bool {
		return string(key) == sel.Key
	})
}

// hasPlace tells whether a record has a place in its queue: half messages and rollbacks say 0 and have none.
func hasPlace(r *message.Record) bool {
	kind := r.Transaction()
	return kind == message.TransactionNone || kind == message.TransactionCommit
}

// byQueue follows a queue's entries; ok is false when there are none to follow.
func (x *selecting) byQueue() (ok bool, err error) {
	files := queueFiles{fs: x.s.root}
	if err := files.list(); err != nil {
		return false, err
	}
	i := slices.IndexFunc(files.queues, func(q *queue) bool { return q.topic == x.sel.Topic && q.id == x.sel.Queue })
	if i < 0 {
		return false, nil
	}
	q, entries := files.queues[i], newEntryReader(&files)
	defer func() { err = errors.Join(err, entries.close()) }()
	if err := entries.ends(q); err != nil {
		return true, err
	}
	from, to := q.first, q.max
	if x.sel.HasOffsets {
		from, to = max(from, x.sel.Offsets[0]), min(to-1, x.sel.Offsets[1])+1
	}
	for at := from; at < to; at++ {
		if err := x.ctx.Err(); err != nil {
			return true, err
		}
		e, err := entries.at(q, at)
		if err != nil {
			return true, err
		}
		if !e.IsValid() || e.IsBlank() || e.IsHole() || e.LogOffset < x.s.log.min() {
			continue
		}
		if err := x.entry(q, at, e.LogOffset); err != nil {
			return true, err
		}
	}
	return true, nil
}

// entry gives the record that an entry leads to.
func (x *selecting) entry(q *queue, at message.QueueOffset, off message.LogOffset) error {
	raw, err := x.reader.read(off)
	if err != nil {
		x.tell(Problem{Path: q.dir(), Offset: wholeFile, What: fmt.Sprintf("entry at queue offset %d leads to log offset %d: %v", at, off, err)})
		return nil
	}
	return x.give(raw, &x.reader.rec)
}

// byKey asks the index; ok is false when there is none.
func (x *selecting) byKey() (ok bool, err error) {
	files := indexFiles{fs: x.s.root}
	if err := files.list(); err != nil || len(files.names) == 0 {
		return false, err
	}
	key := x.sel.Key
	if key == "" {
		key = x.sel.UniqueKey
	}
	hash := index.Hash([]byte(x.sel.Topic), []byte(key))
	var offsets []message.LogOffset
	for _, name := range files.names {
		v, f, err := files.view(name)
		if err != nil {
			return true, err
		}
		offsets, err = chainOf(v, hash, offsets)
		if err := errors.Join(err, f.Close()); err != nil {
			return true, err
		}
	}
	slices.Sort(offsets)
	for _, off := range slices.Compact(offsets) {
		if off < x.s.log.min() {
			continue
		}
		raw, err := x.reader.read(off)
		if err != nil {
			x.tell(Problem{Path: "index", Offset: wholeFile, What: fmt.Sprintf("an entry leads to log offset %d: %v", off, err)})
			continue
		}
		if err := x.give(raw, &x.reader.rec); err != nil {
			return true, err
		}
	}
	return true, x.ctx.Err()
}

// chainOf appends the records that a file has for a hash. A link that does not lead back is damage and
// ends the chain.
func chainOf(v *index.View, hash int32, dst []message.LogOffset) ([]message.LogOffset, error) {
	var slot [1]int32
	if err := v.ReadSlots(v.SlotOf(hash), slot[:]); err != nil {
		return dst, err
	}
	for n, above := slot[0], v.Header().NextEntry; n > 0 && n < above; {
		var e [1]index.Entry
		if err := v.ReadEntries(n, e[:]); err != nil {
			return dst, err
		}
		if e[0].Hash == hash {
			dst = append(dst, e[0].LogOffset)
		}
		n, above = e[0].Previous, n
	}
	return dst, nil
}

// scan reads the log, from the file on in which the first wanted message can be.
func (x *selecting) scan() error {
	log := &x.s.log
	for i, f := range log.files {
		if f.size == 0 {
			continue
		}
		if x.sel.From > 0 && i+1 < len(log.files) {
			if t, ok := x.firstTime(log.files[i+1].base); ok && t < x.sel.From {
				continue
			}
		}
		if x.sel.To > 0 {
			if t, ok := x.firstTime(f.base); ok && t > x.sel.To {
				return nil
			}
		}
		if _, err := commitlog.ScanFile(log.options(), f.base, f.base, (*scanning)(x)); err != nil {
			return err
		}
	}
	return nil
}

// firstTime is the store time of a file's first record.
func (x *selecting) firstTime(base message.LogOffset) (int64, bool) {
	if x.s.log.at(base) < 0 {
		return 0, false
	}
	if _, err := x.reader.read(base); err != nil {
		return 0, false
	}
	return x.reader.rec.StoreTimestamp, true
}

// scanning is selecting as a visitor of the log.
type scanning selecting

// Record implements [commitlog.Visitor].
func (x *scanning) Record(raw []byte, r *message.Record) error {
	if err := x.ctx.Err(); err != nil {
		return err
	}
	return (*selecting)(x).give(raw, r)
}

// Damage implements [commitlog.Visitor].
func (x *scanning) Damage(e *commitlog.CorruptError, _ *message.Record) error {
	path, at := x.s.log.place(e.Offset)
	x.tell(Problem{Path: path, Offset: at, What: fmt.Sprintf("damaged record at log offset %d, %d bytes", e.Offset, e.Length), Want: e.Want, Got: e.Got})
	return nil
}
