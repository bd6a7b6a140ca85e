package transport

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// Listener accepts connections for one handler.
type Listener struct {
	// Set before start.
	tr      *Transport
	handler Handler
	addr    netip.AddrPort
	net     *net.TCPListener // on the net path, and until the ring path takes the socket over
	ring    *ringListener    // nil on the net path

	once    sync.Once
	closing chan struct{} // closed by stop
	stopped chan struct{} // closed when nothing is accepted any more
}

// Addr is where the listener listens.
func (l *Listener) Addr() netip.AddrPort { return l.addr }

// Close stops accepting; the connections stay.
func (l *Listener) Close() error {
	l.tr.mu.Lock()
	delete(l.tr.listeners, l)
	l.tr.mu.Unlock()
	l.stop()
	return nil
}

func (l *Listener) stop() {
	l.once.Do(func() {
		close(l.closing)
		if l.ring == nil {
			_ = l.net.Close() // acceptNet sees it
		} else {
			l.ring.loop.do(func(lp *loop) { lp.stopAccept(l) })
		}
	})
	<-l.stopped
}

// bindPatience is how long Listen waits for a port that is in use.
const bindPatience = time.Second

// bind listens on addr. The sockets of a ring outlive a killed process until the kernel has torn
// the ring down, 5–20 ms on a quiet machine; who is started again on the same port at once must not
// end because of that.
func bind(addr string) (net.Listener, error) {
	for end := time.Now().Add(bindPatience); ; time.Sleep(5 * time.Millisecond) {
		ln, err := net.Listen("tcp", addr)
		if !errors.Is(err, syscall.EADDRINUSE) || time.Now().After(end) {
			return ln, err
		}
	}
}

// plain is an error of net.Listen without what its caller says itself.
func plain(err error) error {
	if op := (*net.OpError)(nil); errors.As(err, &op) {
		err = op.Err
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%w; is another server running there?", err)
	}
	return err
}

// Listen serves h on addr ("host:port"; port 0 picks one).
func (tr *Transport) Listen(addr string, h Handler) (*Listener, error) {
	ln, err := bind(addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, plain(err))
	}
	l := &Listener{
		tr:      tr,
		handler: h,
		addr:    ln.Addr().(*net.TCPAddr).AddrPort(),
		net:     ln.(*net.TCPListener),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.closed {
		_ = ln.Close()
		return nil, fmt.Errorf("listen on %s: the transport is closed", addr)
	}
	if len(tr.loops) == 0 {
		l.startNet()
	} else if err := l.takeOver(tr.loops[len(tr.listeners)%len(tr.loops)]); err != nil {
		_ = ln.Close()
		return nil, err
	}
	tr.listeners[l] = struct{}{}
	return l, nil
}
