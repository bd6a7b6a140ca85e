package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/bench/load"
	"ringmq/bench/usage"
	"ringmq/internal/wire"
)

// IdleOptions of a run of connections that do nothing.
type IdleOptions struct {
	Broker   string
	Conns    int
	Hold     time.Duration // how long they stay
	PID      int           // the broker's process; 0 leaves its memory out
	Register bool          // each says once who it is, as a producer's heartbeat does
	Progress func(Progress)
}

// IdleReport is what the connections cost.
type IdleReport struct {
	Conns         int     `json:"connections"`
	Lost          int     `json:"lost"` // closed by the broker while they were held
	ConnectMillis float64 `json:"connectMillis"`
	PerSecond     float64 `json:"connectsPerSecond"`
	BeforeMiB     float64 `json:"anonymousBeforeMiB"`
	AfterMiB      float64 `json:"anonymousAfterMiB"`
	RSSMiB        float64 `json:"rssMiB"`
	KiBPerConn    float64 `json:"kibPerConnection"` // of the broker's anonymous memory
	CPUs          float64 `json:"cpus"`             // of the broker while they idle
	Threads       int     `json:"threads"`
}

// dialers is how many connections are made at once.
const dialers = 32

// Idle makes connections, holds them, and reports what they cost the broker.
func Idle(ctx context.Context, o IdleOptions) (*IdleReport, error) {
	var before, after, end usage.Usage
	var err error
	read := func(u *usage.Usage) {
		if o.PID != 0 && err == nil {
			*u, err = usage.Read(o.PID)
		}
	}
	read(&before)
	begin := time.Now()
	conns, dialErr := dialAll(ctx, &o)
	defer func() {
		for _, c := range conns {
			_ = c.SetLinger(0) // reset, so that their ports are free for who measures next; it fails on a closed one only
			_ = c.Close()      // they carried nothing
		}
	}()
	if dialErr != nil {
		return nil, fmt.Errorf("bench: broker %w", dialErr)
	}
	took := time.Since(begin)
	rep := &IdleReport{Conns: o.Conns, ConnectMillis: float64(took.Microseconds()) / 1e3, PerSecond: float64(o.Conns) / took.Seconds()}
	read(&after)
	if err := hold(ctx, &o); err != nil {
		return nil, err
	}
	read(&end)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	rep.Lost = lost(conns)
	rep.BeforeMiB, rep.AfterMiB = float64(before.AnonBytes)/(1<<20), float64(end.AnonBytes)/(1<<20)
	rep.RSSMiB, rep.Threads = float64(end.RSSBytes)/(1<<20), end.Threads
	rep.KiBPerConn = float64(end.AnonBytes-before.AnonBytes) / 1024 / float64(o.Conns)
	rep.CPUs = (end.CPU - after.CPU).Seconds() / max(o.Hold.Seconds(), 1e-9)
	return rep, nil
}

// dialAll makes the connections; on an error it returns those made.
func dialAll(ctx context.Context, o *IdleOptions) ([]*net.TCPConn, error) {
	conns := make([]*net.TCPConn, o.Conns)
	var wg sync.WaitGroup
	errs := make(chan error, dialers)
	for d := range dialers {
		wg.Go(func() {
			for i := d; i < o.Conns; i += dialers {
				c, err := load.Dial(ctx, o.Broker, i)
				if err == nil {
					conns[i] = c
					err = register(o, c, i)
				}
				if err != nil {
					errs <- err
					return
				}
				if o.Progress != nil && i%1000 == 0 {
					o.Progress(Progress{Phase: "connecting", Done: uint64(i)})
				}
			}
		})
	}
	wg.Wait()
	close(errs)
	made := conns[:0]
	for _, c := range conns {
		if c != nil {
			made = append(made, c)
		}
	}
	return made, <-errs // the first; the others say the same
}

// register says who the i-th connection is. The answer stays in the socket.
func register(o *IdleOptions, c *net.TCPConn, i int) error {
	if !o.Register {
		return nil
	}
	body := fmt.Appendf(nil, `{"clientID":"bench@%d","consumerDataSet":[],"producerDataSet":[{"groupName":"ringmq_bench"}]}`, i)
	_, err := c.Write(wire.AppendRequest(nil, wire.JSON, wire.CodeHeartBeat, 1, 0, nil, body))
	return err
}

// hold waits until the connections have idled long enough.
func hold(ctx context.Context, o *IdleOptions) error {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	for begin := time.Now(); ; {
		elapsed := time.Since(begin)
		if elapsed >= o.Hold {
			return nil
		}
		if o.Progress != nil {
			o.Progress(Progress{Phase: "idle", Elapsed: elapsed, Total: o.Hold, Done: uint64(o.Conns)})
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// lost counts the connections that the broker has closed.
func lost(conns []*net.TCPConn) int {
	var n atomic.Int64
	var wg sync.WaitGroup
	for d := range dialers {
		wg.Go(func() {
			for i := d; i < len(conns); i += dialers {
				if isClosed(conns[i]) {
					n.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return int(n.Load())
}

// isClosed reads what has come, at most the answer to a heartbeat.
func isClosed(c *net.TCPConn) bool {
	var b [512]byte
	_ = c.SetReadDeadline(time.Now().Add(50 * time.Microsecond)) // fails on a closed connection only
	for {
		_, err := c.Read(b[:])
		if err == nil {
			continue
		}
		var timeout net.Error
		return !errors.As(err, &timeout) || !timeout.Timeout()
	}
}
