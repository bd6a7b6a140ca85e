package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"ringmq/inspect"
	"ringmq/server/delay"
)

// newStoreCommand is `ringmq store`: reads a store that no broker runs, ours or Java's.
func newStoreCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Check, print and repair a store that no broker runs, ours or Java's; fuzz our own",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown store command %q", args[0])}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newStoreCheckCommand(), newStoreDumpCommand(), newStoreOffsetsCommand(), newStoreRebuildCommand(), newStoreFuzzCommand())
	return cmd
}

// storeFlags are the flags of all store commands.
type storeFlags struct {
	commitLog string
	force     bool
	json      bool
}

// add adds those of commands that only read.
func (f *storeFlags) add(p *pflag.FlagSet) {
	f.addAlways(p)
	p.BoolVar(&f.force, "force-read", false, "read although a broker runs on the store")
}

func (f *storeFlags) addAlways(p *pflag.FlagSet) {
	p.StringVar(&f.commitLog, "commitlog", "", "`DIR` of the commit log, if it is not DIR/commitlog (storePathCommitLog)")
	p.BoolVar(&f.json, "json", false, "print JSON")
}

func (f *storeFlags) options(dir string) inspect.Options {
	return inspect.Options{Dir: dir, CommitLogDir: f.commitLog, ForceRead: f.force}
}

// oneStore wants the store's directory and nothing else.
func oneStore(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return &usageError{fmt.Errorf("%s needs the directory of one store (storePathRootDir), got %d arguments", cmd.CommandPath(), len(args))}
	}
	return nil
}

// reading opens the store of args, runs fn, and closes it; Ctrl-C ends fn.
func (f *storeFlags) reading(cmd *cobra.Command, args []string, fn func(ctx context.Context, s *inspect.Store) error) error {
	s, err := inspect.Open(f.options(args[0]))
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return errors.Join(interrupted(fn(ctx, s)), s.Close())
}

// interrupted says it in a word.
func interrupted(err error) error {
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted")
	}
	return err
}

// delayLevelsFlag adds the flag for messageDelayLevel; levels is nil while it is not given.
func delayLevelsFlag(p *pflag.FlagSet, levels *[]time.Duration, usage string) {
	p.Func("delay-levels", usage, func(text string) error {
		var err error
		*levels, err = delay.ParseLevels(text)
		return err
	})
}

// encodeJSON prints v as indented JSON.
func encodeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// size is a number of bytes for people.
func size(n int64) string {
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < 1<<10 {
		return fmt.Sprintf("%d bytes", n)
	}
	f, unit := float64(n)/(1<<10), 0
	for f >= 1024 && unit < len(units)-1 {
		f, unit = f/1024, unit+1
	}
	return fmt.Sprintf("%.1f %s", f, units[unit])
}

// plural is a count with its noun.
func plural[T ~int | ~int64](n T, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if noun[len(noun)-1] == 'y' {
		noun = noun[:len(noun)-1] + "ie"
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
