package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"ringmq/bench"
)

// Topics of the rows that read, and what they hold: messages of 1 KiB in 8 queues, which brokers make on first use.
const (
	readQueues   = "8"
	readMessages = 400_000
	coldMessages = 600_000
)

func pullRows() (rows []row) {
	for _, conns := range []int{1, 8} {
		rows = append(rows, row{groupPull, fmt.Sprintf("page cache %d conns", conns), storing, func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
			err = l.onReader(ctx, who, func(s *server) error {
				f, err = l.pullCached(ctx, s, fmt.Sprint("BenchRead", conns), conns)
				return err
			})
			return f, err
		}})
	}
	return append(rows,
		row{groupPull, "far behind 8 conns", storing, far},
		row{groupPull, "cold 8 conns", storing, cold},
		row{groupPull, "producer at 5000/s beside a cold reader", storing, beside})
}

// fill stores messages of 1 KiB in a topic.
func (l *lab) fill(ctx context.Context, s *server, topic string, messages int) error {
	var rep bench.Report
	return l.bench(ctx, s, &rep, "send", "--topic", topic, "--queues", readQueues, "--messages", strconv.Itoa(messages))
}

// pull reads a topic again and again for the usual time.
func (l *lab) pull(ctx context.Context, s *server, topic string, conns int) (figures, error) {
	var rep bench.Report
	args := append([]string{"pull", "--topic", topic, "--queues", readQueues, "--conns", strconv.Itoa(conns), "--check", "order"}, l.timed()...)
	err := l.bench(ctx, s, &rep, args...)
	return ofReport(&rep), err
}

// verify reads a topic once and checks every message.
func (l *lab) verify(ctx context.Context, s *server, topic string, messages int) error {
	var rep bench.Report
	if err := l.bench(ctx, s, &rep, "pull", "--topic", topic, "--queues", readQueues, "--at-end", "stop", "--check", "crc"); err != nil {
		return err
	}
	if rep.Messages < uint64(messages) || rep.Pull.FirstFault != "" {
		return fmt.Errorf("topic %s has %d of %d messages; %s", topic, rep.Messages, messages, rep.Pull)
	}
	return nil
}

func (l *lab) pullCached(ctx context.Context, s *server, topic string, conns int) (figures, error) {
	if err := l.fill(ctx, s, topic, readMessages); err != nil {
		return nil, err
	}
	if err := l.verify(ctx, s, topic, readMessages); err != nil {
		return nil, err
	}
	return l.pull(ctx, s, topic, conns)
}

// far reads what lies so far behind the end that Java takes it for cold, though it is in memory.
func far(ctx context.Context, l *lab, who contestant) (f figures, err error) {
	behind := l.o.farGiB
	if behind == 0 {
		behind = float64(memoryKiB()) / (1 << 20) * 0.42
	}
	const big = 64 << 10
	err = l.onReader(ctx, who, func(s *server) error {
		if err := l.fill(ctx, s, "BenchFar", readMessages); err != nil {
			return err
		}
		var rep bench.Report
		if err := l.bench(ctx, s, &rep, "send", "--topic", "BenchFiller", "--queues", readQueues, "--size", strconv.Itoa(big),
			"--window", "4", "--messages", strconv.Itoa(int(behind*(1<<30)/big))); err != nil {
			return err
		}
		f, err = l.pull(ctx, s, "BenchFar", 8)
		return err
	})
	return f, err
}

// withCold has fn measure a contestant that was started on a store whose pages are not in memory, with a topic
// BenchCold. A Java broker has sent and pulled for a while.
func (l *lab) withCold(ctx context.Context, who contestant, fn func(s *server) error) error {
	s, err := l.fresh(who, asyncFlush)
	if err != nil {
		return err
	}
	if err := l.start(ctx, s); err != nil {
		return err
	}
	err = l.fill(ctx, s, "BenchCold", coldMessages)
	err = errors.Join(err, s.Stop())
	if err == nil {
		settle()
		err = forget(filepath.Join(s.dir, "store"))
	}
	if err == nil {
		err = l.start(ctx, s)
	}
	if err == nil && who == java {
		err = l.warm(ctx, s, l.o.warm/5)
	}
	if err == nil {
		err = fn(s)
	}
	s.Kill()
	return errors.Join(err, os.RemoveAll(s.dir))
}

// forget drops the pages of a stopped broker's files.
func forget(dir string) error {
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED)
	})
}

func cold(ctx context.Context, l *lab, who contestant) (f figures, err error) {
	err = l.withCold(ctx, who, func(s *server) error {
		var rep bench.Report
		err := l.bench(ctx, s, &rep, "pull", "--topic", "BenchCold", "--queues", readQueues, "--at-end", "stop", "--check", "order",
			"--duration", (4 * l.o.seconds).String())
		f = ofReport(&rep)
		return err
	})
	return f, err
}

// beside measures a producer alone, and then while somebody reads what is not in memory.
func beside(ctx context.Context, l *lab, who contestant) (f figures, err error) {
	err = l.withCold(ctx, who, func(s *server) error {
		produce := func() (figures, error) {
			var rep bench.Report
			err := l.bench(ctx, s, &rep, "send", "--rate", "5000", "--warmup", "500ms", "--duration", l.o.seconds.String())
			return ofReport(&rep), err
		}
		alone, err := produce()
		if err != nil {
			return err
		}
		reading, stop := context.WithCancel(ctx)
		read := make(chan error, 1)
		go func() {
			var rep bench.Report
			read <- l.bench(reading, s, &rep, "pull", "--topic", "BenchCold", "--queues", readQueues, "--conns", "2", "--check", "none",
				"--poll", "0s", "--warmup", "0s", "--duration", (2*l.o.seconds + time.Second).String())
		}()
		f, err = produce()
		select {
		case failed := <-read: // it should still be reading
			err = errors.Join(err, failed)
		default:
			stop() // that it is interrupted is no failure
			<-read
		}
		stop()
		if err != nil {
			return err
		}
		f["p99 alone"] = alone["p99"]
		return nil
	})
	return f, err
}
