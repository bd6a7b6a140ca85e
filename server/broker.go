// Package server is the broker: it turns remoting requests into calls on the message
// store and on the state machines in the folders below it, and their results into answers.
//
//	request ── port ── routes ──┬─ inline handler ──┬─ engine.Append … EndTurn: Commit, answers
//	                            │                   └─ topic, group, offset, clients, lock, stats
//	                            └─ worker handler ───── files, other brokers, cold pages
//
// The folders (topic, group, offset, clients, filter, hold, delay, timer, txn, lock, lag, stats, register; below them names
// and configfile) know no network and own their state; this package owns none but the turn's scratch memory. Requests of
// one loop's turn are appended one by one and committed together when the turn ends.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync/atomic"
	"time"

	"ringmq/engine"
	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/message"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/server/delay"
	"ringmq/server/hold"
	"ringmq/server/timer"
	"ringmq/server/txn"
)

// firstRegistration is how long Start waits for the name servers, so that clients find the broker once it says it is
// ready. Without them it serves all the same.
const firstRegistration = 500 * time.Millisecond

// Options of a broker.
type Options struct {
	Config    *config.BrokerFile
	Transport *transport.Transport
	Clock     clock.Clock
	Log       *slog.Logger
}

// Broker serves one store on two ports.
type Broker struct {
	cfg       *config.BrokerFile
	transport *transport.Transport
	clock     clock.Clock
	log       *slog.Logger

	store   *engine.Store
	state   // topics, groups, offsets, clients, locks, statistics, registration: state.go
	hold    hold.Table
	delays  *delay.Service
	timers  *timer.Service
	txns    *txn.Service
	workers workers

	// Set in New.
	clusterProperty []byte // CLUSTER=…, which every stored message gets

	// sendExt is what every answer to a send carries; request 25 replaces it.
	sendExt atomic.Pointer[wire.SendMessageRefusal]

	// storeHost is brokerIP1 and the main port: part of every record and message id. Set in Start.
	storeHost netip.AddrPort
	idPrefix  message.IDPrefix // of storeHost
	main, vip *transport.Listener
	// accepting is false before Start has finished and after Close has begun.
	accepting atomic.Bool
	stopTasks context.CancelFunc
}

// port is the handler of one listener; the fast ("VIP") port serves everything but pulls.
type port struct {
	*Broker
	fast bool
}

// turnState is what a turn keeps between Serve and EndTurn: scratch memory, reused.
// It belongs to the loop or connection goroutine of its turn.
type turnState struct {
	x      exchange
	send   sendState
	pull   pullState
	offset offsetState
	late   lateness
}

// stateOf is a turn's.
func stateOf(t *transport.Turn) *turnState {
	st, _ := t.State.(*turnState)
	if st == nil {
		st = new(turnState)
		t.State = st
	}
	return st
}

// Serve implements [transport.Handler].
func (p *port) Serve(t *transport.Turn, c *transport.Conn, cmd *wire.Command) {
	b := p.Broker
	if !b.accepting.Load() {
		return // not started yet or about to close: the client tries again elsewhere or later
	}
	st := stateOf(t)
	var r route
	var limit queueOfCode
	if cmd.Code >= 0 && cmd.Code < maxCode {
		r, limit = routes[cmd.Code], limits[cmd.Code]
	}
	x := &st.x
	*x = exchange{turn: t, conn: c, cmd: cmd, state: st, nowMillis: t.NowMillis}
	switch {
	case r.fn == nil || p.fast && wire.Code(cmd.Code) == wire.CodePullMessage:
		x.fail(wire.StatusRequestCodeNotSupported, " request type %d not supported", cmd.Code)
	case limit != noQueue && b.overloaded(x, limit):
	case r.lane == inline:
		r.fn(b, x)
	case r.lane == guardedInline:
		b.guarded(r.fn, x)
	default:
		b.onWorker(x, r.fn)
	}
}

