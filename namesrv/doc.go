// Package namesrv is the name server: brokers register with it, clients ask it where a topic
// lives. It answers the twenty request codes of RocketMQ 4.9's DefaultRequestProcessor and,
// like it, says nothing to any other.
//
//	                    ┌─ inline: 101 105 322 ────────────► route.Table, kv.Store (reads)
//	conn ─► Serve ──────┤
//	                    └─ lane[conn]: all others ─────────► route.Table, kv.Store (changes, lists)
//	conn gone ─► Closed ─► lane[conn] ─► route.Table.Gone
//	every 10 s ──────────────────────► route.Table.Expire ─► close the connection
//
// What a client asks all day is answered where it was read. What decodes megabytes, writes a
// file or walks a table runs on a lane, a goroutine with a queue; a connection always uses
// the same lane, so its requests, and its end, take effect in the order they came.
//
// The folders know no network and own all state: route the tables of topics and brokers,
// which live in memory only and are rebuilt by the brokers within 30 s, kv the configuration
// that is kept in a file. This package owns the options ([Options]) and turns requests into calls.
package namesrv
