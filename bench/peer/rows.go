package main

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"ringmq/bench"
)

// row is one thing that is measured.
type row struct {
	group string
	name  string
	who   []contestant
	// run measures it once on a contestant.
	run func(ctx context.Context, l *lab, who contestant) (figures, error)
}

// called tells whether a text of -rows means the row: its group, its name, GROUP/NAME, or GROUP/CURVE.
func (r *row) called(text string) bool {
	curve, _, _ := strings.Cut(r.name, "=")
	return text == r.group || text == r.name || text == r.group+"/"+r.name || text == r.group+"/"+curve
}

// Groups of rows.
const (
	groupSend     = "send"
	groupSync     = "sync"
	groupOpen     = "open"
	groupLong     = "sustained"
	groupPull     = "pull"
	groupE2E      = "e2e"
	groupConns    = "conns"
	groupLife     = "life"
	groupOverload = "overload"
	groupScale    = "scale"
)

// Who takes part: those who store, and those who only answer as well.
var (
	storing   = []contestant{java, ours, ournet}
	ceiling   = []contestant{java, ours, ournet, null}
	answering = everyone
)

// table is everything that can be measured, ordered so that a Java broker is warmed up once per use.
var table = slices.Concat(sendRows(), openRows(), longRows(), e2eRows(), overloadRows(), connRows(), syncRows(), pullRows(), lifeRows(), scaleRows())

// groups lists the groups in order.
func groups() (names []string) {
	for _, r := range table {
		if !slices.Contains(names, r.group) {
			names = append(names, r.group)
		}
	}
	return names
}

// loads are the shapes of closed loops: name, connections, requests in flight on each.
var loads = []struct {
	name          string
	conns, window int
}{{"1x1", 1, 1}, {"16x32", 16, 32}, {"64x32", 64, 32}}

// timed are the flags of a measurement of the usual length.
func (l *lab) timed() []string {
	return []string{"--duration", l.o.seconds.String(), "--warmup", (l.o.seconds / 4).String()}
}

// sendRow measures `ringmq bench send` with args.
func sendRow(group, name string, who []contestant, mode flush, args ...string) row {
	return row{group, name, who, func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
		err = l.on(ctx, who, mode, func(s *server) error {
			var rep bench.Report
			err := l.bench(ctx, s, &rep, append(append([]string{"send"}, l.timed()...), args...)...)
			f = ofReport(&rep)
			return err
		})
		return f, err
	}}
}

func closed(size, conns, window int) []string {
	return []string{"--size", strconv.Itoa(size), "--conns", strconv.Itoa(conns), "--window", strconv.Itoa(window)}
}

func sendRows() (rows []row) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"128 B", 128}, {"1 KiB", 1024}, {"16 KiB", 16384}} {
		for _, load := range loads {
			who := ceiling
			if size.bytes == 1024 && load.conns == 16 {
				who = answering
			}
			rows = append(rows, sendRow(groupSend, size.name+" "+load.name, who, asyncFlush, closed(size.bytes, load.conns, load.window)...))
		}
	}
	return append(rows,
		sendRow(groupSend, "1 KiB 64x1", ceiling, asyncFlush, closed(1024, 64, 1)...),
		sendRow(groupSend, "1 KiB 16x32 ROCKETMQ headers", ceiling, asyncFlush, append(closed(1024, 16, 32), "--header", "rocketmq")...),
		sendRow(groupSend, "batch 32x128 B 16x8", ceiling, asyncFlush, append(closed(128, 16, 8), "--batch", "32")...))
}

func syncRows() (rows []row) {
	for _, size := range []struct {
		name  string
		bytes int
	}{{"128 B", 128}, {"1 KiB", 1024}, {"16 KiB", 16384}} {
		for _, load := range loads {
			rows = append(rows, sendRow(groupSync, size.name+" "+load.name, ceiling, syncFlush, closed(size.bytes, load.conns, load.window)...))
		}
	}
	return append(rows, sendRow(groupSync, "1 KiB 64x1", ceiling, syncFlush, closed(1024, 64, 1)...))
}

func openRows() []row {
	return []row{
		sendRow(groupOpen, "5000/s", ceiling, asyncFlush, "--rate", "5000"),
		sendRow(groupOpen, "50000/s", ceiling, asyncFlush, "--rate", "50000"),
		longRow(groupOpen, "350000/s", []contestant{ours, null}, "--rate", "350000"), // half of the peak; many times Java's
	}
}

func longRows() []row {
	return []row{longRow(groupLong, "1 KiB 16x32", []contestant{java, ours})}
}

// longRow is sendRow for as long as -long says.
func longRow(group, name string, who []contestant, args ...string) row {
	return row{group, name, who, func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
		err = l.on(ctx, who, asyncFlush, func(s *server) error {
			var rep bench.Report
			err := l.bench(ctx, s, &rep, append([]string{"send", "--warmup", "2s", "--duration", l.o.long.String()}, args...)...)
			f = ofReport(&rep)
			return err
		})
		return f, err
	}}
}

func e2eRows() (rows []row) {
	for _, rate := range []string{"1000", "20000"} {
		rows = append(rows, row{groupE2E, rate + "/s", storing, func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
			err = l.on(ctx, who, asyncFlush, func(s *server) error {
				var rep bench.Report
				err := l.bench(ctx, s, &rep, append(append([]string{"e2e"}, l.timed()...), "--rate", rate)...)
				f = ofReport(&rep)
				return err
			})
			return f, err
		}})
	}
	return rows
}

// descriptorsSpare is how many descriptors a broker and the tool keep for other things than connections.
const descriptorsSpare = 2100

// connCounts are the idle connections of a row each.
var connCounts = []int{5_000, 50_000}

func connRows() (rows []row) {
	for _, n := range connCounts {
		rows = append(rows, row{groupConns, strconv.Itoa(n), storing, func(ctx context.Context, l *lab, who contestant) (figures, error) {
			n := min(n, l.descriptors-descriptorsSpare)
			var rep bench.IdleReport
			// A fresh process: memory that a load left behind would serve the connections.
			err := l.onFresh(ctx, who, asyncFlush, nil, func(s *server) error {
				return l.bench(ctx, s, &rep, "conns", "--conns", strconv.Itoa(n), "--hold", l.o.seconds.String())
			})
			return figures{"conns": float64(rep.Conns), "kib": rep.KiBPerConn, "anon": rep.AfterMiB, "rss": rep.RSSMiB,
				"lost": float64(rep.Lost), "connects": rep.PerSecond, "cpus": rep.CPUs}, err
		}})
	}
	return rows
}

func overloadRows() []row {
	return []row{{groupOverload, "3 x peak 1 KiB 16x32", storing, func(ctx context.Context, l *lab, who contestant) (f figures, err error) {
		err = l.on(ctx, who, asyncFlush, func(s *server) error {
			var rep bench.OverloadReport
			if err := l.bench(ctx, s, &rep, "overload", "--warmup", "1s", "--step", l.o.seconds.String()); err != nil {
				return err
			}
			f = figures{"peak": rep.Peak.PerSecond, "rate": rep.Over.PerSecond, "kept": 100 * rep.Kept, "offered": rep.Offered,
				"recovery": rep.RecoveryMillis, "anon": rep.Over.Server.PeakAnonMiB, "p99": rep.Over.Latency.P99,
				"p99 before": rep.Before.Latency.P99, "p99 after": rep.After.Latency.P99, "busy": float64(rep.Over.Answers["SYSTEM_BUSY"])}
			if !rep.Recovered {
				f["recovery"] = float64(l.o.seconds.Milliseconds())
			}
			return nil
		})
		return f, err
	}}}
}
