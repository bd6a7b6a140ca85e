// Package commitlog is the one place where messages are kept: a row of files of fixed size
// that together are one long run of records, addressed by [message.LogOffset].
//
//	commitlog/00000000000000000000   LogOffset 0 … FileSize-1
//	commitlog/00000000001073741824   LogOffset FileSize … 2*FileSize-1
//
// A file is full-size from its creation and has its blocks; its name is its first byte's
// LogOffset. Inside, records lie back to back (package message draws one); a record that
// would leave fewer than 8 bytes behind it goes to the next file instead:
//
//	      ┌────────┬────────┬─────┬────────┬───────────┬────────────┬ ─ ─ ─ ─ ─ ┐
//	file  │ record │ record │  …  │ record │ int32     │ 0xCBD43194 │ as it was
//	      │        │        │     │        │ free left │  (blank)   │ (zeros)   │
//	      └────────┴────────┴─────┴────────┴───────────┴────────────┴ ─ ─ ─ ─ ─ ┘
//
// "free left" counts the mark itself. All numbers are big-endian.
//
// # Who writes
//
// A [Stager] encodes records into a [Batch], a piece of anonymous memory; its user
// serializes calls with a lock that is held for the encoding only. [Log.Write] and, by a ring, [Log.Start] bring a
// full batch to the files while the next batch is being filled. How they do it, and how bytes get to the
// device, is the log's [Mode]. One goroutine writes at a time.
//
//	l, err := commitlog.Open(commitlog.Options{FS: dir, Dir: ".", FileSize: 1 << 30, Mode: commitlog.Direct, …})
//	err = l.Resume(0, 0)                                  // of a new log
//	s, err := commitlog.NewStager(l, commitlog.NewBatch(16<<20))
//	err = s.Reserve(size)                                 // ErrNoFile: l.Prepare(s.Wants()), and again
//	s.Put(&record, size, crc)
//	full := s.Swap(spare)                                 // of two batches
//	err = l.Write(full, true)                             // or l.Start(full, true, ring, done)
//	full.Reset()
//
// In direct mode what was written is kept in memory for readers ([staging]), since the page cache does not have it.
//
// The first failed write or sync is kept for good ([Log.Failure]) and every later Write and
// Sync returns it: after a failed fsync the kernel has forgotten which pages were dirty, so
// trying again would acknowledge what is lost. Failing to make a new file ([SpaceError]) is
// different, since nothing was in it yet: it may be tried again.
//
// # Who reads
//
// Readers get a [Span]. [Log.Pin] finds it in staging memory or in the files' read-only mappings, of which a bounded part exists at a
// time; what is not in the page cache a [Fetch] reads from the device into memory that is bounded, too,
// while nobody waits, and [Log.Cached] finds it. Scans ([Log.Scan]) read with pread, where a device error is an
// error value.
//
// # After a crash
//
// Nothing marks the end of the log. [Log.Scan] walks from record to record and trusts one
// whose magic and lengths fit, that names its own LogOffset, and whose body has the
// checksum it claims. A torn write leaves bytes that do not; behind them Scan searches for
// the next record that does, so that a flipped bit costs one record and not the rest of the
// log. What follows the last good record is overwritten with zeros ([Log.Resume]) so that
// no later scan can take it for a record.
package commitlog
