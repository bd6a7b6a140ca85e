package register

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"ringmq/internal/clock"
	"ringmq/internal/wire"
)

const (
	// retryAfter is the pause before a name server that did not answer is tried again.
	retryAfter = time.Second
	// firstPeriod is the wait for the second registration, as in Java.
	firstPeriod = 10 * time.Second
	// The bounds of registerNameServerPeriod.
	minPeriod, maxPeriod = 10 * time.Second, 60 * time.Second
	// leaveTimeout bounds the unregistration.
	leaveTimeout = 3 * time.Second
)

// Conn is a connection to a name server. Values must be comparable.
type Conn interface {
	Call(ctx context.Context, code wire.Code, h wire.Header, body []byte) (*wire.Command, error)
	Close() error
}

// Identity is who registers.
type Identity struct {
	Cluster, Broker string // brokerClusterName, brokerName
	Addr            string // where clients connect to
	HAAddr          string // where slaves connect to
	BrokerID        int64  // 0 is the master
}

// Settings are the options that may change while the broker runs.
type Settings struct {
	Perm       int32         // brokerPermission: unless it is 6, all topics are registered with it
	Timeout    time.Duration // registerBrokerTimeoutMills
	Force      bool          // forceRegister: register every period without asking first (322)
	Compressed bool          // compressedRegister
}

// Options of a Registrar.
type Options struct {
	Servers  []string // addresses of the name servers
	Identity Identity
	Period   time.Duration // registerNameServerPeriod
	Settings func() Settings
	// Topics returns the broker's topics that changed after a version counter, −1 for all.
	Topics func(since int64) *wire.TopicConfigSerializeWrapper
	// Ordered takes the name server's table of order topics.
	Ordered func(topics map[string]string)
	// Dial returns a living connection to a name server, the same one as long as it lives.
	Dial  func(ctx context.Context, addr string) (Conn, error)
	Clock clock.Clock
	Log   *slog.Logger
}

// Registrar registers a broker. Its methods may be called from any goroutine.
type Registrar struct {
	o       Options // set before use
	servers []*server
	stop    context.CancelFunc // set by Start
	running sync.WaitGroup
}

// Servers splits a list of addresses as namesrvAddr has it: "a:9876;b:9876".
func Servers(list string) (addrs []string) {
	for addr := range strings.SplitSeq(list, ";") {
		if addr = strings.TrimSpace(addr); addr != "" {
			addrs = append(addrs, addr)
		}
	}
	return addrs
}

// New makes a registrar that does nothing yet.
func New(o Options) *Registrar {
	o.Period = min(max(o.Period, minPeriod), maxPeriod)
	r := &Registrar{o: o}
	for i, addr := range o.Servers {
		r.servers = append(r.servers, &server{r: r, index: i, addr: addr, wake: make(chan struct{}, 1), tried: make(chan struct{})})
	}
	return r
}

// Start begins to register with all name servers, at once, and goes on until Stop.
func (r *Registrar) Start() {
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	for _, s := range r.servers {
		r.running.Go(func() { s.run(ctx) })
	}
}

// Tried returns when every name server was tried once, or ctx ends. A broker that has waited can be found as soon
// as it says that it is ready.
func (r *Registrar) Tried(ctx context.Context) {
	for _, s := range r.servers {
		select {
		case <-s.tried:
		case <-ctx.Done():
			return
		}
	}
}

// Announce registers topics that are new or have changed, soon.
func (r *Registrar) Announce() {
	for _, s := range r.servers {
		s.poke(false)
	}
}

// Refresh registers all topics anew, soon: what applies to all of them has changed.
func (r *Registrar) Refresh() {
	for _, s := range r.servers {
		s.poke(true)
	}
}

// Registered counts the name servers that know the broker, and all of them.
func (r *Registrar) Registered() (known, all int) {
	for _, s := range r.servers {
		if s.isRegistered() {
			known++
		}
	}
	return known, len(r.servers)
}

// Stop ends registering and takes leave of the name servers that know the broker (104), all
// at once and in at most three seconds. The others are not waited for.
func (r *Registrar) Stop(ctx context.Context) {
	if r.stop == nil {
		return
	}
	r.stop()
	r.running.Wait()
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	var leaving sync.WaitGroup
	for _, s := range r.servers {
		if s.isRegistered() {
			leaving.Go(func() { s.leave(ctx) })
		}
	}
	leaving.Wait()
}

// first tells whether no name server before the one at index is registered.
func (r *Registrar) first(index int) bool {
	for _, s := range r.servers[:index] {
		if s.isRegistered() {
			return false
		}
	}
	return true
}

// refusal is a name server's answer other than success.
func refusal(addr string, answer *wire.Command) error {
	return fmt.Errorf("name server %s answered %s: %s", addr, wire.Status(answer.Code), answer.Remark)
}
