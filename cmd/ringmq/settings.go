package main

import (
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/mapfile"
	"ringmq/internal/transport"
)

// settings are the flags that all servers have.
type settings struct {
	file                string
	options             pairs
	properties          pairs
	print               bool
	logLevel, logFormat string
}

func (s *settings) addFlags(f *pflag.FlagSet) {
	s.options, s.properties = pairs{}, pairs{}
	f.StringVarP(&s.file, "config", "c", "", "property `FILE` with options, as RocketMQ's")
	f.VarP(s.options, "option", "o", "set an option, over the file; may be repeated")
	f.VarP(s.properties, "define", "D", "set what Java reads as a system property; may be repeated")
	f.BoolVarP(&s.print, "print", "p", false, "print the options in effect and exit")
	f.StringVar(&s.logLevel, "log-level", "info", "debug, info, warn or error")
	f.StringVar(&s.logFormat, "log-format", "text", "text or json, on standard error")
}

// source is where the options come from. flags win over -o.
func (s *settings) source(flags map[string]string) config.Source {
	all := maps.Clone(map[string]string(s.options))
	maps.Copy(all, flags)
	return config.Source{File: s.file, Flags: all, System: s.properties, Host: config.ThisHost()}
}

// logger logs to w, the warnings of loading first.
func (s *settings) logger(w io.Writer, warnings []config.Warning) (*slog.Logger, error) {
	log, err := newLogger(w, s.logLevel, s.logFormat)
	if err != nil {
		return nil, err
	}
	for _, warning := range warnings {
		log.Warn(warning.String())
	}
	return log, nil
}

// spareDescriptors are not for connections: a store holds a thousand files of queues and a file for each GiB of its log open, and
// one that cannot make its next file takes no messages.
const spareDescriptors = 2000

// connections is how many of those wanted a process with so many descriptors accepts. Those beyond are closed at once, and a line
// of the log says so.
func connections(wanted, descriptors int) int {
	return min(wanted, descriptors-min(spareDescriptors, descriptors/2))
}

// newTransport opens the I/O path that the options ask for.
func newTransport(server config.NettyServer, ring config.Ring, system config.System, log *slog.Logger) (*transport.Transport, error) {
	boundGarbage()
	return transport.New(transport.Options{
		RingIO:          ring.RingIO,
		Loops:           ring.RingLoops,
		IdleTimeout:     server.IdleTimeout(),
		MaxFrameBytes:   system.FrameMaxLength,
		MaxPendingBytes: ring.MaxPending,
		MaxPendingTotal: ring.MaxPendingTotal,
		MaxConns:        connections(ring.MaxConnections, mapfile.Descriptors()),
		Clock:           clock.Real{},
		Log:             log,
	})
}

// pairs collects key=value flags.
type pairs map[string]string

// Set implements [pflag.Value].
func (p pairs) Set(text string) error {
	key, value, ok := strings.Cut(text, "=")
	if !ok || key == "" {
		return fmt.Errorf("%q: want key=value", text)
	}
	p[key] = value
	return nil
}

// Type implements [pflag.Value].
func (p pairs) Type() string { return "key=value" }

// String implements [pflag.Value].
func (p pairs) String() string {
	var list []string
	for _, k := range slices.Sorted(maps.Keys(p)) {
		list = append(list, k+"="+p[k])
	}
	return strings.Join(list, " ")
}
