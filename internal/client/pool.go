package client

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"ringmq/internal/wire"
)

// ErrPoolFull means that a pool has as many addresses as it may have.
var ErrPoolFull = errors.New("too many addresses in the connection pool")

// Pool holds one connection per address, dialled on first use and again after it has ended.
// All its methods may be called from any goroutine.
type Pool struct {
	o     Options // set before start
	limit int     // set before start: most addresses at a time

	ctx    context.Context // ends with Close; bounds every dial
	cancel context.CancelFunc
	wg     sync.WaitGroup // dials under way

	mu     sync.Mutex
	closed bool
	conns  map[string]*pooled
}

// pooled is one dial and what came of it.
type pooled struct {
	ready  chan struct{} // closed when client or err is set
	client *Client
	err    error
}

// ended tells whether the dial is over and nothing can be sent any more.
func (e *pooled) ended() bool {
	select {
	case <-e.ready:
		return e.err != nil || e.client.Err() != nil
	default:
		return false
	}
}

// NewPool returns an empty pool for at most limit addresses (0 means 1,024).
func NewPool(limit int, o Options) *Pool {
	if limit <= 0 {
		limit = 1024
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Pool{o: o.withDefaults(), limit: limit, ctx: ctx, cancel: cancel, conns: make(map[string]*pooled)}
}

// Client returns the living connection to addr, dialling if there is none. Callers that come
// while an address is dialled share that dial; it is bounded by Options.DialTimeout, the
// waiting by ctx.
func (p *Pool) Client(ctx context.Context, addr string) (*Client, error) {
	e, err := p.entry(addr)
	if err != nil {
		return nil, err
	}
	select {
	case <-e.ready:
		return e.client, e.err
	case <-ctx.Done():
		return nil, fmt.Errorf("connect to %s: %w", addr, ctx.Err())
	}
}

// entry finds the connection to addr or starts to dial it.
func (p *Pool) entry(addr string) (*pooled, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, fmt.Errorf("%s: %w", addr, ErrClosed)
	}
	if e := p.conns[addr]; e != nil && !e.ended() {
		return e, nil
	}
	delete(p.conns, addr)
	if len(p.conns) >= p.limit {
		p.forgetEnded()
	}
	if len(p.conns) >= p.limit {
		return nil, fmt.Errorf("%s: %w (%d)", addr, ErrPoolFull, p.limit)
	}
	e := &pooled{ready: make(chan struct{})}
	p.conns[addr] = e
	p.wg.Go(func() { p.dial(e, addr) })
	return e, nil
}

func (p *Pool) dial(e *pooled, addr string) {
	defer close(e.ready)
	ctx, cancel := context.WithTimeout(p.ctx, p.o.DialTimeout)
	defer cancel()
	e.client, e.err = Dial(ctx, addr, p.o)
}

// forgetEnded drops the connections that have ended. Caller holds mu.
func (p *Pool) forgetEnded() {
	for addr, e := range p.conns {
		if e.ended() {
			delete(p.conns, addr)
		}
	}
}

// Call is [Client.Call] on the connection to addr.
func (p *Pool) Call(ctx context.Context, addr string, code wire.Code, h wire.Header, body []byte) (*wire.Command, error) {
	c, err := p.Client(ctx, addr)
	if err != nil {
		return nil, err
	}
	return c.Call(ctx, code, h, body)
}

// Oneway is [Client.Oneway] on the connection to addr; ctx bounds the dialling.
func (p *Pool) Oneway(ctx context.Context, addr string, code wire.Code, h wire.Header, body []byte) error {
	c, err := p.Client(ctx, addr)
	if err != nil {
		return err
	}
	return c.Oneway(code, h, body)
}

// Close ends all connections and dials; later calls fail with ErrClosed.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	conns := p.conns
	p.conns = nil
	p.mu.Unlock()
	p.cancel()
	p.wg.Wait()
	var errs []error
	for _, e := range conns {
		if e.client != nil {
			errs = append(errs, e.client.Close())
		}
	}
	return errors.Join(errs...)
}
