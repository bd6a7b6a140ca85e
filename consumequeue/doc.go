// Package consumequeue keeps, for each queue of each topic, where its messages lie in the
// commit log.
//
// A queue is an array of fixed entries; the i-th entry belongs to the message with queue
// offset i. It is derived: the dispatcher makes it from the commit log and can make it
// again, so losing one costs time and never a message.
//
// # Bytes
//
// An entry, big endian, as ConsumeQueue.java writes it:
//
//	 0        8     12        20
//	+--------+------+---------+
//	|LogOff… | Size | TagsCode|
//	+--------+------+---------+
//
//	offset  width  field
//	     0      8  LogOffset
//	     8      4  Size
//	    12      8  TagsCode
//
// Entries fill files of a fixed size (300,000 entries), named by the byte of their first
// entry in the queue, in 20 digits:
//
//	consumequeue/TopicA/0/00000000000000000000    entries       0 to 299,999
//	consumequeue/TopicA/0/00000000000006000000    entries 300,000 to 599,999
//
// A file has its full length from the start, but no blocks: it is sparse, and a place that
// was never written reads as zero, which is not an entry (Size 0). When a queue's first
// entry is not the first of its file, because the log before it has expired, the places
// before it hold blanks {0, 0x7FFFFFFF, 0}. A message that was lost leaves a [Hole].
//
// # Memory
//
// Entries are not written through a mapping: half a million queues would need as many
// mappings, and a full disk would be a SIGBUS. Each queue has a small tail in memory, which
// [Queue.Put] appends to and readers read from. It is written by [Table.FlushDue] when it is full (4 KiB) and by
// [Table.Flush], never by Put: a loop must not wait for the kernel. It is given back when the queue rests, or when all
// tails together are large.
//
//	0 … Min … base … written … Max
//	    |      |       |        |
//	    |      +-- in the tail -+
//	    +---- in the files -----+ (up to written)
//
// A failed write leaves the entries in the tail and is tried again, see [Table.Failure].
// Files are opened when they are needed and a bounded number is held open.
//
// A consumer that is behind reads from a small cache of blocks, not from the files at each step.
//
// # Units
//
// With [Options.Ext] each entry has a [Unit] beside it, in files of their own, whose address it holds in the place of
// the tags code. Units are worth nothing but time: an entry whose unit is lost is as one without. They are written before
// the entries, and fail as these do.
//
// # Power cuts
//
// [Table.Sync] puts all entries on the device. What was written since is there in any
// mixture of old and new sectors, torn entries among them, so the engine trusts the entries
// of records below a log offset for which Sync had returned, drops the others
// ([Table.TruncateTo]) and dispatches their records again. Open itself ends a queue at the
// first place that cannot be an entry, or whose record does not lie behind the record of the
// entry before, and clears the places behind: an old entry there would otherwise be believed
// as soon as the places before it are written anew.
//
// When the same is found where no power cut can have been the cause, the file was damaged;
// [Table.Redo] then tells how far back dispatch must begin to make the queue whole.
package consumequeue