// EndTurn implements [transport.Handler]: what the turn appended is committed and answered.
func (p *port) EndTurn(t *transport.Turn) {
	st, _ := t.State.(*turnState)
	if st == nil {
		return
	}
	p.commitOwed(t, &st.send)
	p.resumePulls(t, st)
}

// Closed implements [transport.Handler].
func (p *port) Closed(c *transport.Conn) { p.connClosed(c) }

// New opens the store and loads the broker's state; nothing listens yet.
func New(o Options) (*Broker, error) {
	b := &Broker{cfg: o.Config, transport: o.Transport, clock: o.Clock, log: o.Log}
	b.clusterProperty = message.Properties(nil).Append("CLUSTER", o.Config.Broker.BrokerClusterName)
	b.markSends(o.Config)
	options, err := b.storeOptions()
	if err != nil {
		return nil, err
	}
	if b.storeIP, err = config.ResolveIP(o.Config.Broker.BrokerIP1); err != nil {
		return nil, err
	}
	if err := b.loadFilters(); err != nil {
		return nil, err
	}
	if b.cfg.Broker.EnableCalcFilterBitMap && options.ConsumeQueueExt {
		options.FilterBits = b.filters.Bits
	}
	store, err := engine.Open(options)
	if err != nil {
		return nil, err
	}
	b.store = store
	if err := b.loadState(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	b.restoreState()
	b.hold.View = store.View
	store.OnArrival(b.onArrival)
	store.OnCommitted(func() { b.resumePulls(nil, nil) })
	if b.txns, err = b.openTransactions(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	if err := b.openWaiting(); err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return b, nil
}

// Start listens on the main and the fast port, registers with the name servers and starts the timers.
func (b *Broker) Start(ctx context.Context) error {
	var err error
	listenPort := b.cfg.Server.ListenPort
	if b.main, err = b.listen(listenPort, false); err != nil {
		return err
	}
	if b.vip, err = b.listen(listenPort-2, true); err != nil {
		return errors.Join(err, b.main.Close())
	}
	b.storeHost = b.hostOf(b.main)
	b.idPrefix = message.NewIDPrefix(b.storeHost)
	b.accepting.Store(true)
	tasks, stop := context.WithCancel(context.WithoutCancel(ctx))
	b.stopTasks = stop
	b.startState(tasks)
	b.every(tasks, time.Second, time.Second, func(now time.Time) {
		b.hold.Scan(clock.Millis(now))
		b.resumePulls(nil, nil)
	})
	b.startWaiting(tasks)
	check := time.Duration(b.cfg.Broker.TransactionCheckInterval) * time.Millisecond
	b.every(tasks, check, check, func(time.Time) { b.txns.Check(tasks) })
	tried, cancel := context.WithTimeout(ctx, firstRegistration)
	defer cancel()
	b.registrar.Load().Tried(tried)
	return nil
}

func (b *Broker) listen(number int, fast bool) (*transport.Listener, error) {
	l, err := b.transport.Listen(b.cfg.Server.ListenAddr(number), &port{b, fast})
	switch {
	case err != nil && fast:
		return nil, fmt.Errorf("broker, fast port (listenPort-2): %w", err)
	case err != nil:
		return nil, fmt.Errorf("broker: %w", err)
	}
	return l, nil
}

// Addr is the address of the main port.
func (b *Broker) Addr() netip.AddrPort { return b.main.Addr() }

// Close stops serving, leaves the name servers, and closes the store cleanly. What was
// acknowledged is on its way to the device when it returns.
func (b *Broker) Close(ctx context.Context) error {
	b.accepting.Store(false)
	var errs []error
	if b.stopTasks != nil {
		b.stopTasks()
	}
	for _, l := range []*transport.Listener{b.main, b.vip} {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	errs = append(errs, b.stopState(ctx))
	b.workers.close()
	errs = append(errs, b.closeWaiting())
	errs = append(errs, b.store.Close())
	return errors.Join(errs...)
}
