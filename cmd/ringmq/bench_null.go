package main

import (
	"context"
	"fmt"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"ringmq/bench"
	"ringmq/internal/transport"
)

// newBenchNullCommand runs a server that stores nothing until it is interrupted.
func newBenchNullCommand() *cobra.Command {
	var addr, io string
	var loops int
	cmd := &cobra.Command{
		Use:   "null",
		Short: "Serve as a broker that parses, answers and stores nothing: the ceiling of this machine",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			how, ok := map[string]string{"ring": "on", "net": "off", "auto": "auto"}[io]
			if !ok {
				return &usageError{fmt.Errorf("--io %s: want ring, net or auto", io)}
			}
			tr, err := transport.New(transport.Options{RingIO: how, Loops: loops})
			if err != nil {
				return explain(err)
			}
			ln, err := bench.ListenNull(tr, addr)
			if err != nil {
				return explain(err)
			}
			path, why := tr.Path()
			fmt.Fprintf(cmd.OutOrStdout(), "a server that stores nothing listens on %s; I/O: %s (%s)\n", ln.Addr(), path, why)
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			<-ctx.Done()
			end, cancel := context.WithTimeout(context.Background(), stopLimit)
			defer cancel()
			return tr.Close(end)
		},
	}
	f := cmd.Flags()
	f.StringVar(&addr, "listen", "127.0.0.1:10911", "`address` to listen on")
	f.StringVar(&io, "io", "auto", "I/O path: ring, net or auto")
	f.IntVar(&loops, "loops", 0, "ring loops (default one per two cores)")
	return cmd
}
