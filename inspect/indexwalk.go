package inspect

import (
	"fmt"

	"ringmq/index"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Where the fields of an index entry, and of a header, lie; the grids are in package index.
const (
	fieldHash      = 0
	fieldLogOffset = 4
	fieldSeconds   = 12
	fieldPrevious  = 16

	fieldBeginTimestamp = 0
	fieldEndTimestamp   = 8
	fieldUsedSlots      = 32
)

// indexWalk goes through the entries of one index file, from the first to the last, and follows
// what happened to the slots meanwhile: so it knows what each entry's Previous must be, and in
// the end each slot. An entry that neither leads to would never be found.
type indexWalk struct {
	path    string
	view    *index.View
	f       mapfile.File
	find    *findings
	crashed bool
	head    index.Header

	n       int32       // number of entry
	entry   index.Entry // at hand
	next    index.Entry // the one behind it
	ahead   []index.Entry
	fetched int32 // entries up to here were taken from ahead
	judged  bool  // entry is in order

	slots   []int32           // number of the newest entry of each
	last    message.LogOffset // of the last good entry
	started int64             // ms: the store time that seconds count from
	maybe   int64             // … or this one, when header and first record differ; 0 when it is clear
	odd     int               // wrong seconds that were told
}

// entriesAhead is how many entries are read at once.
const entriesAhead = 4096

// newIndexWalk begins before the first entry.
func newIndexWalk(path string, v *index.View, f mapfile.File, find *findings, crashed bool) (*indexWalk, error) {
	h := v.Header()
	w := &indexWalk{
		path: path, view: v, f: f, find: find, crashed: crashed, head: h,
		slots: make([]int32, v.Shape().Slots), started: h.BeginTimestamp,
	}
	if err := w.advance(); err != nil { // next is the first
		return nil, err
	}
	return w, w.advance()
}

// advance makes the next entry the one at hand.
func (w *indexWalk) advance() error {
	w.entry, w.judged = w.next, false
	if w.fetched > 0 {
		w.n++
	}
	if len(w.ahead) == 0 && w.fetched+1 < w.head.NextEntry {
		w.ahead = append(w.ahead, make([]index.Entry, min(entriesAhead, w.head.NextEntry-1-w.fetched))...)
		if err := w.view.ReadEntries(w.fetched+1, w.ahead); err != nil {
			return err
		}
	}
	w.fetched++
	if len(w.ahead) > 0 {
		w.next, w.ahead = w.ahead[0], w.ahead[1:]
	}
	return nil
}

// has tells whether there is an entry of that number.
func (w *indexWalk) has(n int32) bool { return n < w.head.NextEntry }

// peek is the entry at hand; ok is false behind the last. Entries out of order are told and left out.
func (w *indexWalk) peek() (e index.Entry, ok bool, err error) {
	for w.has(w.n) {
		e := w.entry
		if w.judged || w.judge() {
			w.judged = true
			return e, true, nil
		}
		if err := w.leave(e.Hash); err != nil {
			return e, false, err
		}
	}
	return index.Entry{}, false, nil
}

// judge tells whether the entry at hand can be one, and is in order. Of two in the wrong order, the one that
// does not fit what lies around is wrong.
func (w *indexWalk) judge() bool {
	e := w.entry
	early := w.has(w.n+1) && w.next.LogOffset < e.LogOffset && w.next.LogOffset >= w.last
	switch {
	case e.Hash < 0:
		w.problem("hash of the entry", fieldHash, "0 or more", fmt.Sprint(e.Hash))
	case e.LogOffset < w.last || e.LogOffset > w.head.EndOffset || early:
		w.problem("log offset of the entry, out of order", fieldLogOffset, fmt.Sprintf("%d to %d", w.last, w.head.EndOffset), fmt.Sprint(int64(e.LogOffset)))
	default:
		return true
	}
	return false
}

// step goes on behind the entry at hand, which is good and belongs to the slot of hash.
func (w *indexWalk) step(hash int32) error {
	w.last = w.entry.LogOffset
	return w.leave(hash)
}

// leave follows what the entry at hand did to its slot, and goes on.
func (w *indexWalk) leave(hash int32) error {
	if hash >= 0 {
		slot := &w.slots[w.view.SlotOf(hash)]
		if got := w.entry.Previous; got != *slot {
			w.problem("link to the entry before it in its slot", fieldPrevious, fmt.Sprint(*slot), fmt.Sprint(got))
		}
		*slot = w.n
	}
	return w.advance()
}

// linked tells whether an entry of that hash would link to where this one does.
func (w *indexWalk) linked(e index.Entry, hash int32) bool {
	return e.Previous == w.slots[w.view.SlotOf(hash)]
}

// meet holds times against that of the record which the entry at hand leads to.
func (w *indexWalk) meet(storeTime int64) {
	if w.n == 1 && storeTime != w.head.BeginTimestamp {
		w.headProblem("BeginTimestamp", fieldBeginTimestamp, storeTime, w.head.BeginTimestamp)
		w.maybe = storeTime
	}
	if !w.has(w.n+1) && storeTime != w.head.EndTimestamp {
		w.headProblem("EndTimestamp", fieldEndTimestamp, storeTime, w.head.EndTimestamp)
	}
	got := w.entry.Seconds
	if w.maybe != 0 && got == secondsSince(w.maybe, storeTime) && got != secondsSince(w.started, storeTime) {
		w.started, w.maybe = w.maybe, 0
	}
	if want := secondsSince(w.started, storeTime); got != want {
		if w.odd++; w.odd > maxHeld {
			w.find.count(1)
			return
		}
		w.problem("seconds of the entry", fieldSeconds, fmt.Sprint(want), fmt.Sprint(got))
	}
}

func secondsSince(begin, storeTime int64) int32 {
	return index.Header{BeginTimestamp: begin}.Seconds(storeTime)
}

func (w *indexWalk) headProblem(name string, at int64, want, got int64) {
	w.find.add(Problem{Path: w.path, Offset: at, What: name + " in the header", Want: fmt.Sprint(want), Got: fmt.Sprint(got)})
}

// problem tells one of the entry at hand; field is the byte within the entry.
func (w *indexWalk) problem(what string, field int64, want, got string) {
	w.find.add(w.problemText(what, field, want, got))
}

func (w *indexWalk) problemText(what string, field int64, want, got string) Problem {
	return Problem{Path: w.path, Offset: w.view.EntryPosition(w.n) + field, What: fmt.Sprintf("%s, number %d", what, w.n), Want: want, Got: got}
}

// finish compares the slots with what the entries have made of them.
func (w *indexWalk) finish() error {
	const atOnce = 16 << 10
	used, uncounted, first := int32(0), 0, int64(0)
	buf := make([]int32, min(atOnce, len(w.slots)))
	for from := 0; from < len(w.slots); from += len(buf) {
		buf = buf[:min(len(buf), len(w.slots)-from)]
		if err := w.view.ReadSlots(int32(from), buf); err != nil {
			return err
		}
		for i, got := range buf {
			want := w.slots[from+i]
			if want != 0 {
				used++
			}
			switch i := int32(from + i); {
			case got == want:
			case w.crashed && !w.has(got):
				// A killed broker may have come as far as the slot, and not to counting the entry.
				if uncounted++; uncounted == 1 {
					first = w.view.SlotPosition(i)
				}
			default:
				w.find.add(Problem{
					Path: w.path, Offset: w.view.SlotPosition(i),
					What: fmt.Sprintf("newest entry of slot %d", i), Want: fmt.Sprint(want), Got: fmt.Sprint(got),
				})
			}
		}
	}
	if uncounted > 0 {
		w.find.add(Problem{Note: true, Path: w.path, Offset: first, What: fmt.Sprintf("slots that lead to entries which are not counted yet: %d", uncounted)})
	}
	if got := w.head.UsedSlots; got != used {
		w.headProblem("UsedSlots", fieldUsedSlots, int64(used), int64(got))
	}
	return nil
}
