package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"ringmq/internal/wire"
)

// Errors of a call whose request may or may not have reached the server.
var (
	// ErrClosed is the cause of a connection that this side closed.
	ErrClosed = errors.New("connection closed")
	// ErrBacklog means that the server does not read: more than MaxPendingBytes wait to be sent.
	ErrBacklog = errors.New("the server is not reading: too many bytes wait to be sent")
)

// Options of a [Client]. The zero value of a field means its default.
type Options struct {
	// OnRequest takes the requests that the server sends. It runs on the reading goroutine:
	// it must not call [Client.Call] on c and must not block long. req and what it aliases
	// are valid until it returns. Nil ignores such requests.
	OnRequest func(c *Client, req *wire.Command)
	// TLS is the configuration for a TLS connection; nil means plain text.
	TLS *tls.Config
	// Serialize is the header serialization of requests: wire.JSON (default) or wire.RocketMQ.
	Serialize wire.Serialize
	// MaxFrameBytes is the longest frame accepted; default wire.MaxFrame.
	MaxFrameBytes int
	// MaxPendingBytes bounds the frames not yet written: a Call waits, a Oneway fails. Default 64 MiB.
	MaxPendingBytes int
	// DialTimeout bounds the connecting when the context has no deadline; default 3 s.
	DialTimeout time.Duration
}

func (o Options) withDefaults() Options {
	if o.MaxFrameBytes == 0 {
		o.MaxFrameBytes = wire.MaxFrame
	}
	if o.MaxPendingBytes == 0 {
		o.MaxPendingBytes = 64 << 20
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = 3 * time.Second
	}
	return o
}

// Client is one connection. All its methods may be called from any goroutine.
type Client struct {
	o    Options  // set before start
	addr string   // set before start
	conn net.Conn // read half: reader; write half: writer; Close from anywhere

	wake chan struct{} // capacity 1: out has become non-empty
	done chan struct{} // closed by fail, after err is set
	wg   sync.WaitGroup

	mu      sync.Mutex
	err     error                          // cause of the end; nil while the connection lives
	opaque  int32                          // number of the last request
	pending map[int32]chan<- *wire.Command // calls waiting for an answer; each channel has room for it
	out     []byte                         // whole frames, not yet taken by the writer
	room    chan struct{}                  // closed and replaced when the writer has taken out
}

// Dial connects to addr ("host:port"). The error names the address.
func Dial(ctx context.Context, addr string, o Options) (*Client, error) {
	o = o.withDefaults()
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.DialTimeout)
		defer cancel()
	}
	conn, err := dial(ctx, addr, o.TLS)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", addr, plainCause(err))
	}
	return start(conn, addr, o), nil
}

func dial(ctx context.Context, addr string, conf *tls.Config) (net.Conn, error) {
	if conf != nil {
		return (&tls.Dialer{Config: conf}).DialContext(ctx, "tcp", addr)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", addr)
}

// plainCause drops the part of a dial error that repeats the address.
func plainCause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// start makes a client of a connection; o has its defaults.
func start(conn net.Conn, addr string, o Options) *Client {
	c := &Client{
		o: o, addr: addr, conn: conn,
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		pending: make(map[int32]chan<- *wire.Command),
		room:    make(chan struct{}),
	}
	c.wg.Go(c.readLoop)
	c.wg.Go(c.writeLoop)
	return c
}

// Addr is the address that was dialled.
func (c *Client) Addr() string { return c.addr }

// LocalAddr is this side's address of the connection.
func (c *Client) LocalAddr() net.Addr { return c.conn.LocalAddr() }

// Done is closed when the connection has ended.
func (c *Client) Done() <-chan struct{} { return c.done }

// Err is nil while the connection lives, then the cause of its end.
func (c *Client) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Call sends a request and waits for its answer, whatever status it has (see [Failure]).
// The answer lives on its own. The error is the context's, or the connection's cause of end
// naming the address; in both cases the server may still have served the request.
func (c *Client) Call(ctx context.Context, code wire.Code, h wire.Header, body []byte) (*wire.Command, error) {
	answer := make(chan *wire.Command, 1)
	opaque, err := c.enqueue(ctx, code, 0, h, body, answer)
	if err != nil {
		return nil, err
	}
	select {
	case cmd := <-answer:
		return cmd, nil
	case <-ctx.Done():
		c.forget(opaque)
		return nil, fmt.Errorf("no answer from %s to request %d: %w", c.addr, code, ctx.Err())
	case <-c.done:
		select {
		case cmd := <-answer: // the answer came, then the connection ended
			return cmd, nil
		default:
			return nil, c.Err()
		}
	}
}

// Oneway sends a request that is not answered. It does not wait: nil means that the request
// is on its way, not that it arrived.
func (c *Client) Oneway(code wire.Code, h wire.Header, body []byte) error {
	_, err := c.enqueue(context.Background(), code, wire.FlagOneway, h, body, nil)
	return err
}

// Respond answers a request of the server, from OnRequest or, with a clone of req, later.
func (c *Client) Respond(req *wire.Command, status wire.Status, remark string, h wire.Header, body []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if len(c.out) > c.o.MaxPendingBytes {
		return fmt.Errorf("answer %s: %w", c.addr, ErrBacklog)
	}
	c.out = wire.AppendResponse(c.out, req, status, remark, h, body)
	c.wakeWriter()
	return nil
}

// Close ends the connection and waits for its goroutines; waiting calls fail with ErrClosed.
// It must not be called from OnRequest.
func (c *Client) Close() error {
	c.fail(ErrClosed)
	c.wg.Wait()
	return nil
}

// fail ends the connection with its cause; only the first cause counts.
func (c *Client) fail(cause error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = fmt.Errorf("%s: %w", c.addr, cause)
	clear(c.pending)
	c.out = nil
	close(c.done)
	c.mu.Unlock()
	_ = c.conn.Close() // the connection is over; its own error would hide the cause
}

// forget drops a call whose caller has gone; a late answer is then dropped as unmatched.
func (c *Client) forget(opaque int32) {
	c.mu.Lock()
	delete(c.pending, opaque)
	c.mu.Unlock()
}
