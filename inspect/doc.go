// Package inspect reads a store that no broker runs, ours or Java's: it checks every byte that has a
// meaning, prints messages and offsets, and has the derived files made again.
//
//	commitlog/…            walker ──chunks──► workers (one per core) ──facts, in order──► matcher
//	                       cuts at records    format, place, CRC; queue entry            │
//	                                          and key hashes of each record              ├── consumequeue/…: is that the entry?
//	                                                                                     └── index/…: are those the keys?
//
// Nothing is kept per message. The matcher meets the records in the order of the log, in which
// each queue's entries and the index's entries lie too, so it reads all of them once, side by side.
// What stands in a queue beyond the records, or between them, is looked at in the end.
//
// Where bytes are no record, the walker stops and commitlog's own scan, the one that recovery uses,
// looks for the next good record; so both agree on what is lost.
//
// # What is wrong, and what is not
//
// A [Problem] names file, byte, wanted and got. It is a note when a broker puts it right by
// itself, as the entries that a killed broker had not written yet, or when it is no fault: records of a
// deleted topic have no queue, and an index may begin late. Entries that lead into damaged
// bytes are told once, with the damage.
//
// # Who else is there
//
// The store is opened read-only: no file is made or changed. Its lock is shared while it is read, so
// that no broker starts meanwhile, and a store whose lock a broker has is refused.
package inspect
