package namesrv

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/transport"
	"ringmq/internal/wire"
	"ringmq/namesrv/kv"
	"ringmq/namesrv/route"
)

// When the name server looks after itself (NamesrvController).
const (
	firstScan   = 5 * time.Second
	scanPeriod  = 10 * time.Second
	firstPrint  = time.Minute
	printPeriod = 10 * time.Minute
)

// Options of a name server.
type Options struct {
	Config    *config.NamesrvFile
	Transport *transport.Transport
	Clock     clock.Clock
	Log       *slog.Logger
	// ProductAddrs are the name servers of the product environment, asked for topics that are
	// unknown here. Only with the option clusterTest.
	ProductAddrs []string
}

// Server is a name server.
type Server struct {
	transport *transport.Transport
	clock     clock.Clock
	log       *slog.Logger
	table     *route.Table
	kv        *kv.Store
	product   *product // nil without clusterTest
	lanes     lanes

	config   atomic.Pointer[config.NamesrvFile] // replaced, never changed
	configMu sync.Mutex                         // held over a change of config and its file

	listener *transport.Listener // set in Start
	// accepting is false before Start has finished and after Close has begun.
	accepting atomic.Bool
	stopTasks context.CancelFunc // set in Start
	tasks     sync.WaitGroup
}

// New reads the KV configuration; nothing listens yet.
func New(o Options) (*Server, error) {
	store, err := kv.Open(o.Config.Namesrv.KvConfigPath)
	if err != nil {
		return nil, err
	}
	s := &Server{
		transport: o.Transport,
		clock:     o.Clock,
		log:       o.Log,
		table:     route.New(o.Clock, route.DefaultLimits),
		kv:        store,
	}
	s.config.Store(o.Config)
	if conf := &o.Config.Namesrv; conf.ClusterTest {
		s.product = newProduct(o.ProductAddrs)
		if len(o.ProductAddrs) == 0 {
			s.log.Warn("clusterTest is on, but no name server of the product environment is known: set NAMESRV_ADDR",
				"productEnvName", conf.ProductEnvName)
		}
	}
	return s, nil
}

// Start listens on the configured port and starts the timers. The error names the address.
func (s *Server) Start(ctx context.Context) error {
	conf := &s.config.Load().Server
	l, err := s.transport.Listen(conf.ListenAddr(conf.ListenPort), s)
	if err != nil {
		return fmt.Errorf("name server: %w", err)
	}
	s.listener = l
	s.lanes.start()
	s.accepting.Store(true)
	tasks, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stopTasks = stop
	s.tasks.Go(func() {
		clock.Every(tasks, s.clock, firstScan, scanPeriod, func(time.Time) { s.expire() })
	})
	s.tasks.Go(func() {
		clock.Every(tasks, s.clock, firstPrint, printPeriod, func(time.Time) { s.print() })
	})
	return nil
}

// Addr is the address it listens on.
func (s *Server) Addr() netip.AddrPort { return s.listener.Addr() }

// Close stops listening and finishes what was accepted. The transport stays open: it is the
// caller's.
func (s *Server) Close(context.Context) error {
	s.accepting.Store(false)
	var errs []error
	if s.listener != nil {
		errs = append(errs, s.listener.Close())
		s.stopTasks()
		s.tasks.Wait()
		s.lanes.close()
	}
	if s.product != nil {
		errs = append(errs, s.product.close())
	}
	return errors.Join(errs...)
}

// Serve implements [transport.Handler].
func (s *Server) Serve(t *transport.Turn, c *transport.Conn, cmd *wire.Command) {
	if !s.accepting.Load() {
		return // not started yet or about to close: the client tries another name server
	}
	h, ok := handlerOf(cmd.Code)
	if !ok {
		return // as DefaultRequestProcessor does: the client times out
	}
	buf := t.Buf(c)
	if s.inline(h) {
		*buf = s.answer(*buf, h, &request{cmd, c})
		return
	}
	if wire.Code(cmd.Code) == wire.CodeRegisterBroker {
		c.SetUser(registrar{})
	}
	clone := cmd.Clone()
	queued := s.lanes.put(c.ID(), len(clone.Body), func() {
		c.Send(s.answer(nil, h, &request{clone, c}))
	})
	if !queued {
		*buf = failed(wire.StatusSystemBusy, "[OVERLOAD]system busy, start flow control for a while").append(*buf, cmd)
	}
}

// registrar marks a connection over which a broker has registered.
type registrar struct{}

// EndTurn implements [transport.Handler]; every answer is complete by then.
func (s *Server) EndTurn(*transport.Turn) {}

// Closed implements [transport.Handler]: brokers that registered over the connection are gone.
func (s *Server) Closed(c *transport.Conn) {
	if _, ok := c.User().(registrar); !ok {
		return
	}
	s.lanes.putAlways(c.ID(), func() {
		for _, addr := range s.table.Gone(c) {
			s.log.Info("broker removed: its connection closed", "addr", addr)
		}
	})
}

// expire removes the brokers that have been silent too long and closes their connections.
func (s *Server) expire() {
	for _, e := range s.table.Expire() {
		s.log.Warn("broker removed: it has not registered in time", "addr", e.Addr, "limit", route.ExpireAfter)
		if e.Link != nil {
			e.Link.Close()
		}
	}
}

// print logs the KV configuration and the tables.
func (s *Server) print() {
	for _, line := range s.kv.Lines() {
		s.log.Info("kv " + line)
	}
	for _, line := range s.table.Lines() {
		s.log.Info("route " + line)
	}
}
