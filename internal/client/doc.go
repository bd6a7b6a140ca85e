// Package client speaks RocketMQ's remoting protocol from the asking side.
//
// It is what the broker uses to register itself, what `ringmq admin` and `ringmq bench`
// are made of, and what tests talk to a server with. It is a plain net client: one
// connection, one reading and one writing goroutine, any number of callers.
//
//	Call ──┐ frame appended under mu               ┌── answer: pending[opaque] ── wakes its Call
//	Call ──┼──────────► out ──► writer ──► conn ──►│
//	Oneway ┘          (one write for all that      └── request: Options.OnRequest
//	                   gathered meanwhile)
//
// Requests are pipelined: a Call does not wait for the answers of others, and answers may
// come in any order. They are matched by opaque, a number this side counts; requests of the
// server carry numbers of the server's own, so the two never meet.
//
// Who owns what: the connection's read half belongs to the reader goroutine, its write half
// to the writer, everything else is under Client.mu, which is never held over I/O. A
// connection ends once, with one cause ([Client.Err]); every waiting Call gets that cause.
//
// Nothing the server says is trusted: a frame longer than Options.MaxFrameBytes ends the
// connection, and a frame's buffer grows with the bytes received, not with its announced length.
package client
