// Package engine is the message store: messages go in by [Store.Append] and
// [Store.Commit], and come out by [Store.Get].
//
//	Append ──► staging memory ──Commit──► commit log ──dispatch──► consume queues ──► arrival callback
//	(encode)   (one batch fills,          (pwrite; with             (entries in         (long polls)
//	            one is written)            SyncFlush durable)        memory)       └──► index
//
// The commit log is the truth. Consume queues and index are derived from it and made again from it
// when they are damaged; losing them costs time, never messages.
//
// # Directory
//
//	lock                  held locked by the running broker, Java's or ours
//	abort                 exists while a broker runs and after it crashed; ours says who it was
//	checkpoint            Java's three timestamps
//	commitlog/            package commitlog
//	consumequeue/         package consumequeue
//	index/                package index
//	ringmq/checkpoint     how far the derived files are on the device, exactly ([mark])
//	ringmq/deleted        topics whose messages are still in the log ([tombstones])
//	ringmq/damage.log     damage that was found, a line each
//	ringmq/damage/        the damaged bytes, named by their log offset
//
// # Goroutines
//
//	committer     where commits do not end at once: writes, syncs, dispatches, acknowledges; woken by Commit,
//	              unless the caller's ring does it ([Store.CommitOn])
//	flush watch   SyncFlush: ends waits that are over time; woken by the first that waits
//	flusher       AsyncFlush: syncs the log; both: starts writeback and drops old pages every 8 MiB
//	preallocator  makes the next commit log file, and zeros ahead of the log's end; woken when one begins
//	indexer       puts messages into the index; woken by the dispatcher
//	queue writer  writes queue entries to their files, and notes that, every second or 64 MiB; at once where many wait
//	checkpointer  moves both checkpoints, every second
//	caretaker     looks at the disk's space and removes expired files, every ten seconds
//
// Everything else runs on the callers' goroutines. Close stops them and does what they had left.
//
// # After a crash
//
// The abort file tells who ran last and whether the machine was started since. Queues and index are cut
// back to where the checkpoint says that they were on the device, or, when only the process ended, in their files, and the
// log is read from there to its end; a record that is damaged costs itself. See [recovery].
//
// # When a message is stored
//
// Commit writes everything staged with one call to the kernel, so the more is appended between two
// commits the less each message costs. With [AsyncFlush] a message is visible and acknowledged
// once the page cache has it: a killed process loses nothing. With [SyncFlush] the batch goes to the
// device, one at a time while the next one gathers, and only then messages become visible and are
// acknowledged. The write is carried out by the ring of the network loop that asked first, so that no
// thread has to be woken, or by the committer. How files are written is [Options].FlushMode.
//
// The first write or sync that fails makes the store read-only for good: those who wait get
// the error, reads go on. A disk without room for the next commit log file refuses messages until it
// has room.
package engine
