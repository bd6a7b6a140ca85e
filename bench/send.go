package bench

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/wire"
)

// SendOptions of a send run.
type SendOptions struct {
	Broker    string // host:port of the broker's main port
	Topic     string // must exist, or be created by the broker on first use
	Queues    int    // queue ids 0 … Queues-1 are used in turn, one per connection
	Conns     int
	Window    int // requests in flight per connection
	BodyBytes int
	Batch     int // messages per request; ≤ 1 sends single messages
	Tags      string
	Serialize wire.Serialize
	Warmup    time.Duration
	Duration  time.Duration
	PID       int // the broker's process; 0 leaves its usage out
	Progress  func(elapsed time.Duration, perSecond float64)
}

// SendReport is what a send run has measured, after its warm-up.
type SendReport struct {
	Seconds          float64 `json:"seconds"`
	Messages         uint64  `json:"messages"`
	PerSecond        float64 `json:"messagesPerSecond"`
	MBPerSecond      float64 `json:"bodyMBPerSecond"`
	Refused          uint64  `json:"refused"`
	P50Millis        float64 `json:"p50Millis"`
	P99Millis        float64 `json:"p99Millis"`
	P999Millis       float64 `json:"p999Millis"`
	MaxMillis        float64 `json:"maxMillis"`
	ToolCPUMicros    float64 `json:"toolCPUMicrosPerMessage"`
	BrokerCPUMicros  float64 `json:"brokerCPUMicrosPerMessage,omitempty"`
	BrokerRSSMiB     float64 `json:"brokerRSSMiB,omitempty"`
	BrokerAnonMiB    float64 `json:"brokerAnonMiB,omitempty"`
	SwitchesPerThous float64 `json:"brokerContextSwitchesPerThousand,omitempty"`
	FirstRefusal     string  `json:"firstRefusal,omitempty"`
}

// sendRun is the state that the connections of a run share.
type sendRun struct {
	o         *SendOptions
	measuring atomic.Bool
	stop      atomic.Bool
	done      atomic.Uint64 // answered messages while measuring
	refused   atomic.Uint64
	refusal   atomic.Pointer[string]
}

// sendConn is one connection of a run; owned by its goroutine.
type sendConn struct {
	run     *sendRun
	conn    net.Conn
	slots   []slot
	prefix  [12]byte
	count   uint64
	out     []byte
	in      []byte
	dec     wire.Decoder
	cmd     wire.Command
	latency Histogram
}

// Send runs the load and reports. It fails when a connection fails, not when requests are refused.
func Send(ctx context.Context, o SendOptions) (*SendReport, error) {
	r := &sendRun{o: &o}
	conns := make([]*sendConn, o.Conns)
	for i := range conns {
		c, err := r.dial(ctx, i)
		if err != nil {
			return nil, err
		}
		defer c.conn.Close()
		conns[i] = c
	}
	var wg sync.WaitGroup
	errs := make(chan error, len(conns))
	for _, c := range conns {
		wg.Go(func() {
			if err := c.drive(); err != nil {
				r.stop.Store(true)
				errs <- err
			}
		})
	}
	report, err := r.measure(ctx)
	r.stop.Store(true)
	wg.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	if err != nil {
		return nil, err
	}
	var all Histogram
	for _, c := range conns {
		all.Merge(&c.latency)
	}
	report.latency(&all)
	return report, nil
}

func (r *sendRun) dial(ctx context.Context, i int) (*sendConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", r.o.Broker)
	if err != nil {
		return nil, fmt.Errorf("bench: broker %s: %w", r.o.Broker, err)
	}
	c := &sendConn{run: r, conn: conn, in: make([]byte, 0, 64<<10)}
	binary.BigEndian.PutUint64(c.prefix[:], rand.Uint64())
	for k := range r.o.Window {
		s, err := newSlot(r.o, k, int32(i%max(r.o.Queues, 1)), time.Now())
		if err != nil {
			return nil, err
		}
		c.slots = append(c.slots, s)
	}
	return c, nil
}

