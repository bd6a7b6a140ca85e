package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strconv"

	"github.com/spf13/cobra"

	"ringmq/internal/clock"
	"ringmq/namesrv"
	"ringmq/server"
)

func newStandaloneCommand() *cobra.Command {
	var s settings
	var data string
	var namesrvPort, brokerPort int
	cmd := &cobra.Command{
		Use:   "standalone",
		Short: "Run a name server and a broker in one process",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return standalone(cmd, &s, data, namesrvPort, brokerPort)
		},
	}
	s.addFlags(cmd.Flags())
	cmd.Flags().StringVar(&data, "data", "data", "folder of the store and of the name server's files")
	cmd.Flags().IntVar(&namesrvPort, "namesrv-port", 9876, "port of the name server")
	cmd.Flags().IntVar(&brokerPort, "broker-port", 0, "port of the broker; the two below and the one above are its too (default 10911)")
	return cmd
}

func standalone(cmd *cobra.Command, s *settings, data string, namesrvPort, brokerPort int) error {
	data, err := filepath.Abs(data)
	if err != nil {
		return err
	}
	flags := map[string]string{}
	if brokerPort != 0 {
		flags["listenPort"] = strconv.Itoa(brokerPort)
	}
	nameConf, brokerConf, warnings, err := s.source(flags).Standalone(namesrvPort, map[string]string{
		"kvConfigPath":    filepath.Join(data, "namesrv", "kvConfig.json"),
		"configStorePath": filepath.Join(data, "namesrv", "namesrv.properties"),
	}, map[string]string{
		"storePathRootDir": filepath.Join(data, "store"),
	})
	if err != nil {
		return err
	}
	log, err := s.logger(cmd.ErrOrStderr(), warnings)
	if err != nil {
		return err
	}
	if s.print {
		return printText(cmd.OutOrStdout(), "# name server\n"+nameConf.Text()+"\n# broker\n"+brokerConf.Text())
	}
	if err := brokerConf.Unsupported(); err != nil {
		return err
	}
	tr, err := newTransport(brokerConf.Server, brokerConf.Ring, brokerConf.System, log)
	if err != nil {
		return explain(err)
	}
	names, err := namesrv.New(namesrv.Options{Config: nameConf, Transport: tr, Clock: clock.Real{}, Log: log})
	if err != nil {
		return errors.Join(explain(err), closeAll(tr, nil))
	}
	broker, err := server.New(server.Options{Config: brokerConf, Transport: tr, Clock: clock.Real{}, Log: log})
	if err != nil {
		return errors.Join(explain(err), closeAll(tr, []part{names}))
	}
	return serve(cmd.Context(), log, tr, func() {
		fmt.Fprintf(cmd.OutOrStdout(), `ringmq %s
  name server  %s
  broker       %s
%s  I/O          %s

A first message, from another terminal:
  ringmq admin sendMessage    -n %s -t Hello -p "hello, world"
  ringmq admin consumeMessage -n %[6]s -t Hello
Ctrl-C stops.
`, version, names.Addr(), broker.Addr(), brokerLines(brokerConf), ioPath(tr), brokerConf.Broker.NamesrvAddr)
	}, withDebugPort(brokerConf.Ring.DebugPort, log, names, broker)...)
}
