package transport

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"ringmq/internal/wire"
)

// Conn is an accepted connection. Its methods may be called from any goroutine, also after
// the connection is gone.
type Conn struct {
	// Set before start.
	id     uint64
	remote netip.AddrPort
	local  netip.AddrPort
	tr     *Transport
	ln     *Listener
	link   link
	loop   *loop // nil on the net path

	user atomic.Pointer[any]
	// closing: no more requests are read and no more mail is taken.
	closing atomic.Bool
	// abandoned: what is queued need not leave any more. Set after closing.
	abandoned atomic.Bool
	// queued is the number of bytes that wait to leave, without the uncounted ones of out.
	queued atomic.Int64

	// Owned by the loop, or by the reading goroutine on the net path.
	in      splitter
	backlog backlog
	stalled bool    // reading is held up: whole frames may be kept unserved
	dirty   bool    // in the desk's list of connections with answers
	out     *outbox // answers of this turn; nil if none
	counted int     // bytes of out that queued has

	mu     sync.Mutex
	mail   *outbox                      // under mu: queued by Send, for the owner to take; nil if none
	calls  map[int32]chan *wire.Command // under mu: by opaque; nil before the first
	opaque int32                        // under mu: the last one used by Call and Notify
}

// link is what differs between the paths.
type link interface {
	// wake makes the owner look at the connection: mail was queued, closing or abandoned set.
	wake()
}

// ID is unique among the connections of one Transport.
func (c *Conn) ID() uint64 { return c.id }

// Remote is the peer's address.
func (c *Conn) Remote() netip.AddrPort { return c.remote }

// Local is the address the peer connected to.
func (c *Conn) Local() netip.AddrPort { return c.local }

// Closing tells whether the connection takes no more requests: it is closed, or about to be.
func (c *Conn) Closing() bool { return c.closing.Load() }

// SetUser sets the handler's slot.
func (c *Conn) SetUser(v any) { c.user.Store(&v) }

// User is what SetUser set last, else nil.
func (c *Conn) User() any {
	if v := c.user.Load(); v != nil {
		return *v
	}
	return nil
}

// Send queues one or more whole frames, which are copied. It never blocks: a peer that lets
// four times the bound of pending bytes pile up loses its connection. On a closed connection
// nothing happens.
func (c *Conn) Send(frames []byte) {
	c.mu.Lock()
	if m := c.mailbox(len(frames)); m != nil {
		m.buf = append(m.buf, frames...)
		c.owe(len(frames))
		m.charge(&c.tr.queued)
	}
	c.mu.Unlock()
	c.link.wake()
}

// SendGather queues head, which is copied, and then g's pieces. g is released exactly once in
// every case.
func (c *Conn) SendGather(head []byte, g Gather) {
	c.mu.Lock()
	m := c.mailbox(len(head))
	if m != nil {
		c.owe(m.gather(head, g))
		m.charge(&c.tr.queued)
	}
	c.mu.Unlock()
	if m == nil {
		g.Release()
	}
	c.link.wake()
}

// Close stops reading and closes the connection when what is queued has left, but not later
// than a few seconds from now.
func (c *Conn) Close() {
	if !c.closing.Swap(true) {
		c.link.wake()
	}
}

// abandon closes the connection at once.
func (c *Conn) abandon() {
	c.closing.Store(true)
	if !c.abandoned.Swap(true) {
		c.link.wake()
	}
}

// mailbox returns the outbox for mail of n bytes and more, or nil if the connection takes
// none. Under mu; the caller wakes the owner in both cases.
func (c *Conn) mailbox(n int) *outbox {
	if c.closing.Load() {
		return nil
	}
	if c.mail == nil {
		c.mail = newOutbox()
	}
	if c.queued.Load()+int64(n) > closeFactor*int64(c.tr.opts.MaxPendingBytes) {
		c.closing.Store(true)
		c.abandoned.Store(true)
		return nil
	}
	if c.mail == nil {
		c.mail = newOutbox()
	}
	return c.mail
}

// takeMail moves mail behind the answers in out and tells whether there was any.
func (c *Conn) takeMail() bool {
	c.mu.Lock()
	mail := c.mail
	c.mail = nil
	c.mu.Unlock()
	if mail == nil {
		return false
	}
	c.counted += mail.size()
	if c.out == nil {
		c.out = mail
	} else {
		c.out.take(mail)
	}
	return true
}

// owe counts n more bytes, or fewer, that wait to leave.
func (c *Conn) owe(n int) {
	if n != 0 {
		c.queued.Add(int64(n))
	}
}

// overBound tells the owner to stop reading. Answers are counted here in large steps, so that
// not every one costs an atomic operation.
func (c *Conn) overBound() bool {
	if c.out != nil && c.out.size()-c.counted >= countStep {
		c.count()
	}
	return c.queued.Load() > c.tr.bound()
}

// countStep is how many bytes of answers one connection may have uncounted.
const countStep = 16 << 10

// count makes queued have all of out.
func (c *Conn) count() {
	c.owe(c.out.size() - c.counted)
	c.counted = c.out.size()
	c.out.charge(&c.tr.queued)
}

// retire refuses further mail, drops what is queued and fails the calls. The owner calls it
// when nothing of the connection is in flight any more.
func (c *Conn) retire() {
	c.closing.Store(true)
	c.mu.Lock()
	mail, calls := c.mail, c.calls
	c.mail, c.calls = nil, nil
	c.mu.Unlock()
	if mail != nil {
		mail.recycle()
	}
	if c.out != nil {
		c.out.recycle()
		c.out, c.counted = nil, 0
	}
	c.in.drop()
	c.owe(-int(c.queued.Load()))
	for _, answer := range calls {
		answer <- nil
	}
}

// init sets what both paths set before start.
func (c *Conn) init(ln *Listener, remote, local netip.AddrPort) {
	c.id = ln.tr.ids.Add(1)
	c.tr, c.ln = ln.tr, ln
	c.remote = netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	c.local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
}
