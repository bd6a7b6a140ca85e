package mapfile

import "ringmq/internal/ring"

// MemRing is a ring for requests on the files of a [Mem]: what [File.Start] is given it for waits until
// Step. It belongs to one goroutine.
type MemRing struct{ waiting []func() }

// Submit implements [ring.Submitter]; a Mem's requests come another way.
func (r *MemRing) Submit(ring.Operation) {
	panic("BUG: an operation of the kernel on a ring in memory")
}

// Step carries out the request that waits longest, and tells whether there was one.
func (r *MemRing) Step() bool {
	if len(r.waiting) == 0 {
		return false
	}
	next := r.waiting[0]
	r.waiting = r.waiting[1:]
	next()
	return true
}

// Flying tells whether a request waits.
func (r *MemRing) Flying() bool { return len(r.waiting) > 0 }
