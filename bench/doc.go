// Package bench measures RocketMQ-compatible brokers over the wire: ringmq, the Java broker, or any other.
//
// [Send] drives a broker with a closed loop: each connection keeps a window of requests in
// flight and sends one for each answer. A connection is one goroutine that writes the
// requests for all answers of one read at once, so that the tool stays far
// cheaper than what it measures. Requests are encoded once per slot of the window; from then on
// only their opaque, born time and unique key change, in place, at fixed width.
//
//	slot:   [ head … opaque=1000000123 … UNIQ_KEY=00000000000000000000000000000000 … | body ]
//
// Latency is taken from just before the write that carries a request to the read that brings its answer, and
// kept in a histogram of 32 steps per power of two, so quantiles are right within 3 %.
package bench