// measure waits for the warm-up, then for the run, and reports the difference.
func (r *sendRun) measure(ctx context.Context) (*SendReport, error) {
	if err := r.wait(ctx, r.o.Warmup); err != nil {
		return nil, err
	}
	before, err := readBoth(r.o.PID)
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	r.done.Store(0)
	r.measuring.Store(true)
	if err := r.wait(ctx, r.o.Duration); err != nil {
		return nil, err
	}
	r.measuring.Store(false)
	seconds := time.Since(begin).Seconds()
	after, err := readBoth(r.o.PID)
	if err != nil {
		return nil, err
	}
	n := r.done.Load()
	rep := &SendReport{Seconds: seconds, Messages: n, PerSecond: float64(n) / seconds, Refused: r.refused.Load()}
	rep.MBPerSecond = rep.PerSecond * float64(r.o.BodyBytes) / 1e6
	rep.usage(before, after, n)
	if p := r.refusal.Load(); p != nil {
		rep.FirstRefusal = *p
	}
	return rep, nil
}

// wait reports progress every second until d is over or the run has failed.
func (r *sendRun) wait(ctx context.Context, d time.Duration) error {
	begin, last, lastAt := time.Now(), r.done.Load(), time.Now()
	tick := time.NewTicker(min(max(d, time.Millisecond), 200*time.Millisecond))
	defer tick.Stop()
	for time.Since(begin) < d && !r.stop.Load() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case now := <-tick.C:
			if since := now.Sub(lastAt); since >= time.Second && r.o.Progress != nil {
				n := r.done.Load()
				r.o.Progress(now.Sub(begin), float64(n-last)/since.Seconds())
				last, lastAt = n, now
			}
		}
	}
	return nil
}

// drive keeps the window full until the run stops.
func (c *sendConn) drive() error {
	for i := range c.slots {
		c.queue(i)
	}
	for {
		if err := c.flush(); err != nil {
			return err
		}
		if c.run.stop.Load() {
			return nil
		}
		if err := c.receive(); err != nil {
			if c.run.stop.Load() {
				return nil
			}
			return err
		}
	}
}

func (c *sendConn) queue(i int) {
	c.count++
	s := &c.slots[i]
	s.stamp(&c.prefix, c.count)
	s.sent = time.Now()
	c.out = append(c.out, s.frame...)
}

func (c *sendConn) flush() error {
	_, err := c.conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// receive reads once and queues a new request for every answer in what came.
func (c *sendConn) receive() error {
	n, err := c.conn.Read(c.in[len(c.in):cap(c.in)])
	if err != nil {
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("bench: broker %s closed the connection", c.run.o.Broker)
		}
		return err
	}
	c.in = c.in[:len(c.in)+n]
	now := time.Now()
	rest := c.in
	for len(rest) >= 4 {
		size := int(binary.BigEndian.Uint32(rest))
		if size > cap(c.in)-4 {
			return fmt.Errorf("bench: broker %s sent an answer of %d bytes", c.run.o.Broker, size)
		}
		if len(rest) < 4+size {
			break
		}
		if err := c.answer(rest[4:4+size], now); err != nil {
			return err
		}
		rest = rest[4+size:]
	}
	c.in = c.in[:copy(c.in, rest)]
	return nil
}

func (c *sendConn) answer(frame []byte, now time.Time) error {
	if err := c.dec.Decode(frame, &c.cmd); err != nil {
		return err
	}
	i := int(c.cmd.Opaque) - opaqueBase
	if i < 0 || i >= len(c.slots) {
		return fmt.Errorf("bench: answer to a request that was not sent: opaque %d", c.cmd.Opaque)
	}
	r := c.run
	switch {
	case wire.Status(c.cmd.Code) != wire.StatusSuccess:
		r.refused.Add(1)
		if r.refusal.Load() == nil {
			text := fmt.Sprintf("code %d: %s", c.cmd.Code, c.cmd.Remark)
			r.refusal.CompareAndSwap(nil, &text)
		}
	case r.measuring.Load():
		r.done.Add(uint64(max(r.o.Batch, 1)))
		c.latency.Add(now.Sub(c.slots[i].sent))
	default:
		r.done.Add(uint64(max(r.o.Batch, 1)))
	}
	c.queue(i)
	return nil
}
