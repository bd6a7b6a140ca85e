package namesrv

import "sync"

const (
	laneCount = 4
	// laneJobs and laneBytes bound what waits on one lane: requests, and their bodies.
	laneJobs  = 16 << 10
	laneBytes = 64 << 20
	// laneShare bounds what waits of one key, so that one connection that floods does not
	// keep the others out.
	laneShare = 64
)

// lanes run jobs that may block. Jobs put with the same key run one after the other, in order.
type lanes struct {
	all  [laneCount]lane
	done sync.WaitGroup
}

// lane is one goroutine and its queue.
type lane struct {
	mu     sync.Mutex
	more   sync.Cond // of mu: queue or closed has changed
	queue  []laneJob
	bytes  int            // sum over queue
	shares map[uint64]int // jobs in queue by key
	closed bool
}

type laneJob struct {
	key   uint64
	run   func()
	bytes int
}

func (l *lanes) start() {
	for i := range l.all {
		lane := &l.all[i]
		lane.more.L = &lane.mu
		lane.shares = make(map[uint64]int)
		l.done.Go(lane.work)
	}
}

// put queues a job that keeps so many bytes; false if the lane is full, the key's share of it is, or it is closed.
func (l *lanes) put(key uint64, bytes int, run func()) bool {
	return l.all[key%laneCount].put(laneJob{key, run, bytes}, false)
}

// putAlways queues a job even on a full lane; on a closed one nothing happens.
func (l *lanes) putAlways(key uint64, run func()) {
	l.all[key%laneCount].put(laneJob{key: key, run: run}, true)
}

// close refuses new jobs and waits for those accepted.
func (l *lanes) close() {
	for i := range l.all {
		lane := &l.all[i]
		lane.mu.Lock()
		lane.closed = true
		lane.mu.Unlock()
		lane.more.Signal()
	}
	l.done.Wait()
}

func (l *lane) put(j laneJob, always bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	full := len(l.queue) >= laneJobs || l.shares[j.key] >= laneShare || len(l.queue) > 0 && l.bytes+j.bytes > laneBytes
	if l.closed || full && !always {
		return false
	}
	l.queue = append(l.queue, j)
	l.bytes += j.bytes
	l.shares[j.key]++
	l.more.Signal()
	return true
}

func (l *lane) work() {
	for {
		l.mu.Lock()
		for len(l.queue) == 0 && !l.closed {
			l.more.Wait()
		}
		if len(l.queue) == 0 {
			l.mu.Unlock()
			return
		}
		j := l.queue[0]
		l.queue[0] = laneJob{}
		l.queue = l.queue[1:]
		l.bytes -= j.bytes
		if l.shares[j.key]--; l.shares[j.key] == 0 {
			delete(l.shares, j.key)
		}
		l.mu.Unlock()
		j.run()
	}
}
