// Package exchange hands one store from the Java peer to the program under test and back, twice.
//
// Core idea: a store is compatible if neither program can tell who wrote it. Before a program stops, all
// that it answers about the store is written down (a snapshot); the next one has to give the same
// answers, byte for byte, and to go on from there.
//
//	phase 1    Java    writes ─► snapshot ─► stop or kill -9 under load
//	phase 2    target  opens  ─► same snapshot ─► writes more ─► snapshot ─► stop or kill -9 under load
//	phase 3    Java    …
//	phase 4    target  …
//
// With Java as the target, the checker itself is checked.
package exchange

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ringmq/compat/promise"
	"ringmq/compat/raw"
	"ringmq/compat/target"
	"ringmq/compat/verdict"
)

// Options say what is exchanged.
type Options struct {
	// Java and Target take turns, on the ports of Java.
	Java, Target *target.Target
	// Store is the directory that they share; it is empty at first.
	Store string
	// Name begins every line of the report.
	Name string
	// Small makes all files small, so that the store has many; otherwise they have RocketMQ's sizes.
	Small bool
	// Kill ends each program by kill -9 and not by SIGTERM. Both come while producers are at work.
	Kill  bool
	Seed  uint64
	Board *verdict.Board
}

// phases is how often the store changes hands, the first writing included.
const phases = 4

// exchange is one run; it belongs to the goroutine of [Run].
type exchange struct {
	Options
	port   int
	rng    *rand.Rand
	ledger *promise.Ledger
	// want is what the last program answered before it stopped; nil before the first.
	want *snapshot
	// last names that program.
	last target.Kind
	// more are options of both programs, and beside is called when the snapshot was compared, before more is written; may be nil.
	more   target.Options
	beside func(ctx context.Context, c *raw.Conn, phase int) error
}

func newExchange(o Options) *exchange {
	return &exchange{Options: o, rng: rand.New(rand.NewPCG(o.Seed, 2)), ledger: promise.NewLedger()}
}

// loadTopic takes what producers send when a program is stopped.
const loadTopic = "ex_load"

// Run plays all phases and puts a line on the board for each. It ends with the first that fails: what would
// come after it has no ground.
func Run(ctx context.Context, o Options) {
	e := newExchange(o)
	e.play(func(by *target.Target, last target.Kind) string {
		if last == "" {
			return fmt.Sprintf("%s writes", by.Kind)
		}
		return fmt.Sprintf("%s opens what %s wrote, goes on", by.Kind, last)
	}, func(by *target.Target, phase int) error { return e.phase(ctx, by, phase) })
}

// play gives the store to Java and to the target in turn, up to the phase that fails. title says what a program does with what
// the last one, "" before the first, has left.
func (e *exchange) play(title func(by *target.Target, last target.Kind) string, phase func(by *target.Target, phase int) error) {
	var err error
	if e.port, err = e.Java.Ports.Take(); err != nil {
		e.Board.Result(e.Name, err)
		return
	}
	for i := range phases {
		by := e.Java
		if i%2 == 1 {
			by = e.Target
		}
		name := fmt.Sprintf("%s (%d of %d): %s", e.Name, i+1, phases, title(by, e.last))
		if !e.Board.Check(name, func() error { return phase(by, i) }) {
			return
		}
		e.last = by.Kind
	}
}

func (e *exchange) storeOptions() target.Options {
	o := target.Options{"flushConsumerOffsetInterval": "1000", "enableLmq": "true", "enableMultiDispatch": "true"}
	if e.Small {
		o = o.With(target.Options{
			"mappedFileSizeCommitLog":    fmt.Sprint(2 << 20),
			"mappedFileSizeConsumeQueue": fmt.Sprint(20 * 200),
			"maxHashSlotNum":             "500",
			"maxIndexNum":                "1000",
			// Entries with units in ext files: addresses where the tags codes would be.
			"enableConsumeQueueExt":         "true",
			"enableCalcFilterBitMap":        "true",
			"enablePropertyFilter":          "true",
			"mappedFileSizeConsumeQueueExt": "8192",
		})
	}
	return o.With(e.more)
}

func (e *exchange) phase(ctx context.Context, by *target.Target, phase int) error {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	broker, err := by.Broker(ctx, e.Store, "", e.port, e.storeOptions())
	if err != nil {
		return err
	}
	defer broker.Kill()
	c, err := raw.Dial(ctx, broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := e.opened(ctx, c, phase); err != nil {
		return withOutput(err, broker)
	}
	if e.beside != nil {
		if err := e.beside(ctx, c, phase); err != nil {
			return withOutput(err, broker)
		}
	}
	if err := fill(ctx, c, phase); err != nil {
		return withOutput(fmt.Errorf("write more: %w", err), broker)
	}
	now, err := take(ctx, c)
	if err != nil {
		return withOutput(fmt.Errorf("read what was written: %w", err), broker)
	}
	if e.want != nil {
		if err := e.want.isPrefixOf(now); err != nil {
			return withOutput(fmt.Errorf("after writing more: %w", err), broker)
		}
	}
	e.want = now
	return e.stop(ctx, broker, c, phase)
}

func withOutput(err error, broker *target.Server) error {
	return fmt.Errorf("%w; output of the broker: %s", err, broker.Tail())
}

// opened checks that a program finds what the one before it left.
func (e *exchange) opened(ctx context.Context, c *raw.Conn, phase int) error {
	if phase == 0 {
		return nil
	}
	found, err := take(ctx, c)
	if err != nil {
		return err
	}
	if e.Kill {
		// The index file in use is lost with a killed Java broker (IndexService drops what its checkpoint does not cover).
		found.byKey, e.want.byKey = nil, nil
	}
	if err := e.want.equals(found); err != nil {
		return err
	}
	for id := range int32(promise.QueuesPerTopic) {
		if _, err := e.ledger.Verify(ctx, c, promise.Queue{Topic: loadTopic, ID: id}); err != nil {
			return fmt.Errorf("sent while the other program was stopped: %w", err)
		}
	}
	return nil
}

// stop ends the program while producers are at work and books what was acknowledged.
func (e *exchange) stop(ctx context.Context, broker *target.Server, c *raw.Conn, phase int) error {
	if err := c.CreateTopic(ctx, loadTopic, promise.QueuesPerTopic); err != nil {
		return err
	}
	if e.Kill {
		if err := e.awaitOffsetsOnDisk(ctx); err != nil {
			return err
		}
	}
	load := promise.Start(ctx, broker.Addr, phase, []string{loadTopic}, e.rng.Uint64())
	select {
	case <-load.First:
	case <-ctx.Done():
		return fmt.Errorf("nothing acknowledged: %w", ctx.Err())
	}
	select {
	case <-time.After(time.Duration(e.rng.Int64N(int64(400 * time.Millisecond)))):
	case <-broker.Exited():
		return fmt.Errorf("the broker ended by itself: %w", broker.Wait())
	}
	var stopped error
	if e.Kill {
		broker.Kill()
	} else {
		stopped = broker.Stop()
	}
	receipts, _, err := load.Wait()
	for _, r := range receipts {
		err = errors.Join(err, e.ledger.Promise(r))
	}
	return errors.Join(stopped, err)
}
