// Package delay holds messages back until their time: RocketMQ's delay levels (ScheduleMessageService).
//
// A message with property DELAY=n is not stored in its topic but in queue n-1 of
// SCHEDULE_TOPIC_XXXX, with its own topic and queue noted in two properties. All messages of
// a queue wait equally long, so the queue is sorted by time and only its head has to be watched:
//
//	Schedule:  T/3 DELAY=2 ──► SCHEDULE_TOPIC_XXXX/1   REAL_TOPIC=T REAL_QID=3
//	                           entry.TagsCode = store time + 5 s   (the engine writes it)
//	deliver:   entry.TagsCode ≤ now ──► T/3, appended as a new message; offset of level 2 + 1
//
// The offsets of the levels are kept in delayOffset.json as Java does, so a store moves in both directions with
// messages pending. A saved offset never runs ahead of what is safe: the log is flushed before it is
// written, so after a power cut a message may be delivered twice, but not lost.
//
// One goroutine delivers (Run): of each level in turn a batch of what is due, with one commit.
package delay
