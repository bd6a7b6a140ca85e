// Package offset keeps how far each group has consumed each queue (ConsumerOffsetManager).
//
// An entry belongs to a pair topic@group and has one number per queue. Clients and pulls
// overwrite numbers all the time, so the table is built for that: finding a known queue and
// storing its number takes two map lookups and an atomic store, without lock or allocation.
//
//	pairs   topic@group ─▶ queues ─▶ pages: queueId/16 ─▶ [16] atomic int64
//
// Numbers are stored as they come, backwards too, for topics and groups known or not, as Java
// does. They reach config/consumerOffset.json every flushConsumerOffsetInterval (5 s) and
// at stop; after a crash consumers repeat at most that much.
package offset
