package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// PeerResult is one measurement of a comparison run: what was measured, on whom, and the report.
type PeerResult struct {
	Row    string     `json:"row"`
	Who    string     `json:"who"` // java or ringmq
	Report SendReport `json:"r"`
}

// PeerTable describes a comparison run for the page that shows it.
type PeerTable struct {
	Machine, Commit, Date string
	Rounds                int
	// Facts are rows measured outside the load: name|java|ringmq.
	Facts []string
}

// Write reads [PeerResult] lines and prints a page with medians, spread and ratios.
func (t PeerTable) Write(w io.Writer, results io.Reader) error {
	var order []string
	byRow := map[string]map[string][]SendReport{}
	dec := json.NewDecoder(results)
	for {
		var r PeerResult
		if err := dec.Decode(&r); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return fmt.Errorf("bench: results: %w", err)
		}
		if byRow[r.Row] == nil {
			byRow[r.Row] = map[string][]SendReport{}
			order = append(order, r.Row)
		}
		byRow[r.Row][r.Who] = append(byRow[r.Row][r.Who], r.Report)
	}
	fmt.Fprintf(w, "# Benchmarks\n\nMeasured %s at commit %s on %s, load generator on the same cores.\n"+
		"Command: `make bench-peer`. Medians of %d rounds in turn (Java, ringmq, Java, …), lowest and highest in brackets;\n"+
		"ASYNC_FLUSH, Java 4.9.7 warmed with 60 s of load and `sendMessageThreadPoolNums=1`.\n\n", t.Date, t.Commit, t.Machine, t.Rounds)
	fmt.Fprintln(w, "| send | Java msg/s | ringmq msg/s | ratio | Java CPU-µs/msg | ringmq CPU-µs/msg | Java p99 | ringmq p99 |\n|---|---|---|---|---|---|---|---|")
	for _, name := range order {
		java, ours := byRow[name]["java"], byRow[name]["ringmq"]
		if len(java) == 0 || len(ours) == 0 {
			return fmt.Errorf("bench: row %q was not measured on both", name)
		}
		rate := func(r SendReport) float64 { return r.PerSecond }
		cpu := func(r SendReport) float64 { return r.BrokerCPUMicros }
		p99 := func(r SendReport) float64 { return r.P99Millis }
		fmt.Fprintf(w, "| %s | %s | %s | %.1f × | %.1f | %.2f | %.2f ms | %.2f ms |\n", name,
			spread(java, rate), spread(ours, rate), median(ours, rate)/median(java, rate),
			median(java, cpu), median(ours, cpu), median(java, p99), median(ours, p99))
	}
	fmt.Fprintln(w, "\n| fact | Java | ringmq |\n|---|---|---|")
	for _, f := range t.Facts {
		fmt.Fprintf(w, "| %s |\n", strings.ReplaceAll(f, "|", " | "))
	}
	return nil
}

func median(rs []SendReport, of func(SendReport) float64) float64 {
	v := values(rs, of)
	return v[len(v)/2]
}

// spread is a figure's median with its lowest and highest, in thousands.
func spread(rs []SendReport, of func(SendReport) float64) string {
	v := values(rs, of)
	return fmt.Sprintf("%.1f k (%.1f–%.1f)", v[len(v)/2]/1000, v[0]/1000, v[len(v)-1]/1000)
}

func values(rs []SendReport, of func(SendReport) float64) []float64 {
	v := make([]float64, len(rs))
	for i, r := range rs {
		v[i] = of(r)
	}
	slices.Sort(v)
	return v
}
