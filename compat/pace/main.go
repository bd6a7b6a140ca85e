// Command pace measures what waits, what is decided later, and what is chosen, beside the Java broker: the same load on
// one program after the other, each alone on an empty store.
//
//	go run ./compat/pace [-only delay,late,transactions,filter,share] [-programs java,ringmq] [-messages 100000] [-seconds 5]
//
//	delay         messages of one level, all due when the broker starts: from the first delivered to the last
//	late          one second's delay while the others wait: how late messages come, and how many within 50 ms
//	transactions  half message, answer, commit, over and over: messages committed a second
//	filter        one consumer pulls by an SQL92 expression that one message in a hundred matches: messages passed a second
//	share         1,000 consumers of one group and 1,000 queues: how long until each knows all the others
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ringmq/compat/raw"
	"ringmq/compat/target"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pace:", err)
		os.Exit(1)
	}
}

// lab is one measurement of one program.
type lab struct {
	servers  *target.Target
	store    string
	port     int
	messages int
	seconds  int
	passes   int
	members  int
	options  target.Options
}

// kinds are the measurements, by name, each with what it needs of a broker.
var kinds = []struct {
	name    string
	options target.Options
	unit    string
	measure func(*lab, context.Context) (rate float64, err error)
}{
	{"delay", target.Options{"messageDelayLevel": "20s"}, "messages/s", (*lab).delay},
	{"late", target.Options{"messageDelayLevel": "1s 1h"}, "% in 50 ms", (*lab).late},
	{"transactions", nil, "messages/s", (*lab).transactions},
	{"filter", target.Options{"enablePropertyFilter": "true"}, "messages/s", (*lab).filter},
	{"share", nil, "ms", (*lab).share},
}

func run(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("pace", flag.ExitOnError)
	only := f.String("only", "", "measurements, divided by commas")
	messages := f.Int("messages", 100_000, "how many messages wait; ten times as many are filtered")
	programs := f.String("programs", "java,ringmq", "what to measure, in this order")
	debug := f.String("debug-port", "0", "where ringmq serves its profiles")
	seconds := f.Int("seconds", 5, "how long transactions go on")
	members := f.Int("members", 1000, "how many consumers share as many queues")
	passes := f.Int("passes", 6, "how often all messages are filtered; the best counts, as the JVM warms up")
	binary := f.String("binary", "bin/ringmq", "the ringmq program")
	root := f.String("root", "compat", "folder of the suites")
	first := f.Int("port", 23400, "the first port to use")
	if err := f.Parse(args); err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "ringmq-pace-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	peer, err := filepath.Abs(filepath.Join(*root, "peer", "peer"))
	if err == nil {
		*binary, err = filepath.Abs(*binary)
	}
	if err != nil {
		return err
	}
	ports := target.NewPorts(*first, *first+99)
	for _, kind := range kinds {
		if *only != "" && !strings.Contains(","+*only+",", ","+kind.name+",") {
			continue
		}
		rates := map[target.Kind]float64{}
		for name := range strings.SplitSeq(*programs, ",") {
			program := target.Kind(name)
			l := &lab{
				servers: &target.Target{Kind: program, Binary: *binary, Peer: peer, IO: target.IOAuto, Dir: dir, Ports: ports},
				store:   filepath.Join(dir, kind.name+"-"+string(program)), messages: *messages, seconds: *seconds, passes: *passes, members: *members, options: kind.options,
			}
			if program == target.Ringmq {
				l.options = l.options.With(target.Options{"debugPort": *debug})
			}
			if l.port, err = ports.Take(); err != nil {
				return err
			}
			if rates[program], err = kind.measure(l, ctx); err != nil {
				return fmt.Errorf("%s, %s: %w", kind.name, program, err)
			}
			fmt.Printf("%-14s %-8s %10.0f %s\n", kind.name, program, rates[program], kind.unit)
		}
		if len(rates) == 2 {
			fmt.Printf("%-14s ringmq / java %.2f\n", kind.name, rates[target.Ringmq]/rates[target.Java])
		}
	}
	return nil
}

// with runs fn while a broker serves the store.
func (l *lab) with(ctx context.Context, fn func(addr string) error) error {
	broker, err := l.servers.Broker(ctx, l.store, "", l.port, l.options)
	if err != nil {
		return err
	}
	defer broker.Kill()
	if err := fn(broker.Addr); err != nil {
		return fmt.Errorf("%w; output of the broker: %s", err, broker.Tail())
	}
	return broker.Stop()
}

// The topic of all measurements.
const (
	paceTopic  = "pace"
	paceQueues = 8
)

// side runs fn on connections side by side, n times each, until one fails.
func side(ctx context.Context, addr string, conns, perConn int, fn func(ctx context.Context, c *raw.Conn, worker int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range conns {
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		for k := range perConn {
			wg.Go(func() {
				if err := fn(ctx, c, i*perConn+k); err != nil {
					cancel(err)
				}
			})
		}
	}
	wg.Wait()
	return context.Cause(ctx)
}

// parallel runs fn n times side by side, until one fails.
func parallel(ctx context.Context, n int, fn func(ctx context.Context, worker int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if err := fn(ctx, i); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// ends sums the ends of the topic's queues.
func ends(ctx context.Context, c *raw.Conn) (sum int64, err error) {
	for id := range int32(paceQueues) {
		n, err := c.Offset(ctx, raw.CodeMaxOffset, paceTopic, id)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func (l *lab) delay(ctx context.Context) (rate float64, err error) {
	var last time.Time
	err = l.with(ctx, func(addr string) error {
		if err := l.createTopic(ctx, addr); err != nil {
			return err
		}
		var sent atomic.Int64
		err := side(ctx, addr, 4, 32, func(ctx context.Context, c *raw.Conn, worker int) error {
			for {
				n := sent.Add(1)
				if n > int64(l.messages) {
					return nil
				}
				props := raw.Properties("UNIQ_KEY", fmt.Sprintf("%032d", n), "DELAY", "1")
				if _, err := c.Send(ctx, paceTopic, int32(n%paceQueues), props, make([]byte, 128)); err != nil {
					return err
				}
			}
		})
		last = time.Now()
		return err
	})
	if err != nil {
		return 0, err
	}
	select {
	case <-time.After(time.Until(last.Add(20 * time.Second))): // until all are due
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	err = l.with(ctx, func(addr string) error {
		c, err := raw.Dial(ctx, addr)
		if err != nil {
			return err
		}
		defer c.Close()
		begin, before := time.Now(), int64(0)
		for {
			n, err := ends(ctx, c)
			switch {
			case err != nil:
				return err
			case n == 0:
				begin = time.Now()
			case before == 0:
				before = n
			}
			if n >= int64(l.messages) {
				rate = float64(n) / time.Since(begin).Seconds()
				return nil
			}
			select {
			case <-time.After(time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
	return rate, err
}

func (l *lab) createTopic(ctx context.Context, addr string) error {
	c, err := raw.Dial(ctx, addr)
	if err != nil {
		return err
	}
	return errors.Join(c.CreateTopic(ctx, paceTopic, paceQueues), c.Close())
}
