// Package admin asks a cluster what RocketMQ's mqadmin asks it: `ringmq admin` is this
// package plus flags and columns. It works on ours and on Java's servers alike.
//
//	ringmq admin ──► Cluster ──┬─ names.go    name servers: routes, topics, clusters, order configuration
//	                           ├─ brokers.go  brokers: topics, groups, figures, offsets
//	                           ├─ send.go     one message in
//	                           └─ pull.go     messages out, by queue and offset
//
// A [Cluster] owns the connections it has dialled and nothing else; nothing is cached, so
// every answer is the servers' present one. Every error names the server it came from.
package admin
