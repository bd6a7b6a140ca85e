package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"ringmq/internal/clock"
	"ringmq/internal/transport"
	"ringmq/namesrv"
)

func newNamesrvCommand() *cobra.Command {
	var s settings
	var product string
	cmd := &cobra.Command{
		Use:   "namesrv",
		Short: "Run a name server (as mqnamesrv)",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			conf, warnings, err := s.source(nil).Namesrv()
			if err != nil {
				return err
			}
			log, err := s.logger(cmd.ErrOrStderr(), warnings)
			if err != nil {
				return err
			}
			if s.print {
				return printText(cmd.OutOrStdout(), conf.Text())
			}
			tr, err := newTransport(conf.Server, conf.Ring, conf.System, log)
			if err != nil {
				return explain(err)
			}
			n, err := namesrv.New(namesrv.Options{Config: conf, Transport: tr, Clock: clock.Real{}, Log: log,
				ProductAddrs: strings.FieldsFunc(product, func(r rune) bool { return r == ';' })})
			if err != nil {
				return errors.Join(explain(err), closeAll(tr, nil))
			}
			return serve(cmd.Context(), log, tr, func() {
				fmt.Fprintf(cmd.OutOrStdout(), "ringmq name server %s listens on %s; I/O: %s\n", version, n.Addr(), ioPath(tr))
			}, withDebugPort(conf.Ring.DebugPort, log, n)...)
		},
	}
	s.addFlags(cmd.Flags())
	cmd.Flags().StringVarP(&product, "namesrvAddr", "n", os.Getenv("NAMESRV_ADDR"), "name servers to ask for topics unknown here, with clusterTest=true")
	return cmd
}

func printText(w io.Writer, text string) error {
	_, err := io.WriteString(w, text)
	return err
}

// ioPath says which way bytes go and why.
func ioPath(tr *transport.Transport) string {
	path, why := tr.Path()
	if why == "" {
		return path
	}
	return path + " (" + why + ")"
}
