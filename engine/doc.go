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
//	ringmq/checkpoint     how far the derived files are on the device, exactly
//
// # When a message is stored
//
// Commit writes everything staged with one call to the kernel, so the more is appended between two
// commits the less each message costs. With [AsyncFlush] a message is visible and acknowledged
// once the page cache has it: a killed process loses nothing. With [SyncFlush] a committer
// goroutine writes to the device, one batch at a time while the next one gathers, and only then
// messages become visible and are acknowledged.
//
// The first write or sync that fails makes the store read-only for good: those who wait get
// the error, reads go on. A disk without room for the next commit log file refuses messages until it
// has room.
package engine
