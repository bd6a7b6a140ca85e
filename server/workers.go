package server

import (
	"runtime/debug"
	"sync"

	"ringmq/internal/transport"
	"ringmq/internal/wire"
)

// Bounds of the worker pool: what may block (files, other processes, cold pages) runs there.
const (
	maxWorkers     = 32     // goroutines; adminBrokerThreadPoolNums is 16 and queryMessageThreadPoolNums 8+cpu in Java
	maxWorkerQueue = 10_000 // jobs waiting; beyond it requests are refused with SYSTEM_BUSY
	// maxWorkerShare is how many of the jobs waiting may be one connection's, so that one that floods does not
	// keep the others out.
	maxWorkerShare = 2_000
)

// workers runs jobs that may block, on goroutines started as needed and ended when idle.
type workers struct {
	mu      sync.Mutex
	queue   []job          // under mu
	shares  map[uint64]int // jobs in queue by connection; under mu
	running int            // under mu
	closed  bool           // under mu
	done    sync.WaitGroup
}

// job is work for one connection.
type job struct {
	conn uint64
	run  func()
}

// run hands a job of a connection to the pool; false means that the pool or the connection's share of it is full,
// or that the pool is closed.
func (w *workers) run(c *transport.Conn, run func()) bool { return w.put(job{c.ID(), run}) }

func (w *workers) put(j job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.queue) >= maxWorkerQueue || w.shares[j.conn] >= maxWorkerShare {
		return false
	}
	if w.shares == nil {
		w.shares = make(map[uint64]int)
	}
	w.queue = append(w.queue, j)
	w.shares[j.conn]++
	if w.running < maxWorkers {
		w.running++
		w.done.Add(1)
		go w.work()
	}
	return true
}

func (w *workers) work() {
	defer w.done.Done()
	for {
		w.mu.Lock()
		if len(w.queue) == 0 {
			w.running--
			w.mu.Unlock()
			return
		}
		j := w.queue[0]
		w.queue[0] = job{}
		w.queue = w.queue[1:]
		if w.shares[j.conn]--; w.shares[j.conn] == 0 {
			delete(w.shares, j.conn)
		}
		w.mu.Unlock()
		j.run()
	}
}

// close refuses new jobs and waits for those accepted.
func (w *workers) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	w.done.Wait()
}

// guarded runs an admin handler and turns a panic into RocketMQ's answer to an uncaught
// exception (code 1), so that one bad request does not end the broker. The hot paths do without: they
// hold the log's locks, and a broker whose log is in doubt has to stop.
func (b *Broker) guarded(fn handler, x *exchange) {
	defer func() {
		if p := recover(); p != nil {
			b.log.Error("request handler failed", "code", x.cmd.Code, "panic", p, "stack", string(debug.Stack()))
			x.fail(wire.StatusSystemError, "internal error, see the broker's log: %v", p)
		}
	}()
	fn(b, x)
}
