package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringmq/bench"
	"ringmq/internal/wire"
)

// newBenchCommand is `ringmq bench`: load on any RocketMQ-compatible broker.
func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure a RocketMQ-compatible broker, ours or another",
		Long: `Measure a RocketMQ-compatible broker over the wire: ringmq, the Java broker, or any other.

Closed loops keep a fixed number of requests in flight and show what a broker can do. Open loops
(--rate) send at a rate whatever the broker does, and measure from when a request was due: that is what
an application sees.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBenchSendCommand(), newBenchPullCommand(), newBenchEndToEndCommand(), newBenchConnsCommand(),
		newBenchOverloadCommand(), newBenchFlushCommand(), newBenchNullCommand())
	return cmd
}

// benchFlags are what all measurements have; those of package bench that need parsing first.
type benchFlags struct {
	header    string
	sizes     string
	tags      string
	asJSON    bool
	histogram bool
}

func (b *benchFlags) common(f *pflag.FlagSet, o *bench.Common) {
	f.StringVarP(&o.Broker, "broker", "b", "127.0.0.1:10911", "`address` of the broker's main port")
	f.StringVar(&b.header, "header", "json", "header serialization: json or rocketmq")
	f.StringVar(&o.IO, "io", "auto", "this tool's own I/O path: ring, net or auto")
	f.IntVar(&o.Threads, "threads", 1, "this tool's worker threads")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "load before the measurement")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "length of the measurement")
	f.IntVar(&o.PID, "pid", 0, "the broker's `process`, to report its CPU and memory")
	f.Uint64Var(&o.Seed, "seed", 1, "seed of sizes and bodies")
	b.output(f)
	f.BoolVar(&b.histogram, "histogram", false, "print the distribution of the latencies too")
}

func (b *benchFlags) output(f *pflag.FlagSet) {
	f.BoolVar(&b.asJSON, "json", false, "print one line of JSON")
}

// load are the flags of producers.
func (b *benchFlags) load(f *pflag.FlagSet, o *bench.SendOptions) {
	f.StringVarP(&o.Topic, "topic", "t", "BenchmarkTest", "topic; brokers have BenchmarkTest with 1,024 queues from the start")
	f.IntVar(&o.Queues, "queues", 16, "queues of each topic to send to, in turn")
	f.IntVar(&o.Conns, "conns", 16, "connections")
	f.IntVar(&o.InFlight, "window", 32, "requests in flight per connection, at most")
	f.StringVar(&b.sizes, "size", "1024", "bytes of a body: 1024, a range 128-16384, or a list 128,1024")
	f.StringVar(&b.tags, "tags", "", "tags of the messages in turn, divided by commas")
	f.IntVar(&o.Keys, "keys", 0, "keys per message, each different")
	o.Properties = map[string]string{}
	f.Var(pairs(o.Properties), "property", "a property of every message, `name=value`; may be repeated")
	f.BoolVar(&o.NoUniqueKey, "no-unique-key", false, "leave out the unique key that clients give every message, and so its index entry")
	f.DurationVar(&o.Poll, "poll", 50*time.Microsecond, "how long this tool looks for answers before it sleeps (io ring)")
	f.DurationVar(&o.Tick, "tick", 0, "at a fixed rate, what is due within so long leaves together; 0 is 250µs from 100,000 requests a second on, else no time")
}

// parse turns texts into options.
func (b *benchFlags) parse(o *bench.SendOptions) (err error) {
	if o.Sizes, err = bench.ParseSizes(b.sizes); err != nil {
		return &usageError{err}
	}
	if b.tags != "" {
		o.Tags = strings.Split(b.tags, ",")
	}
	return b.parseCommon(&o.Common)
}

func (b *benchFlags) parseCommon(o *bench.Common) error {
	switch b.header {
	case "json":
		o.Serialize = wire.JSON
	case "rocketmq":
		o.Serialize = wire.RocketMQ
	default:
		return &usageError{fmt.Errorf("--header %s: want json or rocketmq", b.header)}
	}
	return nil
}

// maxDuration is that of runs which end by themselves.
const maxDuration = 24 * time.Hour

// openWindow is how many requests of an open loop may be in flight on a connection unless --window says it: enough that
// the schedule, not the window, decides. Together they take at most openBytes of memory.
const (
	openWindow = 1024
	openBytes  = 1 << 30
)

func openLoop(f *pflag.FlagSet, o *bench.SendOptions) {
	if o.Rate > 0 && !f.Changed("window") {
		o.InFlight = max(1, min(openWindow, openBytes/max(1, o.Conns*max(1, o.Batch)*o.Sizes.Max())))
	}
	if o.Rate > 0 && !f.Changed("poll") {
		o.Poll = 0 // at a fixed rate a tool that does not sleep takes the broker's CPU
	}
}

// print writes a report as the flags want it.
func (b *benchFlags) print(w io.Writer, rep *bench.Report) error {
	if b.asJSON {
		return json.NewEncoder(w).Encode(rep)
	}
	if err := rep.WriteTable(w); err != nil || !b.histogram {
		return err
	}
	fmt.Fprintln(w)
	_, err := rep.Histogram.WriteTo(w)
	return err
}

// watched shows the progress of run while it goes on.
func watched[R any](cmd *cobra.Command, b *benchFlags, show *func(bench.Progress), run func() (R, error)) (R, error) {
	var clear func()
	*show, clear = b.line(cmd.ErrOrStderr())
	defer clear()
	return run()
}

// line returns a function that redraws one line on a terminal with a run's progress.
func (b *benchFlags) line(w io.Writer) (show func(bench.Progress), clear func()) {
	p := newProgress(w)
	if b.asJSON || p.w == nil {
		return nil, func() {}
	}
	return func(s bench.Progress) {
		p.shown = true
		refused := ""
		if s.Refused > 0 {
			refused = fmt.Sprintf("  %d refused", s.Refused)
		}
		fmt.Fprintf(p.w, "\r\x1b[K%-9s %s %3.0f of %.0f s  %11.0f/s  %d messages%s", s.Phase, meter(s.Elapsed, s.Total),
			s.Elapsed.Seconds(), s.Total.Seconds(), s.PerSecond, s.Done, refused)
	}, p.clear
}

// meter is a bar of twenty marks.
func meter(done, total time.Duration) string {
	const marks = 20
	n := marks
	if total > 0 {
		n = int(min(marks*done/total, marks))
	}
	return "[" + strings.Repeat("=", n) + strings.Repeat(" ", marks-n) + "]"
}
