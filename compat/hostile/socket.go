package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ringmq/compat/raw"
)

// counter counts bytes from several goroutines.
type counter struct{ n atomic.Int64 }

func (c *counter) add(n int)  { c.n.Add(int64(n)) }
func (c *counter) get() int64 { return c.n.Load() }
func (c *counter) reset()     { c.n.Store(0) }

// end is how a server dealt with bytes on a connection of their own.
type end int

const (
	closed end = iota
	answered
	silent
)

func (e end) String() string { return [...]string{"closed", "answered", "silent"}[e] }

// silence is how long a server may take before it counts as silent.
const silence = 4 * time.Second

// socket connects without any protocol.
func socket(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, 5*time.Second) }

// poke writes bytes on a new connection and says what came of it.
func (s *suite) poke(addr string, data []byte) (end, raw.Reply, error) {
	c, err := socket(addr)
	if err != nil {
		return closed, raw.Reply{}, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(silence)); err != nil {
		return closed, raw.Reply{}, err
	}
	n, err := c.Write(data)
	s.sent.add(n)
	if err != nil && !gone(err) {
		return closed, raw.Reply{}, err
	}
	reply, err := raw.ReadFrame(c)
	switch {
	case err == nil:
		return answered, reply, nil
	case gone(err):
		return closed, raw.Reply{}, nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return silent, raw.Reply{}, nil
	default:
		return closed, raw.Reply{}, err
	}
}

// gone tells whether an error says that the other side has closed the connection.
func gone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// poke is one attack of a table: bytes, and the ends that are fair.
type poke struct {
	name string
	data []byte
	fair []end
}

// pokeAll tries every row on a server, side by side, and reports each that did not end fairly. An answer has to be an error.
func (s *suite) pokeAll(addr string, rows []poke) error {
	var wg sync.WaitGroup
	errs := make([]error, len(rows))
	for i, row := range rows {
		wg.Go(func() { errs[i] = s.pokeOne(addr, row) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *suite) pokeOne(addr string, row poke) error {
	got, reply, err := s.poke(addr, row.data)
	if err != nil {
		return fmt.Errorf("%s: %w", row.name, err)
	}
	for _, fair := range row.fair {
		if got != fair {
			continue
		}
		if got == answered && reply.Code == raw.Success {
			return fmt.Errorf("%s: answered with success", row.name)
		}
		return nil
	}
	if got == answered {
		return fmt.Errorf("%s: answered with code %d %q, want %v", row.name, reply.Code, reply.Remark, row.fair)
	}
	return fmt.Errorf("%s: connection %v, want %v", row.name, got, row.fair)
}

// both runs an attack against the name server and the broker.
func both(run func(context.Context, *suite, string) error) func(context.Context, *suite) error {
	return func(ctx context.Context, s *suite) error {
		if err := run(ctx, s, s.namesrv.Addr); err != nil {
			return fmt.Errorf("name server: %w", err)
		}
		if err := run(ctx, s, s.broker.Addr); err != nil {
			return fmt.Errorf("broker: %w", err)
		}
		return nil
	}
}
