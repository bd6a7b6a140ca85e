package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"ringmq/bench"
	"ringmq/bench/usage"
)

// scaleRows are how the cost grows with the work; the names of one curve end with its x after an equals sign.
func scaleRows() (rows []row) {
	add := func(curve string, x int, run func(ctx context.Context, l *lab, s *server) (figures, error), extra ...string) {
		rows = append(rows, row{groupScale, fmt.Sprintf("%s=%d", curve, x), []contestant{ours}, func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
			err = l.onFresh(ctx, who, asyncFlush, extra, func(s *server) error {
				f, err = run(ctx, l, s)
				return err
			})
			return f, err
		}})
	}
	for cores := 1; cores <= runtime.NumCPU(); cores++ {
		rows = append(rows, row{groupScale, fmt.Sprintf("cores=%d", cores), []contestant{ours}, onCores(cores)})
	}
	for _, n := range []int{1, 10, 100, 1000, 10_000} {
		add("connections", n, loadOf("--conns", strconv.Itoa(n), "--window", strconv.Itoa(max(1, 512/n))))
	}
	for _, n := range []int{1, 10, 100, 1000, 10_000, 60_000} {
		rows = append(rows, row{groupScale, fmt.Sprintf("topics=%d", n), []contestant{ours}, onTopics(n)})
	}
	for _, n := range []int{1, 10, 100, 1000} {
		add("consumers", n, fanOut(n))
	}
	for _, gib := range storeSizes {
		rows = append(rows, row{groupScale, fmt.Sprintf("store=%d", gib), []contestant{ours}, onStore(gib)})
	}
	return rows
}

// loadOf measures a send load with more flags.
func loadOf(args ...string) func(context.Context, *lab, *server) (figures, error) {
	return func(ctx context.Context, l *lab, s *server) (figures, error) {
		var rep bench.Report
		err := l.bench(ctx, s, &rep, append(append([]string{"send"}, l.timed()...), args...)...)
		return ofReport(&rep), err
	}
}

// onCores measures a broker that may use so many cores; the tool uses the others, or the same ones if there are none.
func onCores(cores int) func(context.Context, *lab, contestant) (figures, error) {
	return func(ctx context.Context, l *lab, who contestant) (figures, error) {
		s, err := l.fresh(who, asyncFlush)
		if err != nil {
			return nil, err
		}
		s.cpus = "0"
		if cores > 1 {
			s.cpus = fmt.Sprintf("0-%d", cores-1)
		}
		if err := l.start(ctx, s); err != nil {
			return nil, err
		}
		defer s.Kill()
		settle()
		return loadOf()(ctx, l, s)
	}
}

// topicQueues is how many queues each of many topics has.
const topicQueues = 8

// onTopics measures a load on n topics, which stand in the broker's file of topics when it starts: to create them one
// by one would take longer than everything else.
func onTopics(n int) func(context.Context, *lab, contestant) (figures, error) {
	return func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
		s, err := l.fresh(who, asyncFlush)
		if err != nil {
			return nil, err
		}
		if err := writeTopics(filepath.Join(s.dir, "store", "config"), "BenchTopic", n); err != nil {
			return nil, err
		}
		if err := l.start(ctx, s); err != nil {
			return nil, err
		}
		args := []string{"--topic", "BenchTopic", "--topics", strconv.Itoa(n), "--queues", strconv.Itoa(topicQueues)}
		// The first message of a queue makes its file: that is not what a curve of steady load is about.
		var rep bench.Report
		err = l.bench(ctx, s, &rep, append([]string{"send", "--size", "16", "--messages", strconv.Itoa(n * topicQueues)}, args...)...)
		if err == nil {
			err = s.rests(ctx)
		}
		if err == nil {
			settle()
			f, err = loadOf(args...)(ctx, l, s)
		}
		s.Kill()
		return f, errors.Join(err, os.RemoveAll(s.dir))
	}
}

