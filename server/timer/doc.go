// Package timer holds messages back until the moment their sender names, as RocketMQ 5 does (TimerMessageStore): beyond the
// delay levels of 4.9, to the millisecond and up to 40 days ahead.
//
// A message with TIMER_DELIVER_MS, TIMER_DELAY_MS or TIMER_DELAY_SEC is stored in rmq_sys_wheel_timer/0, with its own
// topic and queue noted in two properties and its moment in a third. The log has everything; what is here is an index of
// it by time, and all of that can be made again by reading that queue from its start:
//
//	queue    0 ─────────────── spilled ──────── known ──── next ─── Max
//	         in the bucket files │  read again after a crash  │ not yet looked at
//
//	time     ──────────────────── cursor ──── nearEnd ───────────────────►
//	         delivered            │ heap      │ bucket files, an hour each
//
// A checkpoint says: of the messages before next, those before the cursor in the order of (moment, queue offset) are
// delivered, and no others. It is written after the log was flushed, so that it never runs ahead of what is safe: a
// power cut may deliver a message twice, but loses none and delivers none early. What the bucket files hold is
// never news: files that are missing or damaged are made again from the queue by that one rule.
//
//	ringmq/timer/checkpoint       two places of 512 bytes, written in turn; the one with the higher number counts
//
//	  0 uint32 magic   4 uint32 CRC-32C of the rest   8 uint64 number   16 int64 next   24 int64 spilled
//	  32 int64 cursor's moment, ms   40 int64 its queue offset   48 int64 horizon, ms   56 int64 entries in all files
//
//	ringmq/timer/‹first ms›       a bucket: entries in no order
//
//	  0 int64 moment, ms   8 int64 queue offset   16 uint32 CRC-32C of both
//
// Numbers are big-endian. A Java broker does not look there; its 4.9 leaves the messages where they lie.
//
// Commit log files expire, pending messages must not. The moment of an entry is therefore never later than the
// horizon, half of fileReservedTime, after the message was stored. When it comes and the message's own
// moment has not, the message rolls: it is appended anew at the end of the queue.
//
// One goroutine indexes and delivers ([Service.Run]), another one does everything that waits for the disk ([Service.Save]).
package timer
