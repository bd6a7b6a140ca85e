package load

import (
	"fmt"
	"unsafe"

	"golang.org/x/sys/unix"
)

// iovMax is how many pieces one send takes (UIO_MAXIOV).
const iovMax = 1024

// pump asks the flow for what is to leave. While a send is in flight it waits: the pieces are in use.
func (w *ringWorker) pump(c *ringConn) {
	if c.sending {
		return
	}
	w.due.set(c.index, w.g.o.called(c.flow.Pump(w.now, &c.out)))
	if c.out.bytes == 0 {
		return
	}
	c.iov = c.iov[:0]
	for _, p := range c.out.pieces {
		v := unix.Iovec{Base: unsafe.SliceData(p)}
		v.SetLen(len(p))
		c.iov = append(c.iov, v)
	}
	c.rest, c.left = c.iov, c.out.bytes
	w.send(c)
}

// send starts sending what is left of the pieces.
func (w *ringWorker) send(c *ringConn) {
	const how = unix.MSG_NOSIGNAL | unix.MSG_WAITALL
	n := min(len(c.rest), iovMax)
	if n == 1 {
		w.sqe(opSend, c).PrepareSend(c.fd, unsafe.Slice(c.rest[0].Base, c.rest[0].Len), how)
	} else {
		c.hdr = unix.Msghdr{Iov: unsafe.SliceData(c.rest)}
		c.hdr.SetIovlen(n)
		w.sqe(opSend, c).PrepareSendmsg(c.fd, &c.hdr, how)
	}
	c.sending = true
}

// sent handles the completion of a send.
func (w *ringWorker) sent(c *ringConn, res int32) {
	c.sending = false
	if errno := unix.Errno(-res); res < 0 {
		if errno != unix.EINTR && errno != unix.EAGAIN {
			w.g.end(fmt.Errorf("send: %w", errno))
			return
		}
		res = 0
	}
	if c.left -= int(res); c.left > 0 {
		c.rest = advance(c.rest, int(res))
		w.send(c)
		return
	}
	c.out.reset()
	w.wantPump(c) // it may have waited for the send
}

// advance takes n bytes off the front of the pieces.
func advance(v []unix.Iovec, n int) []unix.Iovec {
	for n > 0 {
		size := int(v[0].Len)
		if n < size {
			v[0].Base = (*byte)(unsafe.Add(unsafe.Pointer(v[0].Base), n))
			v[0].SetLen(size - n)
			break
		}
		n -= size
		v = v[1:]
	}
	return v
}
