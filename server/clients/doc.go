// Package clients knows who is connected for which producer and consumer groups, and what the
// consumer groups are subscribed to (ProducerManager, ConsumerManager, ConsumerGroupInfo).
//
// Clients say so in heartbeats, every 30 s on each connection. A client of a group lives from its first
// heartbeat until it unregisters, its connection closes, or 120 s pass without
// a heartbeat that names the group:
//
//	        Heartbeat              Unregister, Closed
//	absent ───────────▶ present ────────────────────────▶ absent; the others are told (request 40)
//	                     │   ▲
//	                     │   └── Heartbeat
//	                     └── 120 s ──▶ absent, its connection closed; nobody is told, as in Java
//
// A group's type, model and subscriptions are those of the last heartbeat of any of its clients:
// clients of one group with different subscriptions fight, which RocketMQ forbids its users and lives with.
//
// Each consumer group's state is an immutable [ConsumerGroup], replaced on change, that pulls
// read without lock or allocation.
package clients
