package transport

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/ring"
	"ringmq/internal/wire"
)

// Handler serves the requests of one or more listeners. It must be comparable, as pointers are.
//
// Serve and EndTurn run on the loop that owns the connection (ring) or on the connection's
// reader goroutine (net), so they must not block: what may block is cloned and handed to a
// goroutine of the handler's own, which answers with [Conn.Send]. Several loops or
// goroutines call one Handler concurrently, each with a [Turn] of its own.
type Handler interface {
	// Serve takes one request. cmd and everything it aliases is valid until Serve returns.
	Serve(t *Turn, c *Conn, cmd *wire.Command)
	// EndTurn is called once after the last Serve of a turn, before the turn's answers leave:
	// the place to write what the turn has appended, and to answer it.
	EndTurn(t *Turn)
	// Closed is called once per accepted connection after it is gone. It must not block.
	Closed(c *Conn)
}

// Gather is a response body that lies elsewhere (pages of the commit log) and is sent from there.
type Gather interface {
	// Buffers lists the pieces in order. They stay readable until Release.
	Buffers() [][]byte
	// Release is called exactly once: when the kernel has taken every byte, or the connection is gone.
	Release()
}

// Options of a Transport. The zero value of a field means its default.
type Options struct {
	// RingIO is auto (ring if the kernel allows it), on (fail without ring) or off (net).
	RingIO string
	// Loops is the number of ring loops; default one per two cores, at least one.
	Loops int
	// IdleTimeout closes a connection without reads and writes; default 120 s (serverChannelMaxIdleTimeSeconds).
	IdleTimeout time.Duration
	// MaxFrameBytes is the largest frame length accepted; default 16 MiB (com.rocketmq.remoting.frameMaxLength).
	MaxFrameBytes int
	// MaxPendingBytes bounds the answers queued on one connection: above it the connection
	// is not read any more, above four times that it is closed. Default 64 MiB.
	MaxPendingBytes int
	// MaxPendingTotal bounds the memory of answers queued on all connections, without what a Gather holds: above it a
	// connection is read only while it has less than 32 KiB queued. Default 32 MiB.
	MaxPendingTotal int
	// MaxConns bounds the accepted connections; default 1,000,000.
	MaxConns int
	// Clock drives idle timeouts and Turn.NowMillis; default the system's.
	Clock clock.Clock
	// Log gets what an operator should know; default none.
	Log *slog.Logger
}

const (
	// closeFactor times MaxPendingBytes is where Send gives a connection up.
	closeFactor = 4
	// fairBytes may be pending on any connection, however much is pending on all together.
	fairBytes = 32 << 10
	// lingerTimeout is how long a closing connection may take to send what is queued.
	lingerTimeout = 3 * time.Second
	// sweepPeriod is how often idle connections are looked for.
	sweepPeriod = time.Second
)

