// Command ringmq is a RocketMQ 4.9 name server and broker.
//
// One file per subcommand: standalone.go, namesrv.go, broker.go, admin.go, store.go, bench.go,
// version.go. What the servers share is in settings.go (flags to options), logging.go and
// serve.go (start, signals, stop). This is the only place where the program prints to
// standard output and ends the process.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// Exit statuses: of a command line that does not exist, and of everything else that keeps
// a command from doing its work.
const (
	exitFailed = 1
	exitUsage  = 2
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process: it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	root := newRootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteC()
	if err == nil {
		return 0
	}
	fmt.Fprintf(stderr, "ringmq: %v\n", err)
	var usage *usageError
	if errors.As(err, &usage) {
		fmt.Fprintf(stderr, "See '%s --help'.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitFailed
}

// usageError is a command line that does not exist: --help tells what does.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

func newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "ringmq",
		Short: "A RocketMQ 4.9 name server and broker",
		Long: `ringmq is a RocketMQ 4.9 name server and broker. RocketMQ's clients and tools connect to
it unchanged, and it opens the store of a Java 4.9 broker.

Start with 'ringmq standalone': both servers in one process, messages in ./data.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return nil
		},
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
	}
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &usageError{err} })
	root.AddCommand(newStandaloneCommand(), newNamesrvCommand(), newBrokerCommand(), newAdminCommand(), newStoreCommand(), newBenchCommand(), newVersionCommand())
	return root
}

// noArgs is cobra.NoArgs with a usage error.
func noArgs(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return &usageError{fmt.Errorf("unexpected argument %q", args[0])}
	}
	return nil
}
