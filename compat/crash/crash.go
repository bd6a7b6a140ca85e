// Package crash kills a broker under load, again and again on the same store, and checks what it
// promised.
//
// Core idea: each round adds promises to one ledger (package promise) on one store; after each kill -9 the
// restarted broker is asked for every message of every round.
//
//	round:  start ─► verify all history ─► load ─► kill -9 at a random moment
//	          ▲                                        │
//	          └── (every fourth time: kill -9 while starting) ◄┘
//
// A topic whose creation was acknowledged has to be known, too.
package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ringmq/compat/promise"
	"ringmq/compat/raw"
	"ringmq/compat/target"
)

// Options say how to torture.
type Options struct {
	Target *target.Target
	// Store is the directory that the rounds share; it is empty at first.
	Store  string
	Rounds int
	// Flush is the value of flushDiskType.
	Flush string
	// Seed makes the choices; two runs with one seed still differ in what the machine does in time.
	Seed uint64
}

// Report is what a run of all rounds looked at.
type Report struct {
	Rounds, Acknowledged, Refused, Found int
}

func (r Report) String() string {
	return fmt.Sprintf("%d kills, %d acknowledged, %d found", r.Rounds, r.Acknowledged, r.Found)
}

// storeOptions make files small, so that a run passes the ends of many.
func storeOptions(flush string) target.Options {
	return target.Options{
		"flushDiskType":              flush,
		"mappedFileSizeCommitLog":    fmt.Sprint(16 << 20),
		"mappedFileSizeConsumeQueue": fmt.Sprint(20 * 5000),
		"maxHashSlotNum":             "2000",
		"maxIndexNum":                "8000",
	}
}

// Run plays all rounds and a last verification. An error is a broken promise or a broker that does not start.
func Run(ctx context.Context, o Options) (Report, error) {
	t := &torture{Options: o, rng: rand.New(rand.NewPCG(o.Seed, 1)), ledger: promise.NewLedger()}
	port, err := o.Target.Ports.Take()
	if err != nil {
		return Report{}, err
	}
	t.port = port
	for round := range o.Rounds {
		if err := t.round(ctx, round); err != nil {
			return t.report, fmt.Errorf("round %d of %d, seed %d: %w", round+1, o.Rounds, o.Seed, err)
		}
	}
	broker, err := t.start(ctx)
	if err != nil {
		return t.report, fmt.Errorf("after round %d, seed %d: %w", o.Rounds, o.Seed, err)
	}
	defer broker.Kill()
	if err := t.verify(ctx, broker); err != nil {
		return t.report, fmt.Errorf("after round %d, seed %d: %w", o.Rounds, o.Seed, err)
	}
	return t.report, nil
}

// torture is the state of one run; it belongs to the goroutine of Run.
type torture struct {
	Options
	rng    *rand.Rand
	port   int
	ledger *promise.Ledger
	topics []string // every one acknowledged
	report Report
}

func (t *torture) start(ctx context.Context) (*target.Server, error) {
	return t.Target.Broker(ctx, t.Store, "", t.port, storeOptions(t.Flush))
}

func (t *torture) round(ctx context.Context, round int) error {
	if round%4 == 3 {
		if err := t.killWhileStarting(ctx); err != nil {
			return err
		}
	}
	broker, err := t.start(ctx)
	if err != nil {
		return err
	}
	defer broker.Kill()
	if err := t.verify(ctx, broker); err != nil {
		return err
	}
	if err := t.createTopic(ctx, broker, round); err != nil {
		return err
	}
	return t.loadAndKill(ctx, broker, round)
}

// killWhileStarting interrupts a recovery, which has to start over the next time.
func (t *torture) killWhileStarting(ctx context.Context) error {
	longest := 40 * time.Millisecond
	if t.Target.Kind == target.Java {
		longest = 2500 * time.Millisecond
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(t.rng.Int64N(int64(longest))))
	defer cancel()
	broker, err := t.start(ctx)
	if err == nil {
		broker.Kill()
		return nil
	}
	if ctx.Err() == nil {
		return err
	}
	return nil
}

func (t *torture) createTopic(ctx context.Context, broker *target.Server, round int) error {
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	topic := fmt.Sprintf("crash_%d", round)
	if err := c.CreateTopic(ctx, topic, promise.QueuesPerTopic); err != nil {
		return err
	}
	t.topics = append(t.topics, topic)
	return nil
}

// loadAndKill sends until a random moment, at which the broker dies, and books what was acknowledged.
func (t *torture) loadAndKill(ctx context.Context, broker *target.Server, round int) error {
	topics := t.topics[max(0, len(t.topics)-3):] // the newest, so that the oldest only have to stay
	l := promise.Start(ctx, broker.Addr, round, topics, t.rng.Uint64())
	select {
	case <-l.First:
	case <-time.After(20 * time.Second):
		broker.Kill()
		_, refused, err := l.Wait()
		return fmt.Errorf("nothing acknowledged in 20 s; %d refusals, the last: %v; wrong: %v", refused, l.LastRefusal(), err)
	}
	select {
	case <-time.After(50*time.Millisecond + time.Duration(t.rng.Int64N(int64(900*time.Millisecond)))):
	case <-broker.Exited():
		_, _, err := l.Wait()
		return errors.Join(fmt.Errorf("the broker ended by itself: %v; its output: %s", broker.Wait(), broker.Tail()), err)
	}
	broker.Kill()
	receipts, refused, err := l.Wait()
	if err != nil {
		return err
	}
	t.report.Rounds++
	t.report.Acknowledged += len(receipts)
	t.report.Refused += refused
	for _, r := range receipts {
		if err := t.ledger.Promise(r); err != nil {
			return err
		}
	}
	return nil
}

// verify compares everything that a restarted broker holds with what was promised.
func (t *torture) verify(ctx context.Context, broker *target.Server) error {
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	topics, err := c.Topics(ctx)
	if err != nil {
		return err
	}
	t.report.Found = 0
	for _, topic := range t.topics {
		if topics[topic].Read != promise.QueuesPerTopic {
			return fmt.Errorf("topic %s, whose creation was acknowledged, has %d queues, want %d", topic, topics[topic].Read, promise.QueuesPerTopic)
		}
		for id := range int32(promise.QueuesPerTopic) {
			found, err := t.ledger.Verify(ctx, c, promise.Queue{Topic: topic, ID: id})
			if err != nil {
				return err
			}
			t.report.Found += found
		}
	}
	return nil
}