func (o Options) withDefaults() (Options, error) {
	if o.RingIO == "" {
		o.RingIO = "auto"
	}
	if o.RingIO != "auto" && o.RingIO != "on" && o.RingIO != "off" {
		return o, fmt.Errorf("ringIO is %q; it must be auto, on or off", o.RingIO)
	}
	orDefault(&o.Loops, max(1, runtime.NumCPU()/2))
	orDefault(&o.IdleTimeout, 120*time.Second)
	orDefault(&o.MaxFrameBytes, wire.MaxFrame)
	orDefault(&o.MaxPendingBytes, 64<<20)
	orDefault(&o.MaxPendingTotal, 32<<20)
	orDefault(&o.MaxConns, 1_000_000)
	if o.Clock == nil {
		o.Clock = clock.Real{}
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o, nil
}

func orDefault[T int | time.Duration](v *T, def T) {
	if *v <= 0 {
		*v = def
	}
}

// Transport is a set of listeners and their connections, served by ring loops or, where the
// kernel does not allow these, by goroutines.
type Transport struct {
	// Set before start.
	opts  Options
	path  string
	why   string
	loops []*loop

	ids    atomic.Uint64 // the last Conn.ID given out
	queued atomic.Int64  // bytes in memory that wait to leave, of all connections
	desks  deskStack     // of the net path

	stopSweep context.CancelFunc
	swept     chan struct{} // closed when the sweeper is gone

	mu        sync.Mutex
	closed    bool
	listeners map[*Listener]struct{}
	conns     map[*netConn]struct{} // of the net path
	accepted  int                   // connections that are not gone, on both paths
	refusing  int64                 // ms when a line last said that connections are refused
	empty     chan struct{}         // closed when closed is set and accepted is 0
}

// New starts the loops. It fails on options that make no sense, and with RingIO "on" where
// there is no ring.
func New(o Options) (*Transport, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	tr := &Transport{
		opts:      o,
		listeners: make(map[*Listener]struct{}),
		conns:     make(map[*netConn]struct{}),
		empty:     make(chan struct{}),
		swept:     make(chan struct{}),
	}
	if err := tr.startLoops(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	tr.stopSweep = stop
	go func() {
		defer close(tr.swept)
		clock.Every(ctx, o.Clock, sweepPeriod, sweepPeriod, func(time.Time) { tr.sweep() })
	}()
	return tr, nil
}

// startLoops decides on the path and starts the loops of the ring path.
func (tr *Transport) startLoops() error {
	tr.path, tr.why = "net", "ringIO=off"
	if tr.opts.RingIO == "off" {
		return nil
	}
	err := ring.Probe()
	for range tr.opts.Loops {
		var l *loop
		if err == nil {
			l, err = startLoop(tr)
		}
		if err != nil {
			break
		}
		tr.loops = append(tr.loops, l)
	}
	if err == nil {
		tr.path, tr.why = "io_uring", fmt.Sprintf("ringIO=%s, %d loops", tr.opts.RingIO, len(tr.loops))
		return nil
	}
	for _, l := range tr.loops {
		l.stop()
	}
	tr.loops = nil
	if tr.opts.RingIO == "on" {
		return fmt.Errorf("ringIO=on: %w; ringIO=auto would serve without io_uring", err)
	}
	tr.why = err.Error()
	return nil
}

// Path tells which path serves, "io_uring" or "net", and why.
func (tr *Transport) Path() (path, why string) { return tr.path, tr.why }

// now is the wall clock in ms.
func (tr *Transport) now() int64 { return tr.opts.Clock.Now().UnixMilli() }

// bound is the number of pending bytes above which a connection is not read.
func (tr *Transport) bound() int64 {
	if tr.queued.Load() > int64(tr.opts.MaxPendingTotal) {
		return min(fairBytes, int64(tr.opts.MaxPendingBytes))
	}
	return int64(tr.opts.MaxPendingBytes)
}

// Close stops accepting, lets what is queued leave and closes the connections: at once when
// ctx ends. It returns when every Handler.Closed has run and nothing of the transport runs.
func (tr *Transport) Close(ctx context.Context) error {
	tr.mu.Lock()
	if tr.closed {
		tr.mu.Unlock()
		return nil
	}
	tr.closed = true
	if tr.accepted == 0 {
		close(tr.empty)
	}
	listeners := tr.listeners
	tr.listeners = nil
	tr.mu.Unlock()
	for l := range listeners {
		l.stop()
	}
	tr.forConns((*Conn).Close)
	var err error
	select {
	case <-tr.empty:
	case <-ctx.Done():
		err = ctx.Err()
		tr.forConns((*Conn).abandon)
		<-tr.empty
	}
	tr.stopSweep()
	<-tr.swept
	for _, l := range tr.loops {
		l.stop()
	}
	return err
}

// forConns calls fn for each connection, on the ring path a little later.
func (tr *Transport) forConns(fn func(*Conn)) {
	for _, l := range tr.loops {
		l.do(func(l *loop) { l.forConns(func(c *ringConn) { fn(&c.Conn) }) })
	}
	tr.mu.Lock()
	conns := slices.Collect(maps.Keys(tr.conns))
	tr.mu.Unlock()
	for _, c := range conns {
		fn(&c.Conn)
	}
}

// sweep closes the connections that were idle or closing for too long.
func (tr *Transport) sweep() {
	now := tr.now()
	for _, l := range tr.loops {
		l.do(func(l *loop) { l.sweep(now) })
	}
	tr.mu.Lock()
	conns := slices.Collect(maps.Keys(tr.conns))
	tr.mu.Unlock()
	for _, c := range conns {
		c.sweep(now)
	}
}

// admit counts a new connection, unless there are too many.
func (tr *Transport) admit() bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.closed {
		return false
	}
	if tr.accepted >= tr.opts.MaxConns {
		tr.tellRefusal()
		return false
	}
	tr.accepted++
	return true
}

// refusalPeriod is the shortest time in ms between two lines that say that connections are refused.
const refusalPeriod = 10_000

// tellRefusal says now and then that there are as many connections as there may be. Under mu.
func (tr *Transport) tellRefusal() {
	now := tr.now()
	if tr.refusing == 0 || now-tr.refusing >= refusalPeriod {
		tr.refusing = now
		tr.opts.Log.Warn("connections are refused: there are as many as there may be (maxConnections, and what ulimit -n leaves)", "connections", tr.accepted)
	}
}

// release takes back admit.
func (tr *Transport) release() {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.accepted--
	if tr.closed && tr.accepted == 0 {
		close(tr.empty)
	}
}
