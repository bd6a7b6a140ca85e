package flush

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"
	"time"

	"ringmq/bench/chart"
	"ringmq/commitlog"
	"ringmq/engine"
	"ringmq/internal/mapfile"
	"ringmq/internal/ring"
)

// Options of a run.
type Options struct {
	Dir     string // a folder on the disk to measure; what is written in it is removed
	Modes   []commitlog.Mode
	Types   []engine.FlushType
	Sizes   []int         // bytes of a body
	Waiters []int         // messages that are appended and not acknowledged at a time
	Each    time.Duration // length of a measurement, and of a bare loop's
	Room    int64         // bytes of the disk that a run takes at most; 0: a quarter of what is free, at most 8 GiB
	IO      string        // ring, calls, or auto: how the store reaches the disk
	NoIndex bool          // leave the index out
	NoBare  bool          // leave the bare loops out
	// Progress is told what is measured next; nil tells nobody.
	Progress func(done, all int, what string)
}

func (o *Options) check() error {
	if len(o.Modes) == 0 || len(o.Types) == 0 || len(o.Sizes) == 0 || len(o.Waiters) == 0 || o.Each <= 0 {
		return errors.New("flush: want modes, flush types, sizes, waiters and a time")
	}
	if slices.Min(o.Sizes) < 1 || slices.Max(o.Sizes) > 4<<20 || slices.Min(o.Waiters) < 1 || slices.Max(o.Waiters) > 1<<20 {
		return errors.New("flush: sizes go from 1 to 4194304 bytes, waiters from 1 to 1048576")
	}
	switch o.IO {
	case "ring":
		if err := ring.Probe(); err != nil {
			return fmt.Errorf("flush: io ring: %w; io calls works without", err)
		}
	case "calls", "auto":
	default:
		return fmt.Errorf("flush: io is %q; it must be ring, calls or auto", o.IO)
	}
	return nil
}

// Result is one line of the table. Times are in µs.
type Result struct {
	Mode      string  `json:"mode"`
	Type      string  `json:"flushDiskType"`
	Bytes     int     `json:"bodyBytes"`
	Waiters   int     `json:"waiters"`
	PerSecond float64 `json:"appendsPerSecond"`
	MB        float64 `json:"recordMBPerSecond"`
	P50       float64 `json:"p50Micros"`
	P99       float64 `json:"p99Micros"`
	P999      float64 `json:"p99.9Micros"`
	CPUMicros float64 `json:"cpuMicrosPerAppend"`
	Bare      float64 `json:"barePerSecond,omitempty"` // messages that a bare loop writes in the same batches: half of the waiters'
	BareP50   float64 `json:"bareP50Micros,omitempty"` // time of such a batch
	Refused   string  `json:"refused,omitempty"`       // why there are no figures, as where O_DIRECT is not to be had
}

// Report is a whole run.
type Report struct {
	Dir     string   `json:"dir"`
	Results []Result `json:"results"`
	Advice  []string `json:"advice"`
}

// Run measures every cell. A mode that the file system refuses is a line that says so.
func Run(ctx context.Context, o Options) (rep *Report, err error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	disk, err := mapfile.OpenDir(o.Dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, disk.Close()) }()
	r, err := newRoom(o.Dir, disk.Space, o.Room)
	if err != nil {
		return nil, err
	}
	rep = &Report{Dir: o.Dir}
	all := len(o.Types) * len(o.Sizes) * len(o.Waiters) * len(o.Modes)
	for _, t := range o.Types {
		for _, size := range o.Sizes {
			for _, waiters := range o.Waiters {
				for _, m := range o.Modes {
					c := Cell{Mode: m, Type: t, Bytes: size, Waiters: waiters}
					if o.Progress != nil {
						o.Progress(len(rep.Results), all, c.String())
					}
					rep.Results = append(rep.Results, one(ctx, &o, r, c))
					if err := ctx.Err(); err != nil {
						return nil, err
					}
				}
			}
		}
	}
	rep.Advice = advice(rep.Results)
	return rep, nil
}

