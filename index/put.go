package index

import (
	"fmt"
	"math"
	"time"

	"ringmq/internal/message"
)

// placed is an entry that was linked into its slot.
type placed struct {
	slot, previous int32
}

// Record is a record to be indexed.
type Record struct {
	Offset    message.LogOffset
	StoreTime int64 // ms
	Hashes    int32 // the end of its hashes, which begin where those of the record before end
}

// Put indexes the record at off, stored at timestamp (ms), under the hashes of its keys (see
// [AppendHashes]). A record at or below EndOffset changes nothing, so records may be dispatched
// again. After an error, which is a full or failing disk, the record is not indexed and the
// same can be put again later.
//
// One goroutine, the writer, may put.
func (x *Index) Put(off message.LogOffset, timestamp int64, hashes []int32) error {
	_, err := x.PutAll([]Record{{off, timestamp, int32(len(hashes))}}, hashes)
	return err
}

// PutAll is Put for many records at once, which share what a header costs and the waits for the memory of their slots.
// done is the number of records before the one that failed: all without an error.
func (x *Index) PutAll(records []Record, hashes []int32) (done int, err error) {
	from, touched := 0, 0
	for ; done < len(records) && err == nil; done++ {
		r := &records[done]
		own := hashes[from:r.Hashes]
		if from = int(r.Hashes); r.Offset <= x.end || len(own) == 0 {
			continue
		}
		if from > touched {
			touched = min(from+touchAhead, len(hashes))
			x.touch(hashes[from-len(own) : touched])
		}
		if err = x.put(r.Offset, r.StoreTime, own); err != nil {
			break
		}
	}
	x.commit()
	return done, err
}

// touchAhead is how many slots are looked at before they are written. Each is a miss of cache and TLB, which a write waits
// for alone: reads wait together.
const touchAhead = 64

// touch brings the slots of hashes near.
func (x *Index) touch(hashes []int32) {
	if x.last == nil {
		return
	}
	for _, h := range hashes {
		x.last.slot(x.last.slotOf(h))
	}
}

// put links a record's entries.
func (x *Index) put(off message.LogOffset, timestamp int64, hashes []int32) error {
	if x.uncounted+len(hashes) > mostKeys {
		x.commit()
	}
	x.begin()
	first := x.last
	for _, h := range hashes {
		if err := x.link(h, off, timestamp); err != nil {
			return x.undo(err)
		}
	}
	x.uncounted += len(hashes)
	x.end = off
	if x.last != first {
		x.commit() // the full file has counted it: its other entries must not be undone
	}
	return nil
}

// begin remembers what undo goes back to.
func (x *Index) begin() {
	x.placed = x.placed[:0]
	if x.last != nil {
		x.before = x.last.head
	}
}

// commit counts the entries in the header. Until then a crash of the process undoes them at the next start, which
// looks for mostKeys of them.
func (x *Index) commit() {
	if x.uncounted > 0 {
		x.last.showHeader()
		x.last.markDirty()
		x.uncounted = 0
	}
}

// undo takes the record's entries out of their chains again.
func (x *Index) undo(err error) error {
	f := x.last
	for i := len(x.placed) - 1; i >= 0; i-- {
		f.setSlot(x.placed[i].slot, x.placed[i].previous)
	}
	if f != nil {
		f.head = x.before
	}
	return err
}

// link adds an entry at the front of its slot's chain.
func (x *Index) link(hash int32, off message.LogOffset, timestamp int64) error {
	if x.last == nil || x.last.full() {
		if err := x.roll(); err != nil {
			return err
		}
	}
	f := x.last
	n := f.head.nextEntry
	if err := f.reserve(n); err != nil {
		return err
	}
	if n == 1 {
		f.head.beginTimestamp, f.head.beginOffset = timestamp, off
	}
	slot, previous := f.chain(hash, n)
	f.setEntry(n, entry{hash, off, f.head.secondsTo(timestamp), previous})
	f.setSlot(slot, n)
	x.placed = append(x.placed, placed{slot, previous})
	if previous == 0 {
		f.head.usedSlots++
	}
	f.head.nextEntry++
	f.head.endTimestamp, f.head.endOffset = timestamp, off
	return nil
}

// chain is the slot of a hash and the entry it leads to, 0 for none. A number that was not given
// out before n is no link.
func (t table) chain(hash, n int32) (slot, previous int32) {
	slot = t.slotOf(hash)
	if previous = t.slot(slot); previous < 0 || previous >= n {
		previous = 0
	}
	return slot, previous
}

// secondsTo is how an entry holds its record's store time: in seconds since the file's first.
func (h header) secondsTo(timestamp int64) int32 {
	if h.beginTimestamp <= 0 {
		return 0
	}
	return int32(min(max(timestamp-h.beginTimestamp, 0)/1000, math.MaxInt32))
}

// roll begins a new file. The full one is put on the device by the next [Index.Sync].
func (x *Index) roll() error {
	f, err := x.createFile(x.nextName())
	if err != nil {
		return fmt.Errorf("index: %w", err)
	}
	if x.last != nil {
		// What of the record being put is in the full file stays there.
		x.last.showHeader()
		x.last.markDirty()
	}
	x.mu.Lock()
	x.files = append(x.files, f)
	x.newNames = true
	x.mu.Unlock()
	x.last, x.before, x.placed = f, f.head, x.placed[:0]
	return nil
}

// nameLength is that of yyyyMMddHHmmssSSS.
const nameLength = 17

// nextName is the local time, or a millisecond behind the newest file's name when the clock
// is not: the names give the files' order.
func (x *Index) nextName() string {
	name := fileName(x.opt.Clock.Now().Local())
	x.mu.Lock()
	defer x.mu.Unlock()
	if n := len(x.files); n > 0 && name <= x.files[n-1].name {
		last := x.files[n-1].name
		// The digits are counted on as if they were of a zone without daylight saving.
		t, err := time.Parse("20060102150405.000", last[:14]+"."+last[14:])
		if err == nil {
			name = fileName(t.Add(time.Millisecond))
		}
	}
	return name
}

func fileName(t time.Time) string {
	return fmt.Sprintf("%s%03d", t.Format("20060102150405"), t.Nanosecond()/int(time.Millisecond))
}
