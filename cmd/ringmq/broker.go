package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/server"
)

func newBrokerCommand() *cobra.Command {
	var s settings
	var namesrvs string
	var important bool
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a broker (as mqbroker)",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			flags := map[string]string{}
			if namesrvs != "" {
				flags["namesrvAddr"] = namesrvs
			}
			conf, warnings, err := s.source(flags).Broker()
			if err != nil {
				return err
			}
			log, err := s.logger(cmd.ErrOrStderr(), warnings)
			if err != nil {
				return err
			}
			switch {
			case s.print:
				return printText(cmd.OutOrStdout(), conf.Text())
			case important:
				return printText(cmd.OutOrStdout(), conf.Important())
			}
			if err := conf.Unsupported(); err != nil {
				return err
			}
			tr, err := newTransport(conf.Server, conf.Ring, conf.System, log)
			if err != nil {
				return explain(err)
			}
			b, err := server.New(server.Options{Config: conf, Transport: tr, Clock: clock.Real{}, Log: log})
			if err != nil {
				return errors.Join(explain(err), closeAll(tr, nil))
			}
			return serve(cmd.Context(), log, tr, func() {
				fmt.Fprintf(cmd.OutOrStdout(), "ringmq broker %s listens on %s; I/O: %s\n%s", version, b.Addr(), ioPath(tr), brokerLines(conf))
			}, withDebugPort(conf.Ring.DebugPort, log, b)...)
		},
	}
	s.addFlags(cmd.Flags())
	cmd.Flags().StringVarP(&namesrvs, "namesrvAddr", "n", "", "name servers to register at, divided by ';'")
	cmd.Flags().BoolVarP(&important, "printImportant", "m", false, "print the important options in effect and exit")
	return cmd
}

// brokerLines says what a user must know of a broker that listens.
func brokerLines(conf *config.BrokerFile) string {
	names := conf.Broker.NamesrvAddr
	if names == "" {
		names = "none: clients cannot find this broker (set namesrvAddr)"
	}
	told := config.HostPort(conf.Broker.BrokerIP1, conf.Server.ListenPort)
	return fmt.Sprintf("  name         %s in cluster %s\n  told clients %s (brokerIP1)\n  registers at %s\n  store        %s\n",
		conf.Broker.BrokerName, conf.Broker.BrokerClusterName, told, names, conf.Store.StorePathRootDir)
}
