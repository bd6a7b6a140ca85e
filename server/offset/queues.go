package offset

import (
	"iter"
	"maps"
	"math"
	"sync"
	"sync/atomic"
)

// pageSize is how many queues share a page: most topics have 4 to 16.
const pageSize = 16

// unset marks a queue without number. A client that commits it takes the number back.
const unset = math.MinInt64

// page holds the numbers of pageSize consecutive queues.
type page [pageSize]atomic.Int64

// queues holds the numbers of one topic@group.
type queues struct {
	topic, group string // both empty when the key, read from a file, is no topic@group

	mu    sync.Mutex                      // held while a page is added
	pages atomic.Pointer[map[int32]*page] // by queueId/pageSize; replaced, never changed
	total *atomic.Int64                   // pages of the whole table; set before use
}

func newQueues(topic, group string, total *atomic.Int64) *queues {
	q := &queues{topic: topic, group: group, total: total}
	q.pages.Store(&map[int32]*page{})
	return q
}

// offset returns the number of a queue, or unset.
func (q *queues) offset(queueID int32) int64 {
	p := (*q.pages.Load())[queueID/pageSize]
	if p == nil {
		return unset
	}
	return p[queueID%pageSize].Load()
}

// store sets the number of a queue, unless that would take a page and the table has most already; 0 ≤ queueID.
func (q *queues) store(queueID int32, offset int64, most int64) bool {
	p := (*q.pages.Load())[queueID/pageSize]
	if p == nil {
		if q.total.Load() >= most {
			return false
		}
		p = q.addPage(queueID / pageSize)
	}
	p[queueID%pageSize].Store(offset)
	return true
}

// forget gives the pages back to the table; the queues are not in it any more.
func (q *queues) forget() { q.total.Add(-int64(len(*q.pages.Load()))) }

func (q *queues) addPage(index int32) *page {
	q.mu.Lock()
	defer q.mu.Unlock()
	old := *q.pages.Load()
	if p := old[index]; p != nil {
		return p
	}
	p := new(page)
	for i := range p {
		p[i].Store(unset)
	}
	next := maps.Clone(old)
	next[index] = p
	q.total.Add(1)
	q.pages.Store(&next)
	return p
}

// numbers walks over the queues that have a number, in no order.
func (q *queues) numbers() iter.Seq2[int32, int64] {
	return func(yield func(int32, int64) bool) {
		for index, p := range *q.pages.Load() {
			for i := range p {
				if n := p[i].Load(); n != unset && !yield(index*pageSize+int32(i), n) {
					return
				}
			}
		}
	}
}
