package load

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ringmq/internal/ring"
)

// Never is the time of work that is not due before something has come in.
const Never = time.Duration(math.MaxInt64)

// Flow decides what a connection sends and judges what it receives. Its methods are called by one goroutine at a
// time, and so are those of all flows of one worker together.
type Flow interface {
	// Pump puts what is to leave now into out, and tells when it is to be called if nothing comes in
	// before, or [Never]. It is called at the start, after each burst of frames, and at that time.
	Pump(now time.Duration, out *Out) (next time.Duration)
	// Frame takes one frame without its length word, valid until it returns, that came at now. An error ends the run.
	Frame(now time.Duration, frame []byte) error
}

// Options of a [Group]. The zero value of a field means its default.
type Options struct {
	// IO is ring, net, or auto: ring where the kernel allows it.
	IO string
	// Threads is the number of workers; default 1.
	Threads int
	// Poll is how long a ring worker that never had to wait longer the last time looks for answers before it sleeps.
	// Default 0: it sleeps at once.
	Poll time.Duration
	// Stamped has ring workers take what has arrived when a flow is due anyway: Frame is told when it arrived by the kernel's
	// clock. For open loops, whose answers nobody waits for: it halves how often the tool must wake.
	Stamped bool
	// Tick has flows whose time comes within it called together, at its end: what is due then shares a send on each connection. Default 0:
	// each at its time.
	Tick time.Duration
	// ReceiveBytes is the size of a receive buffer: as large as the usual answer, so that it need not be
	// put together. Default 32 KiB.
	ReceiveBytes int
	// MaxFrame is the longest frame accepted; default 64 MiB.
	MaxFrame int
}

func (o Options) withDefaults() Options {
	if o.IO == "" {
		o.IO = "auto"
	}
	o.Threads = max(o.Threads, 1)
	if o.ReceiveBytes == 0 {
		o.ReceiveBytes = 32 << 10
	}
	if o.MaxFrame == 0 {
		o.MaxFrame = 64 << 20
	}
	return o
}

// called is when a flow that asked for a time is called.
func (o *Options) called(at time.Duration) time.Duration {
	if o.Tick <= 0 || at == Never {
		return at
	}
	return (at + o.Tick - 1) / o.Tick * o.Tick
}

// worker is what differs between the paths.
type worker interface {
	// add gives the worker a connection, before start.
	add(conn *net.TCPConn, f Flow) error
	// start runs the worker until the group stops; wait returns when nothing of it runs any more.
	start()
	wait()
	// discard closes the connections of a worker that was not started.
	discard()
	// pollTime is how long it has looked for answers that were not there yet.
	pollTime() time.Duration
}

// Group is the connections of one run.
type Group struct {
	// Set by Open.
	o       Options
	addr    string
	path    string
	epoch   time.Time
	workers []worker

	conns    int // added so far; belongs to the caller of Add, as started does
	started  bool
	stopping atomic.Bool   // workers look at it at least every stopCheck
	stopped  chan struct{} // closed when stopping is set

	mu  sync.Mutex
	err error // under mu: why the run ended by itself
}

// stopCheck bounds how long a worker sleeps, and so how long a stop takes.
const stopCheck = 20 * time.Millisecond

// Open makes a group without connections. It fails on an unknown IO, or where that is not to be had.
func Open(addr string, o Options) (*Group, error) {
	g := &Group{o: o.withDefaults(), addr: addr, epoch: time.Now(), stopped: make(chan struct{})}
	switch g.o.IO {
	case "ring", "auto":
		g.path = "ring"
		if err := ring.Probe(); err != nil && g.o.IO == "ring" {
			return nil, fmt.Errorf("io ring: %w; io net works without", err)
		} else if err != nil {
			g.path = "net"
		}
	case "net":
		g.path = "net"
	default:
		return nil, fmt.Errorf("io is %q; it must be ring, net or auto", g.o.IO)
	}
	for range g.o.Threads {
		if g.path == "ring" {
			g.workers = append(g.workers, newRingWorker(g))
		} else {
			g.workers = append(g.workers, newNetWorker(g))
		}
	}
	return g, nil
}

// Path is the I/O path in use, ring or net.
func (g *Group) Path() string { return g.path }

// Now is the time since Open.
func (g *Group) Now() time.Duration { return time.Since(g.epoch) }

// PollTime is how long the workers have looked for answers that were not there yet ([Options.Poll]): processor time that
// nothing but a faster reaction came of.
func (g *Group) PollTime() (sum time.Duration) {
	for _, w := range g.workers {
		sum += w.pollTime()
	}
	return sum
}

// Worker is the number of the worker that serves the i-th flow added: those of one may share state.
func (g *Group) Worker(i int) int { return i % len(g.workers) }

// Add connects a flow, before Start.
func (g *Group) Add(ctx context.Context, f Flow) error {
	conn, err := Dial(ctx, g.addr, g.conns)
	if err != nil {
		return err
	}
	if err := g.workers[g.Worker(g.conns)].add(conn, f); err != nil {
		return errors.Join(err, conn.Close())
	}
	g.conns++
	return nil
}

// Start lets the flows begin.
func (g *Group) Start() {
	g.started = true
	for _, w := range g.workers {
		w.start()
	}
}

// Close closes the connections of a group that was never started; others are closed by Stop.
func (g *Group) Close() {
	if g.started {
		return
	}
	g.started = true
	for _, w := range g.workers {
		w.discard()
	}
}

// Done is closed when the run has ended: by Stop, or because a connection failed.
func (g *Group) Done() <-chan struct{} { return g.stopped }

// Stop ends the run, answers in flight are not waited for, and returns when nothing of it runs any
// more. The error is why the run ended before.
func (g *Group) Stop() error {
	g.end(nil)
	for _, w := range g.workers {
		w.wait()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// end stops all workers. Only the first cause counts.
func (g *Group) end(cause error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.stopping.Swap(true) {
		return
	}
	if cause != nil {
		g.err = fmt.Errorf("%s: %w", g.addr, cause)
	}
	close(g.stopped)
}

// errClosedByServer is why most runs fail.
var errClosedByServer = errors.New("the server closed the connection")

// portsPerAddress is how many connections to one server leave from one local address; Linux has 28,232 ports for
// them by default.
const portsPerAddress = 20_000

// Dial connects to addr. Connections to this machine beyond the ports of one address leave from the next one,
// 127.0.0.2 and so on; n is the number of those made before.
func Dial(ctx context.Context, addr string, n int) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: 10 * time.Second}
	if host, _, err := net.SplitHostPort(addr); err == nil && n >= portsPerAddress {
		if ip := net.ParseIP(host); ip != nil && ip.IsLoopback() && ip.To4() != nil {
			d.LocalAddr = &net.TCPAddr{IP: net.IPv4(127, 0, 0, byte(1+n/portsPerAddress))}
		}
	}
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("connection %d: %w%s", n+1, err, wayOut(err))
	}
	return conn.(*net.TCPConn), nil
}

// wayOut is what can be done about a connection that was not made.
func wayOut(err error) string {
	switch {
	case errors.Is(err, unix.ECONNREFUSED):
		return "; nobody listens there"
	case errors.Is(err, unix.EMFILE):
		return "; raise the limit of open files (ulimit -n), or take fewer connections"
	}
	return ""
}
