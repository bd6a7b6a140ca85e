package target

import (
	"fmt"
	"net"
	"sync"
)

// Ports gives out free ports of 127.0.0.1 from a range.
type Ports struct {
	mu         sync.Mutex
	next, last int // under mu
}

// NewPorts returns the ports from first to last, both inclusive.
func NewPorts(first, last int) *Ports { return &Ports{next: first, last: last} }

// Take returns a port p of which p−2, p and p+1 are free: a broker listens on all three (main, VIP and
// replication). No port is given out twice.
func (p *Ports) Take() (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.next+3 <= p.last {
		port := p.next + 2
		p.next += 4
		if free(port-2) && free(port) && free(port+1) {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free ports left up to %d; name another range with -ports FIRST-LAST", p.last)
}

func free(port int) bool {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return false
	}
	return l.Close() == nil
}
