package main

import (
	"time"

	"github.com/spf13/cobra"

	"ringmq/bench"
)

func newBenchEndToEndCommand() *cobra.Command {
	var b benchFlags
	var o bench.EndToEndOptions
	cmd := &cobra.Command{
		Use:   "e2e",
		Short: "Send at a rate, receive by long polling, and report the time in between",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.parse(&o.SendOptions); err != nil {
				return err
			}
			openLoop(cmd.Flags(), &o.SendOptions)
			rep, err := watched(cmd, &b, &o.Progress, func() (*bench.Report, error) { return bench.EndToEnd(cmd.Context(), o) })
			if err != nil {
				return err
			}
			return b.print(cmd.OutOrStdout(), rep)
		},
	}
	f := cmd.Flags()
	b.common(f, &o.Common)
	b.load(f, &o.SendOptions)
	f.Float64Var(&o.Rate, "rate", 1000, "messages per second over all connections; 0 is a closed loop")
	f.IntVar(&o.Consumers, "consumers", 4, "consumer connections of each group; the queues are divided among them")
	f.IntVar(&o.Groups, "groups", 1, "consumer groups; each gets every message")
	f.DurationVar(&o.Hold, "hold", 20*time.Second, "how long the broker may hold a pull")
	return cmd
}
