package transport

import (
	"context"
	"errors"
	"fmt"

	"ringmq/internal/wire"
)

// ErrClosed is the answer to calls on a connection that is gone or goes.
var ErrClosed = errors.New("connection is closed")

// Call sends a request to the peer and waits for its response: as long as ctx lets it, so
// never on a loop. Its opaque numbers are the connection's own and independent of the peer's.
func (c *Conn) Call(ctx context.Context, code wire.Code, h wire.Header, body []byte) (*wire.Command, error) {
	answer := make(chan *wire.Command, 1)
	opaque, ok := c.request(code, 0, h, body, answer)
	if !ok {
		return nil, fmt.Errorf("call %d to %s: %w", code, c.remote, ErrClosed)
	}
	select {
	case cmd := <-answer:
		if cmd == nil {
			return nil, fmt.Errorf("call %d to %s: %w", code, c.remote, ErrClosed)
		}
		return cmd, nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.calls, opaque)
		c.mu.Unlock()
		return nil, fmt.Errorf("call %d to %s: %w", code, c.remote, ctx.Err())
	}
}

// Notify sends a oneway request to the peer, from any goroutine, without blocking.
func (c *Conn) Notify(code wire.Code, h wire.Header, body []byte) {
	c.request(code, wire.FlagOneway, h, body, nil)
}

func (c *Conn) request(code wire.Code, flag int32, h wire.Header, body []byte, answer chan *wire.Command) (opaque int32, ok bool) {
	defer c.link.wake()
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.mailbox(len(body))
	if m == nil {
		return 0, false
	}
	c.opaque++
	if answer != nil {
		if c.calls == nil {
			c.calls = make(map[int32]chan *wire.Command)
		}
		c.calls[c.opaque] = answer
	}
	before := len(m.buf)
	m.buf = wire.AppendRequest(m.buf, wire.JSON, code, c.opaque, flag, h, body)
	c.owe(len(m.buf) - before)
	m.charge(&c.tr.queued)
	return c.opaque, true
}

// answered gives a response to the call that waits for it; nobody else is interested.
func (c *Conn) answered(cmd *wire.Command) {
	c.mu.Lock()
	answer := c.calls[cmd.Opaque]
	delete(c.calls, cmd.Opaque)
	c.mu.Unlock()
	if answer != nil {
		answer <- cmd.Clone()
	}
}
