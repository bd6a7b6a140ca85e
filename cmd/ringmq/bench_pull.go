package main

import (
	"time"

	"github.com/spf13/cobra"

	"ringmq/bench"
)

func newBenchPullCommand() *cobra.Command {
	var b benchFlags
	var o bench.PullOptions
	var from, end, check string
	cmd := &cobra.Command{
		Use:   "pull",
		Short: "Read what is stored, check it, and report rate and what it costs",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.parseCommon(&o.Common); err != nil {
				return err
			}
			o.From, o.AtEnd, o.Check = bench.From(from), bench.AtEnd(end), bench.Check(check)
			if o.AtEnd == bench.EndStop && !cmd.Flags().Changed("duration") {
				o.Duration = maxDuration
			}
			rep, err := watched(cmd, &b, &o.Progress, func() (*bench.Report, error) { return bench.Pull(cmd.Context(), o) })
			if err != nil {
				return err
			}
			return b.print(cmd.OutOrStdout(), rep)
		},
	}
	f := cmd.Flags()
	b.common(f, &o.Common)
	f.StringVarP(&o.Topic, "topic", "t", "BenchmarkTest", "topic to read")
	f.StringVarP(&o.Group, "group", "g", "ringmq_bench_pull", "consumer group")
	f.IntVar(&o.Queues, "queues", 16, "queues to read, each with one request in flight")
	f.IntVar(&o.Conns, "conns", 8, "connections, among which the queues are divided; more than queues read them several times")
	f.IntVar(&o.Max, "max", 32, "messages per request")
	f.StringVar(&from, "from", "oldest", "oldest, newest, an offset, or a negative number from the end")
	f.StringVar(&end, "at-end", "rewind", "at the end of a queue: stop, rewind (begin again) or wait (long polling)")
	f.StringVar(&check, "check", "crc", "what is checked of each message: none, order (and gaps), or crc as well")
	f.StringVar(&o.Tags, "tags", "*", "subscription, as consumers write it: A || B")
	f.DurationVar(&o.Hold, "hold", 20*time.Second, "how long the broker may hold a request (--at-end wait)")
	f.DurationVar(&o.Poll, "poll", 50*time.Microsecond, "how long this tool looks for answers before it sleeps (io ring)")
	return cmd
}
