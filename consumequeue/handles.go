package consumequeue

import (
	"sync"

	"ringmq/internal/mapfile"
)

// handles is the bounded set of open files. Hundreds of thousands of queues cannot each hold
// a descriptor; the ones in use are few.
type handles struct {
	open  func(key fileKey) (mapfile.File, error) // set before use
	limit int                                     // set before use; more are open only while in use

	mu sync.Mutex
	// Under mu:
	byKey map[fileKey]*handle
	ends  handle // ring of handles: ends.next was used last, ends.prev longest ago
}

// fileKey names one file: the n-th of its queue, counted from offset 0.
type fileKey struct {
	q *Queue
	n int64
}

// handle is an open file. Its fields are under handles.mu, but file, which is set before use.
type handle struct {
	key        fileKey
	file       mapfile.File
	users      int
	dropped    bool // to be closed by the last user
	prev, next *handle
}

func newHandles(limit int, open func(fileKey) (mapfile.File, error)) handles {
	return handles{open: open, limit: limit, byKey: make(map[fileKey]*handle)}
}

// acquire returns the file, opening it if need be; release gives it back.
func (hs *handles) acquire(key fileKey) (*handle, error) {
	if h := hs.opened(key); h != nil {
		return h, nil
	}
	f, err := hs.open(key)
	if err != nil {
		return nil, err
	}
	return hs.insert(key, f), nil
}

// opened is acquire for a file that is open, nil for others.
func (hs *handles) opened(key fileKey) *handle {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.byKey[key]
	if h != nil {
		h.users++
		hs.touch(h)
	}
	return h
}

// insert adds an open file and acquires it. Another goroutine may have been faster; then f
// is closed and the other is used.
func (hs *handles) insert(key fileKey, f mapfile.File) *handle {
	hs.mu.Lock()
	h := hs.byKey[key]
	var spare []mapfile.File
	if h == nil {
		h = &handle{key: key, file: f}
		hs.byKey[key] = h
	} else {
		spare = append(spare, f)
	}
	h.users++
	hs.touch(h)
	spare = hs.evict(spare)
	hs.mu.Unlock()
	closeAll(spare)
	return h
}

func (hs *handles) release(h *handle) {
	hs.mu.Lock()
	h.users--
	closing := h.dropped && h.users == 0
	hs.mu.Unlock()
	if closing {
		closeAll([]mapfile.File{h.file})
	}
}

// drop closes a file that is about to be removed, once nobody reads it any more.
func (hs *handles) drop(key fileKey) {
	hs.mu.Lock()
	var spare []mapfile.File
	if h := hs.byKey[key]; h != nil {
		spare = hs.take(h, spare)
	}
	hs.mu.Unlock()
	closeAll(spare)
}

// close closes every file that nobody uses; the others are closed by their last user.
func (hs *handles) close() {
	hs.mu.Lock()
	var spare []mapfile.File
	for _, h := range hs.byKey {
		spare = hs.take(h, spare)
	}
	hs.mu.Unlock()
	closeAll(spare)
}

// touch makes h the one used last.
func (hs *handles) touch(h *handle) {
	if hs.ends.next == nil {
		hs.ends.next, hs.ends.prev = &hs.ends, &hs.ends
	}
	if h.next != nil {
		h.prev.next, h.next.prev = h.next, h.prev
	}
	h.prev, h.next = &hs.ends, hs.ends.next
	h.next.prev = h
	hs.ends.next = h
}

// evict takes the idle files that are too many, longest unused first, and adds them to spare.
func (hs *handles) evict(spare []mapfile.File) []mapfile.File {
	for h := hs.ends.prev; len(hs.byKey) > hs.limit && h != &hs.ends; {
		older := h.prev
		if h.users == 0 {
			spare = hs.take(h, spare)
		}
		h = older
	}
	return spare
}

// take removes h from the set and adds its file to spare unless a user will close it.
func (hs *handles) take(h *handle, spare []mapfile.File) []mapfile.File {
	delete(hs.byKey, h.key)
	h.prev.next, h.next.prev = h.next, h.prev
	h.prev, h.next = nil, nil
	h.dropped = true
	if h.users == 0 {
		spare = append(spare, h.file)
	}
	return spare
}

// closeAll closes files whose content is safe without it: nothing is buffered in a File, and
// what must last is synced, so an error of close has nothing to tell.
func closeAll(files []mapfile.File) {
	for _, f := range files {
		_ = f.Close()
	}
}
