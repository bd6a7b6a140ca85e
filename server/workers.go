package server

import (
	"runtime/debug"
	"sync"

	"ringmq/internal/wire"
)

// Bounds of the worker pool: what may block (files, other processes, cold pages) runs there.
const (
	maxWorkers     = 32     // goroutines; adminBrokerThreadPoolNums is 16 and queryMessageThreadPoolNums 8+cpu in Java
	maxWorkerQueue = 10_000 // jobs waiting; beyond it requests are refused with SYSTEM_BUSY
)

// workers runs jobs that may block, on goroutines started as needed and ended when idle.
type workers struct {
	mu      sync.Mutex
	queue   []func() // under mu
	running int      // under mu
	closed  bool     // under mu
	done    sync.WaitGroup
}

// run hands a job to the pool; false means that the pool is full or closed.
func (w *workers) run(job func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.queue) >= maxWorkerQueue {
		return false
	}
	w.queue = append(w.queue, job)
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
		job := w.queue[0]
		w.queue[0] = nil
		w.queue = w.queue[1:]
		w.mu.Unlock()
		job()
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
