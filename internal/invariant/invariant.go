// Package invariant states what must be true of our own state.
//
// A broken invariant is our mistake, never a client's or the disk's, so it panics with
// "BUG: ". [Failed] is always on: use it where going on would spread the damage. [Check]
// runs only under the build tag `invariants`, which `make test` sets; without the tag
// [Enabled] is a constant false and calls guarded by it cost nothing:
//
//	if invariant.Enabled {
//		invariant.Check(q.sorted(), "queue %d is not sorted", q.id)
//	}
//
// The package owns no state.
package invariant

import "fmt"

// Failed panics with "BUG: " and the message.
func Failed(format string, args ...any) {
	panic("BUG: " + fmt.Sprintf(format, args...))
}

// Check calls [Failed] unless cond holds, in builds with the tag `invariants`.
func Check(cond bool, format string, args ...any) {
	if Enabled && !cond {
		Failed(format, args...)
	}
}
