package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"ringmq/bench/chart"
)

// column is a figure that a table of the page shows for some contestants.
type column struct {
	title  string
	figure string
	format func(float64) string
	who    []contestant
	ratio  bool // ours by Java's behind it
}

// section is a table of the page: a row per row of the group.
type section struct {
	group   string
	title   string
	columns []column
}

func perSecond(v float64) string { return chart.Short(v) }
func micros(v float64) string    { return fmt.Sprintf("%.2f", v) }
func ms(v float64) string        { return fmt.Sprintf("%.3g", v) }
func whole(v float64) string     { return fmt.Sprintf("%.0f", v) }
func tenth(v float64) string     { return fmt.Sprintf("%.1f", v) }

var (
	rateColumns = []column{
		{"msg/s", "rate", perSecond, everyone, true},
		{"CPU-µs/msg", "cpu", micros, []contestant{java, ours, ournet, null}, false},
		{"load tool's CPU-µs", "tool cpu", micros, []contestant{ours}, false},
		{"load tool's polling, CPU-µs", "tool poll", micros, []contestant{ours}, false},
		{"load tool's CPU, % of its", "tool share", whole, []contestant{java, ours}, false},
		{"p99 ms", "p99", ms, []contestant{java, ours}, false},
	}
	storeColumns = []column{
		{"msg/s", "rate", perSecond, ceiling, true},
		{"CPU-µs/msg", "cpu", micros, storing, false},
		{"p50 ms", "p50", ms, storing, false},
		{"p99 ms", "p99", ms, storing, false},
	}
	tailColumns = []column{
		{"p50 ms", "p50", ms, answering, false},
		{"p99 ms", "p99", ms, answering, false},
		{"p99.9 ms", "p99.9", ms, answering, false},
		{"load tool late by, p99 ms", "lag p99", ms, []contestant{ours}, false},
		{"load tool's CPU, % of its", "tool share", whole, []contestant{java, ours}, false},
	}
)

// sections are the tables of the page, in order.
var sections = []section{
	{groupSend, "Send, ASYNC_FLUSH, closed loop: connections × requests in flight", rateColumns},
	{groupSync, "Send, SYNC_FLUSH, closed loop", storeColumns},
	{groupOpen, "Send at a fixed rate, ASYNC_FLUSH, 1 KiB: from when a message was due", tailColumns},
	{groupLong, "Sustained for a minute, unless -long says otherwise, ASYNC_FLUSH", []column{
		{"msg/s", "rate", perSecond, storing, true}, {"slowest second", "slowest", perSecond, storing, false}, {"last third by first, %", "trend", whole, storing, false},
		{"CPU-µs/msg", "cpu", micros, storing, false}, {"p99.9 ms", "p99.9", ms, storing, false}, {"anonymous MiB", "anon", whole, storing, false}}},
	{groupPull, "Pull, 1 KiB", append(slices.Clone(storeColumns), column{"p99 alone ms", "p99 alone", ms, storing, false})},
	{groupE2E, "End to end by long polling: from when a message was due to its receipt", []column{
		{"p50 ms", "e2e p50", ms, storing, false}, {"p99 ms", "e2e p99", ms, storing, false}, {"p99.9 ms", "e2e p99.9", ms, storing, false},
		{"missing", "missing", whole, storing, false}}},
	{groupConns, "Idle connections", []column{
		{"connections", "conns", whole, []contestant{ours}, false},
		{"KiB each", "kib", micros, storing, false}, {"anonymous MiB", "anon", tenth, storing, false}, {"lost", "lost", whole, storing, false}}},
	{groupLife, "Start, stop, memory (the full store has 4 GiB, unless -life says otherwise)", []column{
		{"start to first message, ms", "start", whole, storing, false}, {"after a clean stop, ms", "clean", whole, storing, false},
		{"after kill -9, ms", "killed", whole, storing, false}, {"stop, ms", "stop", whole, storing, false},
		{"resident MiB, idle", "idle rss", tenth, storing, false}, {"anonymous MiB, idle", "idle anon", tenth, storing, false}}},
	{groupOverload, "Overload: three times the peak offered", []column{
		{"peak msg/s", "peak", perSecond, storing, false}, {"kept, % of the peak", "kept", whole, storing, false},
		{"SYSTEM_BUSY", "busy", whole, storing, false}, {"anonymous MiB", "anon", whole, storing, false}, {"back to normal after ms", "recovery", whole, storing, false}}},
}

// names of the contestants on the page.
var names = map[contestant]string{java: "Java", ours: "ringmq", ournet: "ringmq, net", null: "null", nullnet: "null, net"}

// writePage writes the page and the pictures beside it.
func (all *results) writePage(o *options) error {
	var b bytes.Buffer
	if o.isScale() {
		all.scalePreamble(&b, o)
	} else {
		all.preamble(&b, o)
	}
	for _, s := range sections {
		all.section(&b, &s)
	}
	if err := all.curves(&b, o); err != nil {
		return err
	}
	if err := all.ratios(&b, o); err != nil {
		return err
	}
	return os.WriteFile(o.page, b.Bytes(), 0o644)
}

