// Package index finds records by the keys their producers gave them.
//
// It is a hash table on disk: the key "topic#key" is hashed as Java's String.hashCode, the
// hash chooses a slot, and the slot leads to a chain of entries, the newest first. The key
// itself is not stored, so records of other keys with the same hash are found too, and the
// clients sort them out. Like the consume queues it is derived from the commit log; losing
// some of it loses no message.
//
// # Bytes
//
// A file has a fixed size, big endian, and is named by the local time of its creation,
// yyyyMMddHHmmssSSS (IndexFile.java, IndexHeader.java):
//
//	0        40                  40+4·slots             40+4·slots+20·entries
//	+--------+-------------------+----------------------+
//	| header | slots, 4 bytes    | entries, 20 bytes    |
//	+--------+-------------------+----------------------+
//
//	offset  width  header
//	     0      8  BeginTimestamp
//	     8      8  EndTimestamp
//	    16      8  BeginLogOffset
//	    24      8  EndLogOffset
//	    32      4  UsedSlots
//	    36      4  NextEntry
//
//	offset  width  entry
//	     0      4  Hash
//	     4      8  LogOffset
//	    12      4  Seconds
//	    16      4  Previous
//
// A slot holds the number of the newest entry of its chain, Previous that of the next older
// one, and 0 ends the chain; so entry 0 is never used and NextEntry is 1 in an empty file.
// Seconds count from BeginTimestamp. A file is full when NextEntry has reached the number of
// places; then a new one is begun.
//
// # Writing
//
// One goroutine puts; queries run beside it. Both use the file's mapping. A mapping is
// written only where blocks were allocated before, so that a full disk is an error of
// [Index.Put] and never a SIGBUS: header and slots at creation, entries 4 MiB ahead.
//
// An entry is written before the slot that leads to it, and the slot before the header that
// counts it, and the others of a call of [Index.PutAll]. A process killed in between leaves slots leading to uncounted
// entries; Open puts such a slot back to what the entry says was there.
//
// # Power cuts
//
// [Index.Sync] puts everything on the device. What was written later is there in any
// mixture. The engine knows a log offset below which all was synced; [Index.TruncateTo]
// keeps the entries of records below it, builds the chains anew from them, and the records
// from there on are put again.
package index
