// Package route is what a name server knows: which topics exist, on which brokers, and where
// those brokers are. It knows no network, no files and no time of its own; everything
// reaches it as a call, so all its rules are tested by scripts (testdata).
//
// The tables, by RocketMQ's names (RouteInfoManager), and how they hang together:
//
//	topic queues    topic ──► broker name ──► {read queues, write queues, perm, flags}
//	                               │
//	broker addresses          broker name ──► {cluster, id ──► address}
//	clusters     cluster ──► broker name ⟲             │
//	live brokers                         address ──► {id, data version, last seen, connection}
//	filter servers                       address ──► [address]      (a field of the live row)
//
// One rule holds the tables together, and [Table.Register] and leave keep it: an address is
// in the live table exactly if it stands once among the addresses of one broker, and that
// broker stands in exactly one cluster. A broker without addresses goes, and with it its
// queues; a topic without queues goes too.
//
// Ownership: all tables are under Table.mu. What a lookup returns is never changed
// afterwards (changes replace the slice or map), so a caller encodes it without the lock.
// Changes take turns (Table.changing) and let lookups through while they walk many topics,
// so a lookup waits for a few hundred map operations at most, however much a broker registers.
package route
