// Package ring is a thin binding of Linux's io_uring: a pair of queues in memory shared with
// the kernel, one of operations to do (SQEs), one of their results (CQEs).
//
//	        owner                          kernel
//	GetSQE  ──►│ SQE SQE SQE │ tail ──► head   takes them in io_uring_enter
//	ForEach ◄──│ CQE CQE     │ head ◄── tail   puts results
//
// Who writes an index publishes it with a store-release; who reads the other side's index
// uses a load-acquire. Everything between the two indices belongs to the other side.
//
// # Ownership
//
// A [Ring] belongs to one OS thread: the one that called [Setup], and it must be locked to its
// goroutine (runtime.LockOSThread) until [Ring.Close]. The ring is set up with SINGLE_ISSUER,
// DEFER_TASKRUN and COOP_TASKRUN: the kernel finishes operations only inside the owner's calls
// of Submit and SubmitAndWait, so no interrupt disturbs the thread, and a completion queue
// never changes while it is read. Other goroutines reach the owner through an [Event].
//
// # Memory in flight
//
// The kernel reads and writes the memory an SQE names until the operation's CQE is seen. The
// garbage collector does not know that: whoever prepares an operation keeps its buffers (and
// Msghdr, iovecs, names) reachable until then, in a table of the connection or file, say. Go's
// heap does not move, and the Prepare methods see to it that what they are given lives there.
// UserData is a number for the owner's own tables (an index, a generation, a kind), never a
// pointer: the kernel would be its only holder.
//
// Names follow liburing's, without prefix, so that its manual pages are the reference:
// io_uring_prep_recv_multishot is [SQE.PrepareRecvMultishot]. Only operations in use exist.
package ring
