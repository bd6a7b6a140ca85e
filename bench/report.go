package bench

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"
)

// bothUsages are the broker's and the tool's own usage at one moment.
type bothUsages struct{ broker, tool Usage }

func readBoth(pid int) (u bothUsages, err error) {
	if u.tool, err = ReadUsage(os.Getpid()); err != nil || pid == 0 {
		return u, err
	}
	u.broker, err = ReadUsage(pid)
	return u, err
}

func (r *SendReport) usage(before, after bothUsages, n uint64) {
	if n == 0 {
		return
	}
	micros := func(a, b Usage) float64 { return float64((b.CPU - a.CPU).Microseconds()) / float64(n) }
	r.ToolCPUMicros = micros(before.tool, after.tool)
	r.BrokerCPUMicros = micros(before.broker, after.broker)
	r.BrokerRSSMiB = float64(after.broker.RSSBytes) / (1 << 20)
	r.BrokerAnonMiB = float64(after.broker.AnonBytes) / (1 << 20)
	r.SwitchesPerThous = 1000 * float64(after.broker.CtxSwitches-before.broker.CtxSwitches) / float64(n)
}

func (r *SendReport) latency(h *Histogram) {
	ms := func(q float64) float64 { return float64(h.Quantile(q)) / float64(time.Millisecond) }
	r.P50Millis, r.P99Millis, r.P999Millis, r.MaxMillis = ms(0.5), ms(0.99), ms(0.999), ms(1)
}

// WriteTable prints the report for people.
func (r *SendReport) WriteTable(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	row("messages/s", "%.0f  (%.0f MB/s of bodies)", r.PerSecond, r.MBPerSecond)
	row("latency", "p50 %.3f ms  p99 %.3f ms  p99.9 %.3f ms  max %.3f ms", r.P50Millis, r.P99Millis, r.P999Millis, r.MaxMillis)
	if r.BrokerCPUMicros > 0 {
		row("broker", "%.2f CPU-µs/message  %.0f MiB resident, %.0f MiB of it anonymous  %.1f context switches per 1,000 messages",
			r.BrokerCPUMicros, r.BrokerRSSMiB, r.BrokerAnonMiB, r.SwitchesPerThous)
	}
	row("this tool", "%.2f CPU-µs/message", r.ToolCPUMicros)
	if r.Refused > 0 {
		row("refused", "%d  (first: %s)", r.Refused, r.FirstRefusal)
	}
	return t.Flush()
}
