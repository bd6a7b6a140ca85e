package admin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"ringmq/internal/client"
	"ringmq/internal/clock"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

// MasterID is the broker id of a master.
const MasterID = 0

// Options of a [Cluster].
type Options struct {
	Namesrvs []string // host:port each, at least one
	Clock    clock.Clock
	// Timeout bounds each request, connecting included; default 5 s.
	Timeout time.Duration
}

// Cluster is the way to the servers of one cluster. Its methods may be called from any goroutine.
type Cluster struct {
	namesrvs []string
	clock    clock.Clock
	timeout  time.Duration
	pool     *client.Pool
	ids      uniqueIDs
}

// Open makes a Cluster; nothing is dialled before it is asked.
func Open(o Options) *Cluster {
	if o.Timeout == 0 {
		o.Timeout = 5 * time.Second
	}
	return &Cluster{
		namesrvs: o.Namesrvs,
		clock:    o.Clock,
		timeout:  o.Timeout,
		pool:     client.NewPool(0, client.Options{DialTimeout: o.Timeout}),
		ids:      uniqueIDs{process: uint32(o.Clock.Now().UnixNano())},
	}
}

// Close closes the connections.
func (c *Cluster) Close() error { return c.pool.Close() }

// ask sends a request to a server. body is encoded and the answer's body decoded into
// result, both unless nil. An answer that is not success is an error that holds a
// [*client.StatusError].
func (c *Cluster) ask(ctx context.Context, addr string, code wire.Code, h wire.Header, body, result any) (*wire.Command, error) {
	var data []byte
	if body != nil {
		var err error
		if data, err = fastjson.Marshal(body); err != nil {
			return nil, err
		}
	}
	answer, err := c.exchange(ctx, addr, code, h, data)
	if err != nil {
		return nil, err
	}
	if err := client.Failure(answer); err != nil {
		return answer, fmt.Errorf("%s: %w", addr, err)
	}
	if result == nil {
		return answer, nil
	}
	if err := fastjson.Unmarshal(answer.Body, result); err != nil {
		return answer, fmt.Errorf("%s: answer to %v: %w", addr, code, err)
	}
	return answer, nil
}

// exchange sends a request as it is and returns the answer, whatever its status.
func (c *Cluster) exchange(ctx context.Context, addr string, code wire.Code, h wire.Header, body []byte) (*wire.Command, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return c.pool.Call(ctx, addr, code, h, body)
}

// StatusOf is the status of the answer that err tells of; ok is false if it is another error.
func StatusOf(err error) (status wire.Status, ok bool) {
	var e *client.StatusError
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.Status, true
}
