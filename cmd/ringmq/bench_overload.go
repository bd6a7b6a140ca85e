package main

import (
	"encoding/json"
	"errors"
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

The steps: the peak in a closed loop, half of it, --factor times it, half of it again from the moment the
overload ends, and the peak once more. Then everything that was acknowledged while overloaded is read and
compared (--check=false leaves that out).`,
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
				return errors.Join(json.NewEncoder(cmd.OutOrStdout()).Encode(rep), lost(rep))
			}
			for _, step := range []struct {
				name string
				rep  *bench.Report
			}{{"peak", rep.Peak}, {"half of it", rep.Before}, {"overload", rep.Over}, {"half again", rep.After}, {"peak again", rep.Again}} {
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
			if rep.Acknowledged != nil {
				fmt.Fprintf(cmd.OutOrStdout(), "── while overloaded %s\n", rep.Acknowledged)
			}
			return lost(rep)
		},
	}
	f := cmd.Flags()
	b.common(f, &o.Common)
	b.load(f, &o.SendOptions)
	f.DurationVar(&o.Step, "step", 5*time.Second, "length of each step")
	f.Float64Var(&o.Factor, "factor", 3, "offered load, by the peak")
	f.BoolVar(&o.Check, "check", true, "read what was acknowledged while overloaded, and compare; exit status 1 if something is missing")
	f.IntVar(&o.Flood, "flood", 1024, "requests in flight per connection in the open loops, at most")
	return cmd
}

// lost is the error of a run after which something that was acknowledged is not there.
func lost(rep *bench.OverloadReport) error {
	if rep.Acknowledged == nil || rep.Acknowledged.Whole() {
		return nil
	}
	return fmt.Errorf("%s", rep.Acknowledged)
}
