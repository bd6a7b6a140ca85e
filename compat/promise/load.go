package promise

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"

	"ringmq/compat/raw"
)

// QueuesPerTopic is how many queues of a topic a [Load] uses.
const QueuesPerTopic = 4

const (
	connections = 4
	inFlight    = 8 // requests of a connection under way at once
)

// Load is a running set of producers. Each sends, waits for the answer and sends again until its
// connection breaks: a load ends with the broker.
type Load struct {
	// First is closed with the first acknowledgement.
	First   chan struct{}
	isFirst sync.Once
	wg      sync.WaitGroup

	mu       sync.Mutex
	receipts []Receipt // under mu
	doubted  bool      // under mu: what is acknowledged is no promise
	refused  int       // under mu
	refusal  error     // under mu: the last one
	wrong    error     // under mu: an acknowledgement that makes no sense
}

// errWrongAnswer marks an acknowledgement that makes no sense.
var errWrongAnswer = errors.New("wrong acknowledgement")

// Start begins to send to topics of a broker. Rounds on one store have different numbers: they make ids unique over
// the life of the store.
func Start(ctx context.Context, addr string, round int, topics []string, seed uint64) *Load {
	l := &Load{First: make(chan struct{})}
	for number := range connections {
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			l.refuse(err)
			continue
		}
		var workers sync.WaitGroup
		for worker := range inFlight {
			p := &producer{
				load: l, conn: c, topics: topics, rng: rand.New(rand.NewPCG(seed, uint64(number*inFlight+worker))),
				// 0 is no id.
				next: uint64(round+1)<<40 | uint64(number*inFlight+worker)<<32,
			}
			workers.Go(func() { p.run(ctx) })
		}
		l.wg.Go(func() {
			workers.Wait()
			c.Close()
		})
	}
	return l
}

// Wait returns what was acknowledged and how many requests were refused, once every producer has stopped. An error
// is an acknowledgement that makes no sense.
func (l *Load) Wait() (receipts []Receipt, refused int, err error) {
	l.wg.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.receipts, l.refused, l.wrong
}

// LastRefusal returns the newest answer that was not an acknowledgement, or nil.
func (l *Load) LastRefusal() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refusal
}

func (l *Load) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refused++
	l.refusal = err
}

func (l *Load) accuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wrong = err
}

// Doubt says whether what is acknowledged from now on is no promise.
func (l *Load) Doubt(yes bool) {
	l.mu.Lock()
	l.doubted = yes
	l.mu.Unlock()
}

func (l *Load) acknowledge(receipts []Receipt) {
	l.mu.Lock()
	if !l.doubted {
		l.receipts = append(l.receipts, receipts...)
	}
	l.mu.Unlock()
	l.isFirst.Do(func() { close(l.First) })
}

// producer is one sender; it belongs to its goroutine.
type producer struct {
	load   *Load
	conn   *raw.Conn
	topics []string
	rng    *rand.Rand
	next   uint64
}

func (p *producer) run(ctx context.Context) {
	for {
		q := Queue{p.topics[p.rng.IntN(len(p.topics))], p.rng.Int32N(QueuesPerTopic)}
		count := 1
		if p.rng.IntN(20) == 0 {
			count = 1 + p.rng.IntN(20)
		}
		receipts, err := p.send(ctx, q, count)
		var refused *raw.CodeError
		switch {
		case err == nil:
			p.load.acknowledge(receipts)
		case errors.As(err, &refused):
			p.load.refuse(err) // busy, or the disk took too long: nothing promised
		case errors.Is(err, errWrongAnswer):
			p.load.accuse(err)
			return
		default:
			return // the broker is gone
		}
	}
}

// size draws the size of a body: mostly small, at times large enough to fill files fast.
func (p *producer) size() int {
	switch n := p.rng.IntN(200); {
	case n == 0:
		return 200_000
	case n < 10:
		return 20_000
	default:
		return minBody + p.rng.IntN(1500)
	}
}

func (p *producer) send(ctx context.Context, q Queue, count int) ([]Receipt, error) {
	var batch []raw.BatchMessage
	first := p.next + 1
	for range count {
		p.next++
		key := strconv.FormatUint(p.next, 16)
		size := p.size()
		if count > 1 {
			size = min(size, 20_000) // a request holds 4 MiB
		}
		batch = append(batch, raw.BatchMessage{Properties: raw.Properties("UNIQ_KEY", key, "KEYS", key, "TAGS", "promise"), Body: makeBody(p.next, size)})
	}
	var r raw.Receipt
	var err error
	if count == 1 {
		r, err = p.conn.Send(ctx, q.Topic, q.ID, batch[0].Properties, batch[0].Body)
	} else {
		r, err = p.conn.SendBatch(ctx, q.Topic, q.ID, batch)
	}
	if err != nil {
		return nil, err
	}
	if len(r.IDs) != count || r.Queue != q.ID {
		return nil, fmt.Errorf("%w: %d messages to %v answered with %d ids and queue %d", errWrongAnswer, count, q, len(r.IDs), r.Queue)
	}
	receipts := make([]Receipt, count)
	for i, id := range r.IDs {
		log, err := logOffset(id)
		if err != nil {
			return nil, err
		}
		receipts[i] = Receipt{Queue: q, Offset: r.QueueOffset + int64(i), Log: log, ID: first + uint64(i)}
	}
	return receipts, nil
}

// logOffset returns the commit log offset in an offset message id: its last 16 hexadecimal digits.
func logOffset(id string) (int64, error) {
	const digits = 16
	if _, err := hex.DecodeString(id); err != nil || len(id) < digits {
		return 0, fmt.Errorf("%w: message id %q", errWrongAnswer, id)
	}
	return strconv.ParseInt(id[len(id)-digits:], 16, 64)
}
