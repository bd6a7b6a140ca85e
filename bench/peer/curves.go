package main

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"ringmq/bench/chart"
)

// curve is how figures grow with one thing: a table and a picture of the page about scaling.
type curve struct {
	name    string // of its rows, before the equals sign
	title   string
	about   string // what is measured
	x       string
	columns []column
	lines   []line
	unit    string // of the lines
}

// line is a figure in the picture.
type line struct{ name, figure string }

var (
	loadCurve = []column{{title: "msg/s", figure: "rate", format: perSecond}, {title: "CPU-µs/msg", figure: "cpu", format: micros},
		{title: "load tool's CPU-µs", figure: "tool cpu", format: micros}, {title: "p50 ms", figure: "p50", format: ms}, {title: "p99 ms", figure: "p99", format: ms},
		{title: "anonymous MiB", figure: "anon", format: whole}}
	cpuLine = []line{{"CPU-µs", "cpu"}}
)

var curves = []curve{
	{"cores", "Cores", "The broker may use so many cores (`taskset`); the load tool uses the others, or the same.", "cores", loadCurve, []line{{"msg/s", "rate"}}, "messages per second"},
	{"connections", "Connections", "Together they have 512 requests in flight, and each at least one.", "connections", loadCurve, cpuLine, "CPU-µs per message"},
	{"topics", "Topics", "Each has 8 queues; every message goes to another topic. The queues have their files before the measurement.", "topics", loadCurve, cpuLine, "CPU-µs per message"},
	{"consumers", "Consumers of one topic", "Each is a group of its own, and gets every message by long polling; CPU is per delivery.", "consumers",
		[]column{{title: "deliveries/s", figure: "delivered", format: perSecond}, {title: "CPU-µs/delivery", figure: "cpu", format: micros},
			{title: "end to end p50 ms", figure: "e2e p50", format: ms}, {title: "p99 ms", figure: "e2e p99", format: ms}, {title: "missing", figure: "missing", format: whole},
			{title: "anonymous MiB", figure: "anon", format: whole}}, cpuLine, "CPU-µs per delivery"},
	{"store", "Size of the store", "Filled with messages of 16 KiB; get is a pull of the oldest message and those behind it, one by one. A size is left out where the disk has not an eighth and 4 GiB more.", "GiB",
		[]column{{title: "msg/s", figure: "rate", format: perSecond}, {title: "CPU-µs/msg", figure: "cpu", format: micros}, {title: "get p50 ms", figure: "get p50", format: ms},
			{title: "get p99 ms", figure: "get p99", format: ms}, {title: "stop ms", figure: "stop", format: whole}, {title: "start to first message, after a stop, ms", figure: "clean", format: whole},
			{title: "after kill -9, ms", figure: "killed", format: whole}, {title: "anonymous MiB", figure: "anon", format: whole}},
		[]line{{"after a stop", "clean"}, {"after kill -9", "killed"}}, "ms to the first message"},
}

// isScale tells whether the page is that of the curves alone.
func (o *options) isScale() bool {
	return len(o.rows) > 0 && !slices.ContainsFunc(o.rows, func(r string) bool { return r != groupScale && !strings.HasPrefix(r, groupScale+"/") })
}

func (all *results) scalePreamble(b *bytes.Buffer, o *options) {
	fmt.Fprintf(b, `# As the work grows

%s

    make bench-scale                                whole, about 10 minutes
    make bench-scale ARGS='-resume -within 60s'     in parts: what is missing, no row begun after a minute
    make bench-scale ARGS='-add -rows scale/store'  one curve anew, the others kept; scale/store=30 is one point

Each point is %v of load of 1 KiB messages with unique keys, ASYNC_FLUSH, on a new broker, unless it says
otherwise. CPU is the broker's, user and system. What would bound it on machines with more cores is argued in
[performance.md](performance.md).
`, all.where(), o.seconds)
}

// curves writes a table and a picture for each curve that was measured.
func (all *results) curves(b *bytes.Buffer, o *options) error {
	for i := range curves {
		c := &curves[i]
		points := all.points(c.name)
		if len(points) == 0 {
			continue
		}
		fmt.Fprintf(b, "\n## %s\n\n%s\n\n| %s", c.title, c.about, c.x)
		for _, col := range c.columns {
			fmt.Fprintf(b, " | %s", col.title)
		}
		fmt.Fprintf(b, " |\n|---|%s\n", strings.Repeat("---|", len(c.columns)))
		lines := chart.Lines{Title: c.title, X: c.x, Y: c.unit, LogX: c.name != "cores"}
		for _, l := range c.lines {
			lines.Series = append(lines.Series, chart.Series{Name: l.name})
		}
		for _, x := range points {
			name := fmt.Sprintf("%s=%d", c.name, x)
			fmt.Fprintf(b, "| %d", x)
			for _, col := range c.columns {
				fmt.Fprintf(b, " | %s", all.of(groupScale, name, ours, col.figure).text(col.format))
			}
			b.WriteString(" |\n")
			for k, l := range c.lines {
				if s := all.of(groupScale, name, ours, l.figure); s.n > 0 {
					lines.Series[k].Points = append(lines.Series[k].Points, chart.Point{X: float64(x), Y: s.median})
				}
			}
		}
		if missing := c.missing(points); len(missing) > 0 {
			fmt.Fprintf(b, "\nNot measured: %s %s.\n", strings.Join(missing, ", "), c.x)
		}
		if err := all.picture(b, o, c.name, c.title, lines.SVG); err != nil {
			return err
		}
	}
	return nil
}

// missing are the x of the curve that are not among those measured.
func (c *curve) missing(points []int) (missing []string) {
	for _, r := range scaleRows() {
		if name, text, _ := strings.Cut(r.name, "="); name == c.name {
			if x, err := strconv.Atoi(text); err == nil && !slices.Contains(points, x) { // so scaleRows names them
				missing = append(missing, text)
			}
		}
	}
	return missing
}

// points are the x of a curve's rows that were measured.
func (all *results) points(name string) (xs []int) {
	for _, row := range all.rowsOf(groupScale) {
		if curve, text, _ := strings.Cut(row, "="); curve == name {
			if x, err := strconv.Atoi(text); err == nil { // so scaleRows names them
				xs = append(xs, x)
			}
		}
	}
	slices.Sort(xs)
	return xs
}
