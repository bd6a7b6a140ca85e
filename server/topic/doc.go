// Package topic keeps the topics of a broker (TopicConfigManager): what they are called, how many
// queues they have, who may read and write, and which of them RocketMQ itself needs.
//
// A topic comes into being four ways, and each change is in config/topics.json before the call
// that made it returns:
//
//	at start    the system topics, in memory until something else changes; topics.json is laid over them
//	by send     an unknown topic copies a template, normally TBW102 (CreateOnSend)
//	by group    %RETRY%group at a group's first heartbeat, %DLQ%group at its first dead letter
//	by admin    request 17 creates or overwrites (Update), 215 deletes
//
// A [Topic] never changes: an update publishes another one under the same name. Lookups by the bytes
// of a request take no lock and allocate nothing.
//
// The table's DataVersion moves with every change; name servers compare it to tell whether the broker's
// topics are news to them.
package topic
