package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"

	"ringmq/bench/latency"
	"ringmq/bench/usage"
	"ringmq/internal/wire"
)

// Report is what a run has measured, after its warm-up.
type Report struct {
	What      string            `json:"what"` // send, pull, e2e, …
	Broker    string            `json:"broker"`
	Path      string            `json:"io"` // this tool's own I/O path
	Seconds   float64           `json:"seconds"`
	Messages  uint64            `json:"messages"`
	PerSecond float64           `json:"messagesPerSecond"`
	MB        float64           `json:"bodyMBPerSecond"`
	Latency   latency.Summary   `json:"latency"`
	Lag       *latency.Summary  `json:"lag,omitempty"`      // open loop: how late this tool sent
	EndToEnd  *latency.Summary  `json:"endToEnd,omitempty"` // e2e: from the intended send to the receipt
	Delivered uint64            `json:"delivered,omitempty"`
	Missing   int64             `json:"missing"`           // e2e: acknowledged and not delivered within a second after the end
	Answers   map[string]uint64 `json:"answers,omitempty"` // requests by status, where one was not SUCCESS
	Refusal   string            `json:"firstRefusal,omitempty"`
	Pull      *PullChecks       `json:"pull,omitempty"`
	Tool      usage.Cost        `json:"tool"`
	Server    *usage.Cost       `json:"server,omitempty"`
	// PollMicros is how much of the tool's CPU per message went into looking for answers that were not there yet.
	PollMicros float64            `json:"toolPollMicrosPerMessage"`
	Series     []Slice            `json:"series"`
	Histogram  *latency.Histogram `json:"-"`
}

// Slice is one part of the measured time.
type Slice struct {
	PerSecond float64 `json:"messagesPerSecond"`
	P99       float64 `json:"p99Millis"`
}

// gather joins what the workers of a run have counted.
func (rep *Report) gather(r *run) {
	all, lag, endToEnd := &latency.Histogram{}, &latency.Histogram{}, &latency.Histogram{}
	var windows []window
	var body, answered uint64
	var checks PullChecks
	refused := map[string]uint64{}
	for _, t := range r.tallies {
		for i := range t.windows {
			if len(windows) <= i {
				windows = append(windows, window{})
			}
			windows[i].messages += t.windows[i].messages
			windows[i].latency.Merge(&t.windows[i].latency)
			all.Merge(&t.windows[i].latency)
		}
		lag.Merge(&t.lag)
		body += t.bodyBytes
		answered += t.measuredAnswers
		for status, n := range t.answers {
			refused[status.String()] += n
		}
		if rep.Refusal == "" {
			rep.Refusal = t.firstRefusal
		}
		checks.add(&t.pulls)
	}
	for _, t := range r.received {
		endToEnd.Merge(&t.endToEnd)
		checks.add(&t.pulls)
		if rep.Refusal == "" {
			rep.Refusal = t.firstRefusal
		}
	}
	if len(refused) > 0 {
		rep.Answers = refused
		rep.Answers[wire.StatusSuccess.String()] += answered
	}
	rep.MB = float64(body) / 1e6 / rep.Seconds
	rep.Latency, rep.Histogram = all.Summary(), all
	if lag.Count() > 0 {
		s := lag.Summary()
		rep.Lag = &s
	}
	if endToEnd.Count() > 0 {
		s := endToEnd.Summary()
		rep.EndToEnd, rep.Delivered, rep.Histogram = &s, endToEnd.Count(), endToEnd
	}
	if checks != (PullChecks{}) {
		rep.Pull = &checks
	}
	rep.slices(windows, r.o.Window.Seconds())
}

// slices makes the series of the windows; the last one, seldom whole, counts if it is at least half one.
func (rep *Report) slices(windows []window, seconds float64) {
	for i := range windows {
		length := min(seconds, rep.Seconds-float64(i)*seconds)
		if length < seconds/2 && i > 0 {
			break
		}
		rep.Series = append(rep.Series, Slice{PerSecond: float64(windows[i].messages) / length, P99: windows[i].latency.Summary().P99})
	}
}

// Slowest is the rate of the slowest part of the measured time.
func (rep *Report) Slowest() float64 {
	if len(rep.Series) == 0 {
		return 0
	}
	return slices.MinFunc(rep.Series, func(a, b Slice) int { return int(a.PerSecond - b.PerSecond) }).PerSecond
}

// Trend is the mean rate of the last third of the measured time by that of the first: 1 is steady, below it the run
// became slower. It is 1 for a run of less than three parts.
func (rep *Report) Trend() float64 {
	third := len(rep.Series) / 3
	if third == 0 {
		return 1
	}
	sum := func(part []Slice) (s float64) {
		for _, p := range part {
			s += p.PerSecond
		}
		return s
	}
	first, last := sum(rep.Series[:third]), sum(rep.Series[len(rep.Series)-third:])
	if first == 0 {
		return 1
	}
	return last / first
}

// WriteTable prints the report for people.
func (rep *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("messages/s", "%.0f  (%.0f MB/s of bodies; %d in %.1f s)", rep.PerSecond, rep.MB, rep.Messages, rep.Seconds)
	if len(rep.Series) > 1 {
		row("slowest second", "%.0f/s  (last third by first: %.0f %%)", rep.Slowest(), 100*rep.Trend())
	}
	row("latency", "%s", rep.Latency)
	if rep.EndToEnd != nil {
		row("end to end", "%s  (%d delivered, %d missing)", rep.EndToEnd, rep.Delivered, rep.Missing)
	}
	if rep.Lag != nil {
		row("sent late by", "%s", rep.Lag)
	}
	if rep.Pull != nil {
		row("pulls", "%s", rep.Pull)
	}
	if rep.Server != nil {
		row("broker", "%s", rep.Server)
	}
	share := ""
	if rep.Server != nil && rep.Server.CPUMicros > 0 {
		share = fmt.Sprintf("  %.0f %% of the broker's", 100*rep.Tool.CPUMicros/rep.Server.CPUMicros)
	}
	row("this tool", "%.2f CPU-µs/message, %.2f of it polling%s  %.2f CPUs  (io %s)", rep.Tool.CPUMicros, rep.PollMicros, share, rep.Tool.CPUShare, rep.Path)
	for _, status := range slices.Sorted(maps.Keys(rep.Answers)) {
		row("answers", "%d  %s", rep.Answers[status], status)
	}
	if rep.Refusal != "" {
		row("first refusal", "%s", rep.Refusal)
	}
	return t.Flush()
}
