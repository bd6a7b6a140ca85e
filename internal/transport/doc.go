// Package transport carries remoting frames between connections and a [Handler]: it accepts,
// cuts the byte streams into frames, decodes them, and sends the answers. What the requests
// mean is the handler's business.
//
// # A turn
//
// Work comes in turns. A turn takes what has arrived by now, serves every whole frame of it,
// and then sends all answers of a connection at once:
//
//	received bytes   |len|frame|len|frame|len|fra..     of each connection
//	                       │         │
//	                     Serve     Serve   …            answers go to Turn.Buf, Turn.Gather
//	                          EndTurn                   once per handler: write, then answer
//	                            │
//	                 one send per connection
//
// Under load turns get longer by themselves, and everything that costs per turn (system calls,
// the handler's write to disk, wake-ups) is shared by more messages. When there is little to
// do, a turn is one message and nothing waits for company.
//
// # Two paths
//
// On the ring path (io_uring, see package ring) a few loops, each a locked OS thread with a
// ring, own the connections. Where the kernel or a sandbox forbids io_uring, the net path
// serves with a goroutine per connection. Handlers and peers cannot tell the paths apart: the
// same tests run over both. [Transport.Path] says which one serves, and why.
//
// # Who owns what
//
//	goroutine            owns                              woken by              ends
//	ring loop            its ring and receive buffers,     completions; the      when all listeners
//	(one per two cores,  its connections (ringConn), the   event of its inbox,   and connections are
//	locked to a thread)  accepts of its listeners, a desk  one write per burst   gone: loop.stop
//	net acceptor         accepting for one listener        a new connection      Listener.Close
//	net reader           a netConn; a desk for each turn   bytes; room           with its connection,
//	                                                       (settled)             after the writer
//	net writer           the flight of a netConn           started when a send   when the queue is
//	                                                       would block, or Send  empty
//	                                                       has something new
//	sweeper              nothing; once a second it asks    Options.Clock         Transport.Close
//	                     the owners to close what idles
//
// Other goroutines reach a connection through its mail ([Conn.Send], [Conn.SendGather],
// [Conn.Call], [Conn.Notify]): they append to an outbox under the connection's mu and wake its
// owner, who moves the mail behind the turn's answers. They never wait for the network.
//
// # Memory
//
// An idle connection has no buffers on either path. Receive buffers belong to the loop (or are
// borrowed for a turn); only frames that arrive in pieces are copied, into memory that grows
// with the bytes received. Answers lie in pooled outboxes until the kernel has taken them; the
// bytes of a [Gather] stay where they are.
//
// A peer that does not read is not read: over Options.MaxPendingBytes its frames wait, first
// in the kernel's socket buffers, then in the peer's. When the answers of all connections
// together pass Options.MaxPendingTotal, that bound shrinks to a small share for each. What was
// received when a bound was met is kept: at most one turn's receives, 512 KiB, and 64 KiB from when half of
// MaxPendingTotal waits. 500 peers that send and never read make the broker take 200 MiB.
package transport