// one measures a cell and its bare loop.
func one(ctx context.Context, o *Options, room *room, c Cell) Result {
	r, err := measure(ctx, o, room, c)
	if err == nil && !o.NoBare {
		var p50 time.Duration
		r.Bare, p50, err = bare(ctx, o, room, c)
		r.BareP50 = float64(p50) / 1e3
	}
	if err != nil {
		r = Result{Mode: c.Mode.String(), Type: TypeName(c.Type), Bytes: c.Bytes, Waiters: c.Waiters, Refused: err.Error()}
	}
	return r
}

// advice names the mode that is best for each flush type: whose rates over all cells, each by the best of its cell,
// have the largest geometric mean. With one waiter the rate is the latency, so both count.
func advice(results []Result) (lines []string) {
	for _, t := range []string{"SYNC_FLUSH", "ASYNC_FLUSH"} {
		type cell struct{ bytes, waiters int }
		best := map[cell]float64{}
		for _, r := range results {
			if r.Type == t {
				best[cell{r.Bytes, r.Waiters}] = max(best[cell{r.Bytes, r.Waiters}], r.PerSecond)
			}
		}
		score, count := map[string]float64{}, map[string]int{}
		for _, r := range results {
			if r.Type == t && r.PerSecond > 0 {
				score[r.Mode] += math.Log(r.PerSecond / best[cell{r.Bytes, r.Waiters}])
				count[r.Mode]++
			}
		}
		mode, high := "", math.Inf(-1)
		for _, m := range commitlog.Modes {
			if n := count[m.String()]; n == len(best) && n > 0 && score[m.String()]/float64(n) > high {
				mode, high = m.String(), score[m.String()]/float64(n)
			}
		}
		if mode != "" {
			lines = append(lines, fmt.Sprintf("on this disk use flushMode=%s with flushDiskType=%s: it reaches %.0f %% of the best mode over all sizes and waiters", mode, t, 100*math.Exp(high)))
		}
	}
	return lines
}

// WriteTable prints the report for people.
func (rep *Report) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "flushDiskType\tbytes\twaiters\tmode\tappends/s\tMB/s\tp50 µs\tp99 µs\tp99.9 µs\tCPU-µs\tbare/s\tof bare\t")
	for _, r := range rep.Results {
		if r.Refused != "" {
			fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%s\t\n", r.Type, r.Bytes, r.Waiters, r.Mode, r.Refused)
			continue
		}
		share := "–"
		if r.Bare > 0 {
			share = fmt.Sprintf("%.0f %%", 100*r.PerSecond/r.Bare)
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%s\t%.0f\t%.1f\t%.0f\t%.0f\t%.0f\t%.2f\t%.0f\t%s\t\n", r.Type, r.Bytes, r.Waiters, r.Mode,
			r.PerSecond, r.MB, r.P50, r.P99, r.P999, r.CPUMicros, r.Bare, share)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, line := range rep.Advice {
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// Chart is the rates of all modes side by side, for one size of message: 1 KiB, or the one nearest to it.
func (rep *Report) Chart() chart.Bars {
	near := 0
	for _, r := range rep.Results {
		if near == 0 || math.Abs(math.Log(float64(r.Bytes)/1024)) < math.Abs(math.Log(float64(near)/1024)) {
			near = r.Bytes
		}
	}
	b := chart.Bars{Title: fmt.Sprintf("Appends of %d bytes by flush mode", near), Unit: "per second, logarithmic", Log: true}
	at := map[string]int{}
	for _, r := range rep.Results {
		if !slices.Contains(b.Names, r.Mode) {
			b.Names = append(b.Names, r.Mode)
		}
	}
	for _, r := range rep.Results {
		if r.Bytes != near {
			continue
		}
		label := fmt.Sprintf("%s, %d waiters", r.Type, r.Waiters)
		i, ok := at[label]
		if !ok {
			i = len(b.Groups)
			at[label] = i
			b.Groups = append(b.Groups, chart.Group{Label: label, Values: make([]float64, len(b.Names))})
		}
		b.Groups[i].Values[slices.Index(b.Names, r.Mode)] = r.PerSecond
	}
	return b
}
