package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

// version is set by the linker: make build takes it from git.
var version = "dev"

// protocolVersion is the RocketMQ release whose protocol and files these are.
const protocolVersion = "4.9.8"

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprintf(cmd.OutOrStdout(), "ringmq %s (RocketMQ %s protocol and store, %s %s/%s)\n",
				version, protocolVersion, runtime.Version(), runtime.GOOS, runtime.GOARCH)
		},
	}
}
