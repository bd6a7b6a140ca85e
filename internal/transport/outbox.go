package transport

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// outbox holds answers in the order in which they leave: bytes of its own, and between them
// gathers, whose bytes lie elsewhere.
//
//	buf   |frame|frame|head|frame|head|
//	cuts              ^ gather    ^ gather
//
// It is filled first, then launched and sent piece by piece, then recycled. While it is
// filled it belongs to its connection's owner or lies under the connection's mu; once
// launched it belongs to the one send in flight and does not change any more.
type outbox struct {
	buf      []byte
	cuts     []cut
	gathered int // bytes in all cuts
	charged  int // bytes of buf that account has
	account  *atomic.Int64

	// Set by launch.
	left int // bytes not sent yet
	iov  []unix.Iovec
	rest []unix.Iovec // the part of iov that is not sent yet
	hdr  unix.Msghdr
}

// cut says that gather's pieces leave when at bytes of the buffer have left.
type cut struct {
	at     int
	gather Gather
	pieces [][]byte
}

// One send takes at most iovMax pieces (UIO_MAXIOV), and no more than about sendMax bytes: copying them into
// a socket takes the loop 0.1 ms, for which other connections wait.
const (
	iovMax  = 1024
	sendMax = 512 << 10
)

// keptOutboxBytes is the largest buffer an outbox takes back to the pool with it.
const keptOutboxBytes = 256 << 10

var outboxPool = sync.Pool{New: func() any { return new(outbox) }}

func newOutbox() *outbox { return outboxPool.Get().(*outbox) }

// size is the number of bytes queued in an outbox that is not launched.
func (o *outbox) size() int { return len(o.buf) + o.gathered }

// gather queues head and then g's pieces and returns their bytes. From here on g is released
// exactly once.
func (o *outbox) gather(head []byte, g Gather) int {
	before := o.size()
	o.buf = append(o.buf, head...)
	c := cut{at: len(o.buf), gather: g, pieces: g.Buffers()}
	for _, p := range c.pieces {
		o.gathered += len(p)
	}
	o.cuts = append(o.cuts, c)
	return o.size() - before
}

// charge puts the outbox's own bytes on the account of all of them, until it is recycled.
func (o *outbox) charge(account *atomic.Int64) {
	if n := len(o.buf) - o.charged; n != 0 {
		account.Add(int64(n))
		o.charged, o.account = len(o.buf), account
	}
}

// take moves everything of p behind what o holds and recycles p.
func (o *outbox) take(p *outbox) {
	shift := len(o.buf)
	o.buf = append(o.buf, p.buf...)
	for _, c := range p.cuts {
		c.at += shift
		o.cuts = append(o.cuts, c)
	}
	o.gathered += p.gathered
	if p.charged > 0 {
		o.charged, o.account = o.charged+p.charged, p.account
		p.charged = 0
	}
	clear(p.cuts)
	p.cuts = p.cuts[:0]
	p.recycle()
}

// launch makes the outbox ready for sending.
func (o *outbox) launch() {
	o.left = o.size()
	from := 0
	for i := range o.cuts {
		c := &o.cuts[i]
		o.piece(o.buf[from:c.at])
		for _, p := range c.pieces {
			o.piece(p)
		}
		from = c.at
	}
	o.piece(o.buf[from:])
	o.rest = o.iov
}

func (o *outbox) piece(b []byte) {
	if len(b) > 0 {
		v := unix.Iovec{Base: unsafe.SliceData(b)}
		v.SetLen(len(b))
		o.iov = append(o.iov, v)
	}
}

// window is the pieces that one send takes: at least one.
func (o *outbox) window() []unix.Iovec {
	n := 0
	for size := 0; n < len(o.rest) && n < iovMax && size < sendMax; n++ {
		size += int(o.rest[n].Len)
	}
	return o.rest[:n]
}

// msg describes the bytes that are to be sent next.
func (o *outbox) msg() *unix.Msghdr {
	w := o.window()
	o.hdr = unix.Msghdr{Iov: unsafe.SliceData(w)}
	o.hdr.SetIovlen(len(w))
	return &o.hdr
}

// next is the bytes that are to be sent next if they lie in one piece, else nil.
func (o *outbox) next() []byte {
	if w := o.window(); len(w) == 1 {
		return unsafe.Slice(w[0].Base, min(int(w[0].Len), sendMax))
	}
	return nil
}

// sent takes n sent bytes off and tells whether none are left.
func (o *outbox) sent(n int) bool {
	o.left -= n
	for n > 0 {
		v := &o.rest[0]
		if size := int(v.Len); n >= size {
			n -= size
			o.rest = o.rest[1:]
			continue
		}
		v.Base = (*byte)(unsafe.Add(unsafe.Pointer(v.Base), n))
		v.SetLen(int(v.Len) - n)
		n = 0
	}
	return o.left == 0
}

// recycle releases the gathers and hands the outbox back. Nothing of it may be in flight.
func (o *outbox) recycle() {
	for i := range o.cuts {
		o.cuts[i].gather.Release()
	}
	if o.charged > 0 {
		o.account.Add(-int64(o.charged))
	}
	clear(o.cuts)
	clear(o.iov)
	if cap(o.buf) > keptOutboxBytes {
		o.buf = nil
	}
	*o = outbox{buf: o.buf[:0], cuts: o.cuts[:0], iov: o.iov[:0]}
	outboxPool.Put(o)
}
