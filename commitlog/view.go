package commitlog

import (
	"sync"
	"sync/atomic"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Files are mapped in views, and only as many as there are readers' places, so that neither the address
// space nor the page tables grow with the store: a view costs at most 8 bytes per 4 KiB.
//
//	file      |       |       |       |       |
//	views   |~~~~~~~~~|             |~~~~~~~~~|
//	                  ^ viewOverlap: a record that begins in a view ends in it
const (
	viewBytes   = 16 << 20
	viewOverlap = 256 << 10
	// chunkBytes is the piece of a view of which it is remembered that it was in memory.
	chunkBytes  = 256 << 10
	chunkWords  = (viewBytes+viewOverlap)/chunkBytes/64 + 1
	minMapBytes = 4 * viewBytes
)

// view is a mapped part of a file. It is unmapped when it is no longer listed and nobody has it pinned.
type view struct {
	base    message.LogOffset
	mapping *mapfile.Mapping
	file    *File
	index   int // in file.views; -1: not listed, made for one record that overlaps no view

	refs  atomic.Int32              // one of the list, one for each pin
	used  atomic.Bool               // since the hand came by
	known [chunkWords]atomic.Uint64 // chunks that were in memory when they were last looked at
}

func (w *view) pin() bool {
	for {
		n := w.refs.Load()
		if n == 0 {
			return false
		}
		if w.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// unpin implements holder.
func (w *view) unpin() {
	if w.refs.Add(-1) == 0 {
		// Unmapping what was mapped cannot fail.
		_ = w.mapping.Close()
		w.file.maps.Add(-1)
	}
}

// resident implements holder. It asks the kernel once for each chunk, until the answers are forgotten.
func (w *view) resident(from, to int) bool {
	for at := from / chunkBytes * chunkBytes; at < to; at += chunkBytes {
		word, bit := at/chunkBytes/64, uint64(1)<<(at/chunkBytes%64)
		if w.known[word].Load()&bit != 0 {
			continue
		}
		end := min(at+chunkBytes, len(w.mapping.Data))
		if w.inMemory(at, end) {
			w.known[word].Or(bit)
		} else if !w.inMemory(max(at, from), min(end, to)) {
			return false
		}
	}
	return true
}

func (w *view) inMemory(from, to int) bool {
	in, err := w.mapping.Resident(from, to-from)
	return in && err == nil
}

// forget lets the view ask again.
func (w *view) forget() {
	for i := range w.known {
		w.known[i].Store(0)
	}
}

func (w *view) span() Span { return Span{base: w.base, data: w.mapping.Data, held: w} }

// views is the listed ones, at most limit bytes of them: the hand goes round, and takes
// those that were not used since it came by last.
type views struct {
	limit int64 // set before use

	mu    sync.Mutex
	list  []*view // under mu
	hand  int     // under mu
	bytes atomic.Int64
}

// view finds or maps the view with n bytes at off, which f must hold, and pins it.
func (ws *views) find(f *File, off message.LogOffset, n int) (*view, error) {
	i := int(int64(off-f.base) / viewBytes)
	if w := f.views[i].Load(); w != nil && w.pin() {
		if s := w.span(); s.Holds(off, n) {
			if !w.used.Load() {
				w.used.Store(true)
			}
			return w, nil
		}
		w.unpin()
	}
	from := int64(i) * viewBytes
	to := min(from+viewBytes+viewOverlap, f.size)
	if end := int64(off-f.base) + int64(n); end > to {
		const page = 64 << 10 // on every machine a multiple of the page size
		return f.mapView(int64(off-f.base)/page*page, end, -1)
	}
	return ws.add(f, i, from, to)
}

// add maps a view and lists it.
func (ws *views) add(f *File, i int, from, to int64) (*view, error) {
	ws.mu.Lock()
	if w := f.views[i].Load(); w != nil && w.pin() { // another reader was faster
		ws.mu.Unlock()
		return w, nil
	}
	w, err := f.mapView(from, to, i)
	if err != nil || f.dropped {
		ws.mu.Unlock()
		return w, err
	}
	w.refs.Add(1)
	w.used.Store(true)
	f.views[i].Store(w)
	ws.list = append(ws.list, w)
	ws.bytes.Add(to - from)
	var old []*view
	for ws.bytes.Load() > ws.limit && len(ws.list) > 1 {
		old = append(old, ws.evict())
	}
	ws.mu.Unlock()
	for _, w := range old {
		w.unpin()
	}
	return w, nil
}

// evict takes the next view that was not used off the list. Under mu.
func (ws *views) evict() *view {
	for {
		ws.hand %= len(ws.list)
		w := ws.list[ws.hand]
		if !w.used.Swap(false) {
			ws.unlist(ws.hand)
			return w
		}
		ws.hand++
	}
}

// unlist takes a view off the list, whose reference the caller gives back. Under mu.
func (ws *views) unlist(at int) {
	w := ws.list[at]
	w.file.views[w.index].CompareAndSwap(w, nil)
	last := len(ws.list) - 1
	ws.list[at] = ws.list[last]
	ws.list[last] = nil
	ws.list = ws.list[:last]
	ws.bytes.Add(-int64(len(w.mapping.Data)))
}

// drop unlists the views of a file that is gone.
func (ws *views) drop(f *File) {
	ws.mu.Lock()
	f.dropped = true
	var old []*view
	for i := len(ws.list) - 1; i >= 0; i-- {
		if w := ws.list[i]; w.file == f {
			ws.unlist(i)
			old = append(old, w)
		}
	}
	ws.mu.Unlock()
	for _, w := range old {
		w.unpin()
	}
}

// forget lets all views ask the kernel again what is in memory.
func (ws *views) forget() {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for _, w := range ws.list {
		w.forget()
	}
}

// letGo lets go of the pages of a file's bytes [from, to), so that the page cache can drop them.
func (ws *views) letGo(f *File, from, to int64) error {
	for i := max(0, (from-viewOverlap)/viewBytes); i < int64(len(f.views)) && i*viewBytes < to; i++ {
		w := f.views[i].Load()
		if w == nil || !w.pin() {
			continue
		}
		at := i * viewBytes
		lo, hi := max(from-at, 0), min(to-at, int64(len(w.mapping.Data)))
		var err error
		if lo < hi {
			w.forget()
			err = w.mapping.Forget(int(lo), int(hi-lo))
		}
		w.unpin()
		if err != nil {
			return err
		}
	}
	return nil
}

// MappedBytes is how much of the log is mapped for readers.
func (l *Log) MappedBytes() int64 { return l.views.bytes.Load() }
