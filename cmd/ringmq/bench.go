package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"ringmq/bench"
	"ringmq/internal/wire"
)

// newBenchCommand is `ringmq bench`: load on any RocketMQ-compatible broker.
func newBenchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure a RocketMQ-compatible broker, ours or another"}
	cmd.AddCommand(newBenchSendCommand(), newBenchTableCommand())
	return cmd
}

func newBenchSendCommand() *cobra.Command {
	o := bench.SendOptions{}
	var header string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "send",
		Short: "Send messages with a fixed number in flight per connection and report rate, latency and CPU",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			switch header {
			case "json":
				o.Serialize = wire.JSON
			case "rocketmq":
				o.Serialize = wire.RocketMQ
			default:
				return fmt.Errorf("--header %s: want json or rocketmq", header)
			}
			if o.Conns < 1 || o.Window < 1 || o.BodyBytes < 1 {
				return fmt.Errorf("--conns, --window and --size must be at least 1")
			}
			if !asJSON {
				o.Progress = func(elapsed time.Duration, perSecond float64) {
					fmt.Fprintf(cmd.ErrOrStderr(), "\r%4.0f s  %10.0f messages/s", elapsed.Seconds(), perSecond)
				}
			}
			report, err := bench.Send(cmd.Context(), o)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(report)
			}
			fmt.Fprintln(cmd.ErrOrStderr())
			return report.WriteTable(cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.Broker, "broker", "b", "127.0.0.1:10911", "address of the broker's main port")
	f.StringVarP(&o.Topic, "topic", "t", "BenchmarkTest", "topic; brokers have BenchmarkTest with 1,024 queues from the start")
	f.IntVar(&o.Queues, "queues", 16, "queues to send to, one per connection in turn")
	f.IntVar(&o.Conns, "conns", 16, "connections")
	f.IntVar(&o.Window, "window", 32, "requests in flight per connection")
	f.IntVar(&o.BodyBytes, "size", 1024, "body of a message in bytes")
	f.IntVar(&o.Batch, "batch", 1, "messages per request")
	f.StringVar(&o.Tags, "tags", "", "tag of every message")
	f.StringVar(&header, "header", "json", "header serialization: json or rocketmq")
	f.DurationVar(&o.Warmup, "warmup", 2*time.Second, "load before the measurement")
	f.DurationVar(&o.Duration, "duration", 10*time.Second, "length of the measurement")
	f.IntVar(&o.PID, "pid", 0, "the broker's process, to report its CPU and memory")
	f.BoolVar(&asJSON, "json", false, "print one line of JSON")
	return cmd
}

// newBenchTableCommand turns the results of bench/peer.sh into docs/benchmarks.md.
func newBenchTableCommand() *cobra.Command {
	t := bench.PeerTable{}
	cmd := &cobra.Command{
		Use: "table", Short: "Print the page of a comparison run from its results on standard input", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return t.Write(cmd.OutOrStdout(), cmd.InOrStdin()) },
	}
	f := cmd.Flags()
	f.StringVar(&t.Machine, "machine", "", "what it ran on")
	f.StringVar(&t.Commit, "commit", "", "commit measured")
	f.StringVar(&t.Date, "date", "", "day of the run")
	f.IntVar(&t.Rounds, "rounds", 0, "rounds per row")
	f.StringArrayVar(&t.Facts, "fact", nil, "name|java|ringmq")
	return cmd
}
