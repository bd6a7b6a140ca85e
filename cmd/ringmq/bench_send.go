package main

import (
	"github.com/spf13/cobra"

	"ringmq/bench"
)

func newBenchSendCommand() *cobra.Command {
	var b benchFlags
	var o bench.SendOptions
	var create bool
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send messages and report rate, latency and what they cost",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.parse(&o); err != nil {
				return err
			}
			openLoop(cmd.Flags(), &o)
			if o.Messages > 0 {
				o.Duration = maxDuration
			}
			rep, err := watched(cmd, &b, &o.Progress, func() (*bench.Report, error) {
				if create {
					if err := bench.CreateTopics(cmd.Context(), &o); err != nil {
						return nil, err
					}
				}
				return bench.Send(cmd.Context(), o)
			})
			if err != nil {
				return err
			}
			return b.print(cmd.OutOrStdout(), rep)
		},
	}
	f := cmd.Flags()
	b.common(f, &o.Common)
	b.load(f, &o)
	f.Float64Var(&o.Rate, "rate", 0, "open loop: messages per second over all connections; 0 is a closed loop")
	f.Uint64Var(&o.Messages, "messages", 0, "end when so many messages are answered, those refused as busy sent again; 0 ends by --duration")
	f.IntVar(&o.Batch, "batch", 1, "messages per request")
	f.IntVar(&o.Topics, "topics", 1, "send to so many topics in turn: TOPIC_000000 and so on")
	f.BoolVar(&create, "create", false, "create the topics first")
	return cmd
}
