package transport

import (
	"net/netip"

	"ringmq/internal/clock"
)

// Memory serves frames from memory, on its caller's goroutine: turns without a network. With it a handler
// is measured alone, and a test decides which frames come in one turn. It is not for use by several goroutines.
type Memory struct {
	tr   *Transport
	desk desk
	ln   *Listener
	out  []byte
}

// MemoryConn is a connection of a [Memory].
type MemoryConn struct {
	Conn
	// Frames is what arrives on the connection in the next turn.
	Frames []byte
	// Age is how many ms they are to have waited, see [Conn.Waited].
	Age int64
}

// wake implements link: mail is looked at in the next turn.
func (*MemoryConn) wake() {}

// NewMemory makes a place for turns of h.
func NewMemory(h Handler) *Memory {
	o, _ := Options{Clock: clock.Real{}}.withDefaults() // errors are about RingIO
	tr := &Transport{opts: o}
	m := &Memory{tr: tr, ln: &Listener{tr: tr, handler: h}}
	m.desk.memory = true
	return m
}

// Dial makes a connection, which has nothing to be closed.
func (m *Memory) Dial() *MemoryConn {
	c := new(MemoryConn)
	peer := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), 1)
	c.init(m.ln, peer, peer)
	c.link = c
	return c
}

// Turn serves what the connections have got in one turn and hands what leaves on each to sent, if that is
// not nil; the bytes are valid until it returns. Bytes of a Gather come as one piece with the others. An error
// means that a connection would be closed for what it sent.
func (m *Memory) Turn(conns []*MemoryConn, sent func(c *MemoryConn, answers []byte)) error {
	d := &m.desk
	d.nowMillis = m.tr.now()
	t := d.turn(m.ln.handler)
	for _, c := range conns {
		c.backlog = backlog{waited: c.Age, left: len(c.Frames)}
		if err := d.serve(t, &c.Conn, c.Frames); err != nil {
			return err
		}
		c.Frames = nil
	}
	d.endTurn()
	clear(d.dirty)
	d.dirty = d.dirty[:0]
	for _, c := range conns {
		c.dirty = false
		c.takeMail()
		if c.out == nil {
			continue
		}
		m.out = c.out.appendTo(m.out[:0])
		c.out.recycle()
		c.owe(-int(c.queued.Load()))
		c.out, c.counted = nil, 0
		if sent != nil {
			sent(c, m.out)
		}
	}
	return nil
}

// appendTo appends what an outbox that is not launched would send.
func (o *outbox) appendTo(dst []byte) []byte {
	from := 0
	for i := range o.cuts {
		dst = append(dst, o.buf[from:o.cuts[i].at]...)
		from = o.cuts[i].at
		for _, p := range o.cuts[i].pieces {
			dst = append(dst, p...)
		}
	}
	return append(dst, o.buf[from:]...)
}
