// Package config is the table of every option ringmq knows and the one way to set them.
//
// An option is a struct field, and everything about it is written once, in the field's tag:
//
//	ListenPort int `key:"listenPort" default:"8888" range:"0..65535" doc:"TCP port"`
//	                     │                  │               │               │
//	  file, flag, 25/318 ┘   start, docs ───┘   every set ──┘   docs ───────┘
//
//	key        name in property files, in flags and in requests 25, 26, 318, 319
//	shown      name in 26 and 319 where Java prints another one than it reads
//	default    a literal, or an expression of defaults.go over the [Host]; null = not set, not printed
//	unit       ms, s, h, bytes, %
//	range      LOW..HIGH (either side may be missing), or the words allowed: A|B
//	important  yes = printed by -m, as Java's ImportantField
//	remote     no = requests 25 and 318 may never change it
//	secret     yes = never printed
//	own        yes = an option of ringmq's among RocketMQ's
//	status     absent = works; else a word of [Statuses] that says why not (yet)
//	doc        what it means
//
// From the rows come the property-file reader, flags, the answers to 26 and 319, the
// updates of 25 and 318, -p and -m, and docs/config.md. [Broker], [Store], [NettyServer],
// [NettyClient] and [Namesrv] hold RocketMQ 4.9's 194 keys, [Ring] ringmq's own, [System]
// what Java reads from system properties.
//
// Values are plain fields, set before a server starts. A running server never writes to
// them: an update makes a copy ([BrokerFile.With]) that the server publishes atomically.
package config