func (all *results) preamble(b *bytes.Buffer, o *options) {
	rounds := 0
	for _, r := range all.list {
		rounds = max(rounds, r.Round+1)
	}
	fmt.Fprintf(b, "# Benchmarks\n\n%s\n\n", all.where())
	for _, args := range all.distinct(func(r *result) string { return r.Args }) {
		command := "make bench-peer"
		if args != "" {
			command += " ARGS='" + args + "'"
		}
		fmt.Fprintf(b, "    %s\n", command)
	}
	fmt.Fprintf(b, `
Each row runs on the contestants in turn, in %d rounds (A B A B) at most, %v each; a cell is the median, with the lowest and
highest in brackets where there were several. Java is the 4.9.7 broker after %v of load, with
`+"`sendMessageThreadPoolNums=1`"+` (ASYNC_FLUSH) or 16 and `+"`useReentrantLockWhenPutMessage=true`"+` (SYNC_FLUSH), the best found for it.
*ringmq, net* is ringmq without io_uring. *null* is `+"`ringmq bench null`"+`: it parses, answers and stores nothing, the ceiling
of this machine. All messages carry a unique key, so they are indexed. CPU is that of the server, user and system; the tool's own is
beside it.
`, rounds, o.seconds, o.warm)
}

// where says what was measured and on what.
func (all *results) where() string {
	commits := all.distinct(func(r *result) string { return r.Commit + " on " + r.Date })
	return "Measured at commit " + strings.Join(commits, ", ") + " on " + all.now.text + ". The load generator shares the cores."
}

// distinct lists what the results say of themselves, each once, in their order.
func (all *results) distinct(of func(*result) string) (texts []string) {
	for i := range all.list {
		if text := of(&all.list[i]); !slices.Contains(texts, text) {
			texts = append(texts, text)
		}
	}
	return texts
}

// quoted joins arguments; those with spaces are quoted.
func quoted(args []string) string {
	var words []string
	for _, a := range args {
		if strings.Contains(a, " ") {
			a = strconv.Quote(a)
		}
		words = append(words, a)
	}
	return strings.Join(words, " ")
}

// section writes one table, with the columns that have figures.
func (all *results) section(b *bytes.Buffer, s *section) {
	rows := all.rowsOf(s.group)
	if len(rows) == 0 {
		return
	}
	var head []string
	var cells [][]string
	for range rows {
		cells = append(cells, nil)
	}
	for _, c := range s.columns {
		for _, who := range c.who {
			if !slices.ContainsFunc(rows, func(row string) bool { return all.of(s.group, row, who, c.figure).n > 0 }) {
				continue
			}
			head = append(head, names[who]+" "+c.title)
			for i, row := range rows {
				cells[i] = append(cells[i], all.of(s.group, row, who, c.figure).text(c.format))
			}
		}
		if c.ratio {
			head = append(head, "ringmq by Java")
			for i, row := range rows {
				cells[i] = append(cells[i], all.ratio(s.group, row, c.figure))
			}
		}
	}
	fmt.Fprintf(b, "\n## %s\n\n%s| | %s |\n|---|%s\n", s.title, all.limits(s.group), strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for i, row := range rows {
		fmt.Fprintf(b, "| %s | %s |\n", row, strings.Join(cells[i], " | "))
	}
}

// limits says which rows of idle connections had fewer than they are called for; empty for all other groups.
func (all *results) limits(group string) string {
	var text string
	for _, r := range connCounts {
		n := all.of(group, strconv.Itoa(r), ours, "conns")
		if group == groupConns && n.n > 0 && int(n.high) < r {
			text += fmt.Sprintf("Of %d connections only %.0f could be made: this machine allows a process no more descriptors (`ulimit -Hn`).\n\n", r, n.high)
		}
	}
	return text
}

// text is the median, and the spread if there were several rounds.
func (s spread) text(format func(float64) string) string {
	switch {
	case s.n == 0:
		return "–"
	case s.n == 1:
		return format(s.median)
	}
	return fmt.Sprintf("%s (%s–%s)", format(s.median), format(s.low), format(s.high))
}

// ratio is ours by Java's.
func (all *results) ratio(group, row, figure string) string {
	a, b := all.of(group, row, java, figure), all.of(group, row, ours, figure)
	if a.n == 0 || b.n == 0 || a.median == 0 {
		return "–"
	}
	return fmt.Sprintf("**%.1f ×**", b.median/a.median)
}

// ratios draws the rates of the send and pull rows side by side.
func (all *results) ratios(b *bytes.Buffer, o *options) error {
	bars := chart.Bars{Title: "Messages per second", Unit: "logarithmic", Names: []string{"Java", "ringmq", "ringmq, net", "null"}, Log: true}
	for _, group := range []string{groupSend, groupSync, groupPull} {
		for _, row := range all.rowsOf(group) {
			g := chart.Group{Label: row}
			if group == groupSync {
				g.Label += ", SYNC"
			}
			for _, who := range []contestant{java, ours, ournet, null} {
				g.Values = append(g.Values, all.of(group, row, who, "rate").median)
			}
			bars.Groups = append(bars.Groups, g)
		}
	}
	if len(bars.Groups) == 0 {
		return nil
	}
	return all.picture(b, o, "rates", "Messages per second", bars.SVG)
}

// picture writes an SVG beside the page and shows it there.
func (all *results) picture(b *bytes.Buffer, o *options, name, title string, draw func(io.Writer) error) error {
	file := strings.TrimSuffix(filepath.Base(o.page), ".md") + "-" + name + ".svg"
	var svg bytes.Buffer
	if err := draw(&svg); err != nil {
		return err
	}
	fmt.Fprintf(b, "\n![%s](%s)\n", title, file)
	return os.WriteFile(filepath.Join(filepath.Dir(o.page), file), svg.Bytes(), 0o644)
}
