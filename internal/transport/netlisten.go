package transport

import (
	"errors"
	"net"
	"time"
)

// startNet starts to accept on the net path.
func (l *Listener) startNet() { go l.acceptNet() }

// acceptNet accepts until the listener is closed. When the process is out of descriptors it
// tries again a little later.
func (l *Listener) acceptNet() {
	defer close(l.stopped)
	for {
		nc, err := l.net.AcceptTCP()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			l.tr.opts.Log.Warn("accept failed, trying again", "listener", l.addr, "error", err)
			retry := l.tr.opts.Clock.NewTimer(acceptRetry)
			select {
			case <-retry.C():
			case <-l.closing:
				retry.Stop()
				return
			}
			continue
		}
		l.welcomeNet(nc)
	}
}

// acceptRetry is the pause after a failed accept.
const acceptRetry = 100 * time.Millisecond

func (l *Listener) welcomeNet(nc *net.TCPConn) {
	c, err := newNetConn(l, nc)
	if err != nil || !l.tr.admit() {
		_ = nc.Close() // over MaxConns or shutting down: the peer sees the close
		return
	}
	l.tr.mu.Lock()
	l.tr.conns[c] = struct{}{}
	l.tr.mu.Unlock()
	go c.run()
}
