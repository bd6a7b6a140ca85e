package client

import (
	"context"
	"fmt"

	"ringmq/internal/wire"
)

// enqueue appends one request frame to out. With a full out a call (answer != nil) waits for
// room, a oneway fails with ErrBacklog.
func (c *Client) enqueue(ctx context.Context, code wire.Code, flag int32, h wire.Header, body []byte, answer chan<- *wire.Command) (int32, error) {
	if err := ctx.Err(); err != nil {
		return 0, fmt.Errorf("request %d to %s not sent: %w", code, c.addr, err)
	}
	c.mu.Lock()
	for c.err == nil && len(c.out) > c.o.MaxPendingBytes {
		room := c.room
		c.mu.Unlock()
		if answer == nil {
			return 0, fmt.Errorf("request %d to %s not sent: %w", code, c.addr, ErrBacklog)
		}
		select {
		case <-room:
		case <-c.done:
		case <-ctx.Done():
			return 0, fmt.Errorf("request %d to %s not sent: %w: %w", code, c.addr, ErrBacklog, ctx.Err())
		}
		c.mu.Lock()
	}
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	c.opaque++
	if answer != nil {
		c.pending[c.opaque] = answer
	}
	c.out = wire.AppendRequest(c.out, c.o.Serialize, code, c.opaque, flag, h, body)
	c.wakeWriter()
	return c.opaque, nil
}

// wakeWriter tells the writer that out is not empty. Caller holds mu.
func (c *Client) wakeWriter() {
	select {
	case c.wake <- struct{}{}:
	default: // it has been told already
	}
}

// keepBytes is the largest write buffer that is kept for the next burst.
const keepBytes = 1 << 20

// writeLoop is the writer: each round takes all frames gathered so far and writes them at once.
func (c *Client) writeLoop() {
	var taken []byte
	for {
		select {
		case <-c.wake:
		case <-c.done:
			return
		}
		if cap(taken) > keepBytes {
			taken = nil
		}
		c.mu.Lock()
		taken, c.out = c.out, taken[:0]
		close(c.room)
		c.room = make(chan struct{})
		c.mu.Unlock()
		if len(taken) == 0 {
			continue
		}
		if _, err := c.conn.Write(taken); err != nil {
			c.fail(fmt.Errorf("send: %w", plainCause(err)))
			return
		}
	}
}
