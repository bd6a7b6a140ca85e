// Package filter keeps the expressions by which consumer groups choose messages by their properties
// (ConsumerFilterManager, ConsumerFilterData). Their language is in the folder sql92.
//
// A group's clients bring its expressions along in every heartbeat, one for each topic that it subscribes
// to in this way. A filter lives on for a day when the group has gone, so that messages stored meanwhile
// can be matched when it returns:
//
//	        Register                  Sweep: the group has no client
//	absent ──────────▶ alive ───────────────────────────────────────▶ dead ──▶ absent
//	                   │   ▲ Register: no subscription to the topic any more ──▲ │  after
//	                   │   └──────────── Register ─────────────────────────────┼─┘  filterDataCleanTimeSpan
//	                   └───────────────────────────────────────────────────────┘
//
// Pulls use a filter dead or alive. Of two expressions the one with the later subscription version
// (clientVersion) counts; one that does not compile is not kept, and takes its
// predecessor along: the pulls are refused then.
//
// Table.mu guards writers; a [Filter] never changes, and pulls read without lock or allocation.
//
// The table is kept in config/consumerFilter.json, as Java reads and writes it:
//
//	{"filterDataByTopic":{"T":{"groupFilterData":{"CG":{"bloomFilterData":{"bitNum":112,"bitPos":[36,20,4]},
//	 "bornTime":…,"clientVersion":…,"consumerGroup":"CG","dead":false,"deadTime":0,"expression":"a > 5",
//	 "expressionType":"SQL92","topic":"T"}},"topic":"T"}}}
//
// bloomFilterData are the bits that stand for group#topic where Java notes with each message whom it is for
// (enableCalcFilterBitMap), and where ringmq does: [Table.Bits] is the bitmap that a message's unit in the ext files gets,
// and [Filter.MayWant] asks it, so that a pull leaves out most of what it does not want without reading it. A Java
// broker ignores the whole file if they are not those of its own configuration, and so does ringmq.
package filter
