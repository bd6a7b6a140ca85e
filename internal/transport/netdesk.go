package transport

import "sync"

// netReadBytes is what one read of the net path takes at most; its frames form a turn.
const netReadBytes = 64 << 10

// netDesk is a desk with a receive buffer, borrowed for a turn.
type netDesk struct {
	desk
	buf *[netReadBytes]byte
}

// deskStack holds the desks of the net path that no turn uses. A stack and not a sync.Pool:
// a handler's Turn.State is never lost. There are as many as turns have run at the same time.
type deskStack struct {
	mu   sync.Mutex
	free []*netDesk
}

// readBuffers holds the receive buffers that no desk uses; the garbage collector takes those that were not used for a
// while.
var readBuffers = sync.Pool{New: func() any { return new([netReadBytes]byte) }}

func (s *deskStack) borrow() *netDesk {
	d := s.pop()
	if d == nil {
		d = new(netDesk)
	}
	d.buf = readBuffers.Get().(*[netReadBytes]byte)
	return d
}

func (s *deskStack) pop() *netDesk {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := len(s.free)
	if n == 0 {
		return nil
	}
	d := s.free[n-1]
	s.free = s.free[:n-1]
	return d
}

func (s *deskStack) give(d *netDesk) {
	readBuffers.Put(d.buf)
	d.buf = nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free = append(s.free, d)
}
