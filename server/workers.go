package server

import (
	"cmp"
	"runtime/debug"
	"sync"

	"ringmq/internal/wire"
)

// Bounds of the worker pool: what may block (files, other processes, cold pages) runs there.
const (
	maxWorkers     = 32     // goroutines; adminBrokerThreadPoolNums is 16 and queryMessageThreadPoolNums 8+cpu in Java
	maxWorkerQueue = 10_000 // jobs waiting; beyond it requests are refused with SYSTEM_BUSY
	// maxWorkerShare is how many of the jobs waiting may be one connection's, so that one that floods does not
	// keep the others out.
	maxWorkerShare = 2_000
	// The same for the bytes of the requests that wait.
	maxWorkerBytes      = 128 << 20
	maxWorkerShareBytes = 32 << 20
)

// workers runs jobs that may block, on goroutines started as needed and ended when idle.
type workers struct {
	// most is how many goroutines there may be, 0 for maxWorkers; set before use.
	most    int
	mu      sync.Mutex
	queue   []job            // under mu
	shares  map[uint64]share // what of queue is whose, by connection; under mu
	bytes   int              // of all jobs in queue; under mu
	running int              // under mu
	closed  bool             // under mu
	done    sync.WaitGroup
}

// job is work for one connection.
type job struct {
	conn  uint64
	bytes int // of the request it keeps
	run   func()
}

// share is what waits of one connection.
type share struct{ jobs, bytes int }

// run hands a request, which must be a copy, to the pool; false means that the pool or the connection's share of it is
// full, or that the pool is closed.
func (w *workers) run(x *exchange, run func()) bool {
	return w.put(job{x.conn.ID(), len(x.cmd.Body), run})
}

func (w *workers) put(j job) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	mine := w.shares[j.conn]
	switch {
	case w.closed, len(w.queue) >= maxWorkerQueue, mine.jobs >= maxWorkerShare:
		return false
	case w.bytes+j.bytes > maxWorkerBytes, mine.bytes+j.bytes > maxWorkerShareBytes:
		return false
	}
	if w.shares == nil {
		w.shares = make(map[uint64]share)
	}
	w.queue = append(w.queue, j)
	w.shares[j.conn] = share{mine.jobs + 1, mine.bytes + j.bytes}
	w.bytes += j.bytes
	if w.running < cmp.Or(w.most, maxWorkers) {
		w.running++
		w.done.Add(1)
		go w.work()
	}
	return true
}

// waiting is the number of jobs that no worker has begun.
func (w *workers) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue)
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
		w.bytes -= j.bytes
		if left := w.shares[j.conn]; left.jobs > 1 {
			w.shares[j.conn] = share{left.jobs - 1, left.bytes - j.bytes}
		} else {
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
