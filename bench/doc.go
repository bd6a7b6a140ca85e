// Package bench measures RocketMQ-compatible brokers over the wire: ringmq, the Java broker, or any other.
//
//	Send        producers: closed loop (a fixed number in flight) or open loop (a fixed rate)
//	Pull        consumers that read what is stored, and check it
//	EndToEnd    producers and long-polling consumers: from the intended send to the receipt
//	Idle        connections that only exist, and what they cost the broker
//	Overload    three times the peak, the recovery, and whether all is there that was acknowledged
//	Null        a server that parses and answers and stores nothing: the ceiling of a machine
//
// Each is a set of load.Flow, one per connection; package load moves their bytes. Requests are encoded once per
// slot of a connection's window. From then on only what must change does, in place, at fixed width:
//
//	slot: [ head … opaque … "g":"1700000000000" … UNIQ_KEY␁<16 digits><16 digits> … | body ]
//	                fixed       born time            connection   count
//
// so a request costs no encoding, no copy in user space and no allocation; requests that leave together are
// one send. Answers are matched by their opaque, which is read where it stands in every broker's answers.
//
// # What a latency is
//
// In a closed loop from just before the write that carries a request to the read that brings its
// answer. In an open loop from the time the request was due by its schedule, whether it could be sent then or not, to when the
// answer reached this machine (load.Options.Stamped): a broker that stops for a second is charged for every request that was due
// meanwhile. How late this tool itself was is reported beside it (lag).
//
// # Who owns what
//
// The flows of a worker share a [tally], which only they touch, but for the counts that progress lines read.
package bench
