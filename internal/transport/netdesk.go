package transport

import "sync"

// netReadBytes is what one read of the net path takes at most; its frames form a turn.
const netReadBytes = 64 << 10

// keptReadBuffers is how many desks that nobody uses keep their receive buffer.
const keptReadBuffers = 16

// netDesk is a desk with a receive buffer, borrowed for a turn.
type netDesk struct {
	desk
	buf []byte
}

// deskStack holds the desks of the net path that no turn uses. A stack and not a sync.Pool:
// a handler's Turn.State is never lost. There are as many as turns have run at the same time.
type deskStack struct {
	mu   sync.Mutex
	free []*netDesk
}

func (s *deskStack) borrow() *netDesk {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return &netDesk{buf: make([]byte, netReadBytes)}
	}
	d := s.free[n-1]
	s.free = s.free[:n-1]
	if d.buf == nil {
		d.buf = make([]byte, netReadBytes)
	}
	return d
}

func (s *deskStack) give(d *netDesk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.free) >= keptReadBuffers {
		d.buf = nil
	}
	s.free = append(s.free, d)
}
