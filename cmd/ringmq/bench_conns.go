package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"ringmq/bench"
)

func newBenchConnsCommand() *cobra.Command {
	var b benchFlags
	var o bench.IdleOptions
	cmd := &cobra.Command{
		Use:   "conns",
		Short: "Hold idle connections and report what each costs the broker",
		Long: `Hold idle connections and report what each costs the broker.

Both this tool and the broker need a descriptor per connection (ulimit -n).`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.Conns < 1 {
				return &usageError{fmt.Errorf("--conns %d: want at least 1", o.Conns)}
			}
			rep, err := watched(cmd, &b, &o.Progress, func() (*bench.IdleReport, error) { return bench.Idle(cmd.Context(), o) })
			if err != nil {
				return err
			}
			if b.asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(rep)
			}
			t := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 0, 2, ' ', 0)
			fmt.Fprintf(t, "connections\t%d  (%d lost)  made in %.0f ms, %.0f/s\n", rep.Conns, rep.Lost, rep.ConnectMillis, rep.PerSecond)
			if o.PID != 0 {
				fmt.Fprintf(t, "broker\t%.2f KiB per connection  (anonymous %.1f MiB, then %.1f MiB; %.1f MiB resident)  %.3f CPUs\n",
					rep.KiBPerConn, rep.BeforeMiB, rep.AfterMiB, rep.RSSMiB, rep.CPUs)
			}
			return t.Flush()
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Broker, "broker", "b", "127.0.0.1:10911", "`address` of the broker's main port")
	f.IntVar(&o.Conns, "conns", 5000, "connections")
	f.DurationVar(&o.Hold, "hold", 5*time.Second, "how long they stay")
	f.BoolVar(&o.Register, "register", false, "each says once who it is, as a producer's heartbeat does")
	f.IntVar(&o.PID, "pid", 0, "the broker's `process`, to report its memory")
	b.output(f)
	return cmd
}
