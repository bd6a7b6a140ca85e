package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ringmq/bench"
)

func newBenchOverloadCommand() *cobra.Command {
	var b benchFlags
	var o bench.OverloadOptions
	cmd := &cobra.Command{
		Use:   "overload",
		Short: "Offer several times the peak, and report what is kept, what is refused, and the recovery",
		Long: `Offer several times the peak, and report what is kept, what is refused, and the recovery.

Four steps: the peak in a closed loop, half of it, --factor times it, and half of it again from the
moment the overload ends.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := b.parse(&o.SendOptions); err != nil {
				return err
			}
			rep, err := watched(cmd, &b, &o.Progress, func() (*bench.OverloadReport, error) { return bench.Overload(cmd.Context(), o) })
			if err != nil {
				return err
			}
			if b.asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
			}
			for _, step := range []struct {
				name string
				rep  *bench.Report
			}{{"peak", rep.Peak}, {"half of it", rep.Before}, {"overload", rep.Over}, {"half again", rep.After}} {
				fmt.Fprintf(cmd.OutOrStdout(), "── %s\n", step.name)
				if err := step.rep.WriteTable(cmd.OutOrStdout()); err != nil {
					return err
				}
			}
			back := fmt.Sprintf("latency was back after %.0f ms", rep.RecoveryMillis)
			if !rep.Recovered {
				back = "latency did not come back"
			}
			fmt.Fprintf(cmd.OutOrStdout(), "── offered %.0f/s, kept %.0f %% of the peak; %s\n", rep.Offered, 100*rep.Kept, back)
			return nil
		},
	}
	f := cmd.Flags()
	b.common(f, &o.Common)
	b.load(f, &o.SendOptions)
	f.DurationVar(&o.Step, "step", 5*time.Second, "length of each step")
	f.Float64Var(&o.Factor, "factor", 3, "offered load, by the peak")
	f.IntVar(&o.Flood, "flood", 1024, "requests in flight per connection in the open loops, at most")
	return cmd
}
