package transport

import (
	"time"

	"ringmq/internal/wire"
)

// Handler serves the requests of one or more listeners.
//
// Serve and EndTurn run on the loop that owns the connection (ring) or on the connection's
// reader goroutine (net), so they must not block: what may block is cloned and handed to a
// goroutine of the handler's own, which answers with [Conn.Send]. Several loops or
// goroutines call one Handler concurrently, each with a [Turn] of its own.
type Handler interface {
	// Serve takes one request. cmd and everything it aliases is valid until Serve returns.
	Serve(t *Turn, c *Conn, cmd *wire.Command)
	// EndTurn is called once after the last Serve of a turn, before the turn's answers leave:
	// the place to write what the turn has appended, and to answer it.
	EndTurn(t *Turn)
	// Closed is called once per accepted connection after it is gone.
	Closed(c *Conn)
}

// Gather is a response body that lies elsewhere (pages of the commit log) and is sent from there.
type Gather interface {
	// Buffers lists the pieces in order. They stay readable until Release.
	Buffers() [][]byte
	// Release is called exactly once: when the kernel has taken every byte, or the connection is gone.
	Release()
}

// Options of a Transport. The zero value of a field means its default.
type Options struct {
	// RingIO is auto (ring if the kernel allows it), on (fail without ring) or off (net).
	RingIO string
	// Loops is the number of ring loops; default one per two cores, at least one.
	Loops int
	// IdleTimeout closes a connection without reads and writes; default 120 s (serverChannelMaxIdleTimeSeconds).
	IdleTimeout time.Duration
	// MaxFrameBytes is the largest frame length accepted; default 16 MiB (com.rocketmq.remoting.frameMaxLength).
	MaxFrameBytes int
	// MaxPendingBytes bounds the answers queued on one connection: above it the connection
	// is not read any more, above four times that it is closed. Default 64 MiB.
	MaxPendingBytes int
	// MaxConns bounds the accepted connections; default 1,000,000.
	MaxConns int
}
