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
	"strings"
	"time"

	"ringmq/bench"
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
	return append(rows, row{groupScale, "store", []contestant{ours}, storeCurve})
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
			settle()
			f, err = loadOf(args...)(ctx, l, s)
		}
		s.Kill()
		return f, errors.Join(err, os.RemoveAll(s.dir))
	}
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

// storeCurve fills one store step by step and measures at each; its figures are named FIGURE@GiB.
func storeCurve(ctx context.Context, l *lab, who contestant) (figures, error) {
	s, err := l.fresh(who, asyncFlush)
	if err != nil {
		return nil, err
	}
	if err := l.start(ctx, s); err != nil {
		return nil, err
	}
	defer func() { s.Kill() }()
	f := figures{}
	const big = 16 << 10
	have := 0.0
	for _, text := range l.o.stores {
		gib, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
		if err != nil || gib <= have {
			return nil, fmt.Errorf("-stores %s: want growing numbers of GiB", strings.Join(l.o.stores, ","))
		}
		var rep bench.Report
		if err := l.bench(ctx, s, &rep, "send", "--topic", "BenchFiller", "--queues", "8", "--size", strconv.Itoa(big),
			"--messages", strconv.Itoa(int((gib-have)*(1<<30)/big))); err != nil {
			return nil, err
		}
		have = gib
		settle()
		for name, v := range l.storePoint(ctx, s, &err) {
			f[fmt.Sprintf("%s@%v", name, gib)] = v
		}
		if err != nil {
			return nil, err
		}
	}
	return f, nil
}

// storePoint measures sending, reading the newest, and a restart.
func (l *lab) storePoint(ctx context.Context, s *server, failed *error) figures {
	send, err := loadOf()(ctx, l, s)
	if err == nil {
		err = s.Stop()
	}
	f := figures{"rate": send["rate"], "cpu": send["cpu"], "p99": send["p99"], "anon": send["anon"]}
	if err == nil {
		settle()
		f["start"], err = l.startToMessage(ctx, s)
	}
	*failed = err
	return f
}
