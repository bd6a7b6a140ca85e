package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringmq/internal/admin"
	"ringmq/internal/clock"
)

// newAdminCommand is `ringmq admin`: RocketMQ's mqadmin, command by command under its names
// and flags, for our servers and for Java's.
func newAdminCommand() *cobra.Command {
	var f adminFlags
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "Look at and change a cluster (as mqadmin)",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown admin command %q", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	p := cmd.PersistentFlags()
	p.StringVarP(&f.namesrvs, "namesrvAddr", "n", defaultNamesrvs(), "name servers, host:port divided by ';'")
	p.BoolVar(&f.json, "json", false, "print JSON")
	p.DurationVar(&f.timeout, "timeout", 5*time.Second, "limit of each request")
	for _, c := range []adminCommand{
		clusterList(), brokerStatus(),
		topicList(), topicRoute(), topicStatus(), updateTopic(), updateTopicPerm(), deleteTopic(),
		updateSubGroup(), consumerProgress(),
		sendMessage(), consumeMessage(),
	} {
		cmd.AddCommand(c.build(&f))
	}
	return cmd
}

func defaultNamesrvs() string {
	if addr := os.Getenv("NAMESRV_ADDR"); addr != "" {
		return addr
	}
	return "127.0.0.1:9876"
}

// adminFlags are the flags of all admin commands.
type adminFlags struct {
	namesrvs string
	json     bool
	timeout  time.Duration
}

// adminCommand is one of mqadmin's commands.
type adminCommand struct {
	name, short string
	flags       func(*pflag.FlagSet)
	required    []string // flags without which there is nothing to do
	either      []string // flags of which exactly one is wanted
	run         func(*adminRun) error
}

// adminRun is a command under way.
type adminRun struct {
	ctx     context.Context
	cluster *admin.Cluster
	flags   *pflag.FlagSet
	out     io.Writer
	json    bool
}

func (c adminCommand) build(f *adminFlags) *cobra.Command {
	cmd := &cobra.Command{
		Use:   c.name,
		Short: c.short,
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := c.check(cmd.Flags()); err != nil {
				return &usageError{err}
			}
			namesrvs, err := f.addresses()
			if err != nil {
				return &usageError{err}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			cluster := admin.Open(admin.Options{Namesrvs: namesrvs, Clock: clock.Real{}, Timeout: f.timeout})
			err = c.run(&adminRun{ctx, cluster, cmd.Flags(), cmd.OutOrStdout(), f.json})
			return errors.Join(err, cluster.Close())
		},
	}
	if c.flags != nil {
		c.flags(cmd.Flags())
	}
	return cmd
}

// check looks for the flags that are missing, or one too many.
func (c adminCommand) check(f *pflag.FlagSet) error {
	for _, name := range c.required {
		if strings.TrimSpace(f.Lookup(name).Value.String()) == "" {
			return fmt.Errorf("-%s is missing: %s", f.Lookup(name).Shorthand, f.Lookup(name).Usage)
		}
	}
	if c.either == nil {
		return nil
	}
	var given, all []string
	for _, name := range c.either {
		all = append(all, "-"+f.Lookup(name).Shorthand+" "+name)
		if f.Changed(name) {
			given = append(given, name)
		}
	}
	if len(given) != 1 {
		return fmt.Errorf("one of %s is needed", strings.Join(all, " and "))
	}
	return nil
}

// addresses are the name servers of -n.
func (f *adminFlags) addresses() ([]string, error) {
	var addrs []string
	for addr := range strings.SplitSeq(f.namesrvs, ";") {
		addr = strings.TrimSpace(addr)
		if addr == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(addr); err != nil || port == "" {
			return nil, fmt.Errorf("-n %s: want host:port, several divided by ';'", f.namesrvs)
		}
		addrs = append(addrs, addr)
	}
	if len(addrs) == 0 {
		return nil, errors.New("-n names no name server")
	}
	return addrs, nil
}

// text is a flag's value without blanks around it, as mqadmin reads them.
func (r *adminRun) text(name string) string {
	return strings.TrimSpace(r.flags.Lookup(name).Value.String())
}

// truth is a flag with the values true and false that mqadmin writes behind it.
func (r *adminRun) truth(name string) (bool, error) {
	switch strings.ToLower(r.text(name)) {
	case "true":
		return true, nil
	case "false", "":
		return false, nil
	}
	return false, &usageError{fmt.Errorf("-%s %s: want true or false", r.flags.Lookup(name).Shorthand, r.text(name))}
}

// print prints v as JSON with --json, else what text writes.
func (r *adminRun) print(v any, text func(w io.Writer)) error {
	if !r.json {
		text(r.out)
		return nil
	}
	e := json.NewEncoder(r.out)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}

// front is at most n characters of s, as mqadmin cuts its columns.
func front(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n])
	}
	return s
}
