package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"ringmq/bench"
)

// figures are what one measurement found, by name: rate, cpu, p50, … for loads (see [ofReport]), and whatever a row of
// another kind finds.
type figures map[string]float64

// String is one line, by name.
func (f figures) String() string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		parts = append(parts, fmt.Sprintf("%s %.4g", name, f[name]))
	}
	return strings.Join(parts, "  ")
}

// ofReport flattens a report. Times are in ms, memory in MiB, CPU in µs per message.
func ofReport(r *bench.Report) figures {
	f := figures{"rate": r.PerSecond, "mb": r.MB, "p50": r.Latency.P50, "p99": r.Latency.P99, "p99.9": r.Latency.P999,
		"max": r.Latency.Max, "tool cpu": r.Tool.CPUMicros, "tool poll": r.PollMicros, "slowest": r.Slowest(), "trend": 100 * r.Trend()}
	if r.Server != nil {
		f["cpu"], f["anon"], f["rss"], f["switches"] = r.Server.CPUMicros, r.Server.PeakAnonMiB, r.Server.RSSMiB, r.Server.SwitchesPerThousand
		if r.Server.CPUMicros > 0 {
			f["tool share"] = 100 * r.Tool.CPUMicros / r.Server.CPUMicros
		}
	}
	if r.EndToEnd != nil {
		f["e2e p50"], f["e2e p99"], f["e2e p99.9"] = r.EndToEnd.P50, r.EndToEnd.P99, r.EndToEnd.P999
		f["missing"], f["delivered"] = float64(r.Missing), float64(r.Delivered)/r.Seconds
	}
	if r.Lag != nil {
		f["lag p99"] = r.Lag.P99
	}
	for status, n := range r.Answers {
		f["answers "+status] = float64(n)
	}
	if r.Pull != nil {
		f["faults"] = float64(r.Pull.Gaps + r.Pull.Disorder + r.Pull.Damaged)
	}
	return f
}

// result is one measurement.
type result struct {
	Group   string     `json:"group"`
	Row     string     `json:"row"`
	Who     contestant `json:"who"`
	Round   int        `json:"round"`
	Commit  string     `json:"commit"`
	Date    string     `json:"date"`
	Args    string     `json:"args,omitempty"` // of the run that measured it
	Figures figures    `json:"figures"`
}

// results are those of this run and, with -add, of earlier ones. They are in a file as soon as they are there.
type results struct {
	path string
	now  machine
	list []result
}

func loadResults(o *options) (*results, error) {
	all := &results{path: o.results, now: thisMachine(o)}
	if !o.add {
		return all, nil
	}
	data, err := os.ReadFile(o.results)
	if errors.Is(err, fs.ErrNotExist) {
		return all, nil
	} else if err != nil {
		return nil, err
	}
	for dec := json.NewDecoder(bytes.NewReader(data)); ; {
		var r result
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, fmt.Errorf("%s: %w; remove it, or run without -add", o.results, err)
		}
		all.list = append(all.list, r)
	}
}

// has tells whether a row was measured.
func (all *results) has(group, row string) bool {
	return slices.ContainsFunc(all.list, func(r result) bool { return r.Group == group && r.Row == row })
}

// forget drops a row that is measured anew.
func (all *results) forget(group, row string) {
	all.list = slices.DeleteFunc(all.list, func(r result) bool { return r.Group == group && r.Row == row })
}

// keep adds a result and writes the file.
func (all *results) keep(r result) error {
	r.Commit, r.Date, r.Args = all.now.commit, all.now.date, all.now.args
	all.list = append(all.list, r)
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	for i := range all.list {
		if err := enc.Encode(&all.list[i]); err != nil {
			return err
		}
	}
	return os.WriteFile(all.path, b.Bytes(), 0o644)
}

// spread is a figure's lowest, median and highest over the rounds.
type spread struct {
	low, median, high float64
	n                 int
}

// of is the spread of a figure of a row on a contestant; n is 0 if it was not measured.
func (all *results) of(group, row string, who contestant, figure string) spread {
	var v []float64
	for _, r := range all.list {
		if f, ok := r.Figures[figure]; ok && r.Group == group && r.Row == row && r.Who == who {
			v = append(v, f)
		}
	}
	return spreadOf(v)
}

func spreadOf(v []float64) spread {
	if len(v) == 0 {
		return spread{}
	}
	slices.Sort(v)
	n := len(v)
	return spread{low: v[0], median: (v[(n-1)/2] + v[n/2]) / 2, high: v[n-1], n: n}
}

// rowsOf lists the rows of a group that have results, in the table's order.
func (all *results) rowsOf(group string) (names []string) {
	for _, r := range table {
		if r.group == group && all.has(group, r.name) {
			names = append(names, r.name)
		}
	}
	return names
}
