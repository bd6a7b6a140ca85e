package transport

import "golang.org/x/sys/unix"

// backlog measures how long a connection's requests have waited when they are served: in its socket, for that is
// where they wait while the server is busy. A mark is put at the end of what is there; when the mark is reached, it tells
// how old the bytes are.
//
//	stream   served │ in the socket ·  ·  ·  │ arrives later
//	              read                     mark, put at markAt
//
// Owned by who reads the connection. Before the first mark is reached, and while the socket is found empty, the wait
// counts as none.
type backlog struct {
	read   int64 // bytes of the stream received
	mark   int64
	markAt int64 // ms; 0 where there is no mark
	last   int64 // markAt of the last mark
	waited int64 // ms, at the last mark that was reached
	left   int   // bytes in the socket when the last mark was put
}

// markPeriod is the shortest time between marks, which cost a system call each.
const markPeriod = 10

// received notes that n bytes were received from fd at now, and whether there may be more in the socket.
func (b *backlog) received(fd, n int, more bool, now int64) {
	b.read += int64(n)
	if !more {
		b.markAt, b.waited, b.left = 0, 0, 0
		return
	}
	if b.markAt != 0 {
		if b.read < b.mark {
			return
		}
		b.waited, b.markAt = now-b.markAt, 0
	}
	if now-b.last < markPeriod {
		return
	}
	left, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return // the connection is about to end
	}
	b.mark, b.markAt, b.last, b.left = b.read+int64(left), now, now, left
}

// Waited tells how long, in ms, the request being served has at least waited for its turn in the connection's socket, and
// about how many bytes wait behind it. It is 0 where the server keeps up. Only within [Handler.Serve], for the connection
// served; nowMillis is the turn's.
func (c *Conn) Waited(nowMillis int64) (ms int64, bytes int) {
	b := &c.backlog
	ms = b.waited
	if b.markAt != 0 { // what is served now lies in front of the mark
		ms = max(ms, nowMillis-b.markAt)
	}
	return ms, b.left
}
