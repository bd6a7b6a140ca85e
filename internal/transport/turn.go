package transport

import (
	"ringmq/internal/invariant"
	"ringmq/internal/wire"
)

// Turn is one handler's share of one round of work: the requests that arrived together, and
// the answers that leave together. It is valid during Serve, EndTurn, and what [Conn.OnLoop] runs, only.
type Turn struct {
	// State is the handler's own, nil at first. A handler has one Turn per ring loop, and on
	// the net path one per turn that runs at the same time; a Turn is never used by two
	// goroutines at once, so neither is its State.
	State any
	// NowMillis is the wall clock at the turn's start, in milliseconds since 1970.
	NowMillis int64

	handler Handler
	desk    *desk
	active  bool // served a request in this turn
}

// Owns tells whether c's answers may be queued with [Turn.Buf] and [Turn.Gather] in this turn;
// [Conn.Send] is for the other connections.
func (t *Turn) Owns(c *Conn) bool { return t.desk.owns(c) }

// Buf returns the buffer to which answers for c are appended as whole frames. They leave in
// one send at the turn's end. The pointer is valid until the next call of Gather or the turn's
// end. c must be owned by the turn.
func (t *Turn) Buf(c *Conn) *[]byte { return &t.desk.outbox(c).buf }

// Gather queues head, which is copied, and then g's pieces, in order with what Buf has so far.
// c must be owned by the turn.
func (t *Turn) Gather(c *Conn, head []byte, g Gather) { t.desk.outbox(c).gather(head, g) }

// desk is where turns happen: everything that is needed to serve, owned by one goroutine at a
// time. A ring loop has one for all its connections; on the net path a connection borrows one
// for a turn.
type desk struct {
	loop   *loop // owner of the connections, or nil on the net path, where
	conn   *Conn // is the one connection of this turn
	memory bool  // the desk of a Memory, which owns all of its connections
	turns  map[Handler]*Turn

	dec       wire.Decoder
	cmd       wire.Command
	nowMillis int64
	served    []*Turn // turns that served since the last endTurn
	dirty     []*Conn // connections with something in their outbox
}

func (d *desk) owns(c *Conn) bool {
	if d.loop != nil {
		return c.loop == d.loop
	}
	return c == d.conn || d.memory
}

// turn is the handler's Turn at this desk.
func (d *desk) turn(h Handler) *Turn {
	t := d.turns[h]
	if t == nil {
		if d.turns == nil {
			d.turns = make(map[Handler]*Turn)
		}
		t = &Turn{handler: h, desk: d}
		d.turns[h] = t
	}
	return t
}

func (d *desk) outbox(c *Conn) *outbox {
	if invariant.Enabled {
		invariant.Check(d.owns(c), "a turn answers connection %d of another owner", c.id)
	}
	if c.out == nil {
		c.out = newOutbox()
	}
	if !c.dirty {
		c.dirty = true
		d.dirty = append(d.dirty, c)
	}
	return c.out
}

// serve hands the whole frames of data to the connection's handler, in order. Over the bound of
// pending answers it stops early, keeps the bytes behind the last frame served and leaves the
// connection stalled. An error means that the stream is no longer to be trusted.
func (d *desk) serve(t *Turn, c *Conn, data []byte) error {
	limit := c.tr.opts.MaxFrameBytes
	for {
		if c.Closing() {
			return nil
		}
		if c.overBound() {
			c.stalled = true
			c.in.keep(data)
			return nil
		}
		frame, rest, err := c.in.next(data, limit)
		if err != nil {
			return err
		}
		if frame == nil {
			return nil
		}
		data = rest
		if err := d.dec.Decode(frame, &d.cmd); err != nil {
			return err
		}
		if d.cmd.IsResponse() {
			c.answered(&d.cmd)
			continue
		}
		if !t.active {
			t.active = true
			t.NowMillis = d.nowMillis
			d.served = append(d.served, t)
		}
		t.handler.Serve(t, c, &d.cmd)
	}
}

// endTurn tells every handler that served that the turn is over. Answers queued by then are
// in the outboxes of the dirty connections.
func (d *desk) endTurn() {
	for i, t := range d.served {
		t.active = false
		t.handler.EndTurn(t)
		d.served[i] = nil
	}
	d.served = d.served[:0]
}