// rests waits until a broker does nothing any more: files of queues are made after their first message was acknowledged, by
// what runs every second.
func (s *server) rests(ctx context.Context) error {
	const look, idle = 1500 * time.Millisecond, 20 * time.Millisecond
	u, err := usage.Read(s.Pid())
	for err == nil {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(look):
		}
		before := u.CPU
		if u, err = usage.Read(s.Pid()); err == nil && u.CPU-before < idle {
			return nil
		}
	}
	return err
}

// writeTopics writes a broker's topics.json with the topics that bench.SendOptions.Topics uses.
func writeTopics(dir, name string, n int) error {
	type topic struct {
		Name    string `json:"topicName"`
		Read    int    `json:"readQueueNums"`
		Write   int    `json:"writeQueueNums"`
		Perm    int    `json:"perm"`
		Filter  string `json:"topicFilterType"`
		SysFlag int    `json:"topicSysFlag"`
		Order   bool   `json:"order"`
	}
	table := map[string]topic{}
	for i := range n {
		t := topic{Name: fmt.Sprintf("%s_%06d", name, i), Read: topicQueues, Write: topicQueues, Perm: 6, Filter: "SINGLE_TAG"}
		if n == 1 {
			t.Name = name
		}
		table[t.Name] = t
	}
	text, err := json.Marshal(map[string]any{"topicConfigTable": table, "dataVersion": map[string]int64{"counter": 1, "timestamp": time.Now().UnixMilli()}})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "topics.json"), text, 0o644)
}

// fanOutPerSecond is how many messages a second all consumers together receive, so that the cost of a delivery is
// seen and not a limit.
const fanOutPerSecond = 20_000

// fanOut has every one of n groups consume one topic.
func fanOut(n int) func(context.Context, *lab, *server) (figures, error) {
	return func(ctx context.Context, l *lab, s *server) (figures, error) {
		var rep bench.Report
		args := append([]string{"e2e", "--groups", strconv.Itoa(n), "--consumers", "1", "--queues", "1", "--conns", "1",
			"--rate", strconv.Itoa(max(fanOutPerSecond/n, 20))}, l.timed()...)
		err := l.bench(ctx, s, &rep, args...)
		f := ofReport(&rep)
		if f["delivered"] > 0 {
			f["cpu"] *= f["rate"] / f["delivered"] // per delivery
		}
		return f, err
	}
}

// storeSizes are the stores of the curve, in GiB.
var storeSizes = []int{1, 4, 10, 30, 50}

// onStore measures a store of so many GiB: sending, reading its oldest messages, and the first message stored after a clean
// stop and after a kill under load.
func onStore(gib int) func(context.Context, *lab, contestant) (figures, error) {
	const filler, big = "BenchFiller", 16 << 10
	return func(ctx context.Context, l *lab, who contestant) (figures, error) {
		if err := l.room(gib + gib/8 + 4); err != nil {
			return nil, err
		}
		var f figures
		err := l.onFresh(ctx, who, asyncFlush, nil, func(s *server) error {
			var rep bench.Report
			err := l.bench(ctx, s, &rep, "send", "--topic", filler, "--queues", "8", "--size", strconv.Itoa(big), "--messages", strconv.Itoa(gib<<30/big))
			if err != nil {
				return err
			}
			settle()
			if f, err = loadOf()(ctx, l, s); err != nil {
				return err
			}
			err = l.bench(ctx, s, &rep, append([]string{"pull", "--topic", filler, "--queues", "8", "--conns", "1", "--max", "1"}, l.timed()...)...)
			if err != nil {
				return err
			}
			f["get p50"], f["get p99"] = rep.Latency.P50, rep.Latency.P99
			return l.restarts(ctx, s, f)
		})
		return f, err
	}
}

// errNoRoom is that of a row which this machine cannot measure: it is left out.
var errNoRoom = errors.New("left out")

// room tells whether the disk has so many GiB free.
func (l *lab) room(gib int) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(l.dir, &fs); err != nil {
		return err
	}
	if free := int64(fs.Bavail) * fs.Bsize >> 30; free < int64(gib) {
		return fmt.Errorf("%w: it needs %d GiB of disk, %d are free (-work chooses another)", errNoRoom, gib, free)
	}
	return nil
}
