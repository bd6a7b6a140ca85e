package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"ringmq/inspect"
)

func newStoreOffsetsCommand() *cobra.Command {
	var f storeFlags
	var topic, group string
	cmd := &cobra.Command{
		Use:   "offsets DIR",
		Short: "Print the ends of queues, how far groups have consumed, and the delay levels",
		Args:  oneStore,
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.reading(cmd, args, func(_ context.Context, s *inspect.Store) error {
				o, err := s.Offsets(topic, group)
				if err != nil {
					return err
				}
				if f.json {
					return encodeJSON(cmd.OutOrStdout(), o)
				}
				return printOffsets(cmd.OutOrStdout(), o)
			})
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVarP(&topic, "topic", "t", "", "only this topic")
	cmd.Flags().StringVarP(&group, "group", "g", "", "only this consumer group")
	return cmd
}

// printOffsets prints a table for each kind.
func printOffsets(w io.Writer, o inspect.Offsets) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TOPIC\tQUEUE\tMIN\tMAX\tMESSAGES")
	for _, q := range o.Queues {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\n", q.Topic, q.Queue, q.Min, q.Max, q.Max-q.Min)
	}
	if len(o.Groups) > 0 {
		fmt.Fprintln(t, "\nGROUP\tTOPIC\tQUEUE\tOFFSET\tMAX\tLAG")
		for _, g := range o.Groups {
			fmt.Fprintf(t, "%s\t%s\t%d\t%d\t%d\t%d\n", g.Group, g.Topic, g.Queue, g.Offset, g.Max, g.Lag)
		}
	}
	if len(o.Delays) > 0 {
		fmt.Fprintln(t, "\nDELAY LEVEL\tOFFSET\tMAX\tWAITING")
		for _, d := range o.Delays {
			fmt.Fprintf(t, "%d\t%d\t%d\t%d\n", d.Level, d.Offset, d.Max, d.Waiting)
		}
	}
	for _, missing := range o.Missing {
		fmt.Fprintf(t, "\nnote: %s", missing)
	}
	if len(o.Missing) > 0 {
		fmt.Fprintln(t)
	}
	return t.Flush()
}
