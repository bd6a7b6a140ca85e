// Package flush measures what the flush modes of package commitlog do on a given disk: the whole store, in process,
// without a network, beside a bare loop of the same system calls.
//
//	driver   one locked thread, as a network loop is: it appends for all waiters that are free, commits once, and
//	         carries the write out on a ring of its own where the mode wants that (engine.Store.CommitOn)
//	waiters  come in two groups, so that one gathers while the other's batch is on its way
//	bare     pwrite, fdatasync, msync or a direct write of the same bytes, with nothing around it; with ASYNC_FLUSH beside
//	         a sync every half a second
//	room     what both may take of the disk: they wait for the space of the files that they have removed
//
// Each cell of the table, a mode × a flush type × a size × a number of waiters, gets a new store in a
// folder of its own below the given one, which is removed afterwards.
package flush
