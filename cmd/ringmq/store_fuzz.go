package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"ringmq/engine/sim"
)

// newStoreFuzzCommand is `ringmq store fuzz`: tries to make the store lose something.
func newStoreFuzzCommand() *cobra.Command {
	f := &storeFuzz{}
	cmd := &cobra.Command{
		Use:   "fuzz",
		Short: "Try to make the store lose something, in memory: crashes, faults, flipped bits",
		Long: `Runs message stores on a disk in memory, ends them everywhere (power cuts, kills, failing operations,
flipped bits), opens what is left and compares it with what the store had promised. No file is touched.

Each run has a name, and does the same each time:

  seed/N      random lives of a store, with images before operations of the disk (no end)
  sequence/N  up to three operations in every order, every crash point
  fault/N     every operation of the disk fails, in every way
  bits/N      every bit of a small store flipped, 64 bytes a run (hours: see --part)

A run that fails is printed with what it did; --run NAME does it again.`,
		Example: `  ringmq store fuzz --time 1h
  ringmq store fuzz --all
  ringmq store fuzz --walk bits --part 17/256
  ringmq store fuzz --run seed/17`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd) },
	}
	p := cmd.Flags()
	p.DurationVar(&f.time, "time", 0, "stop after this `duration`; 0 is when everything asked for is done")
	p.Uint64Var(&f.o.Seeds, "seeds", 0, "how many seeds; 0 goes on until --time or Ctrl-C, or has none where there are walks and no --time")
	p.Uint64Var(&f.o.First, "first", 0, "the first seed; 0 takes one from the clock")
	p.StringSliceVar(&f.o.Walks, "walk", nil, "walks to do whole, before the seeds: sequence, fault, bits")
	p.StringVar(&f.part, "part", "", "only a part of the walks, as `K/N`: every N-th run, from the K-th on; K from 1 to N make the whole")
	p.BoolVar(&f.all, "all", false, "all walks")
	p.IntVar(&f.o.Workers, "workers", runtime.GOMAXPROCS(0), "runs at the same time")
	p.StringVar(&f.name, "run", "", "do one run again, by `name`, and print what it does")
	p.BoolVar(&f.coverage, "coverage", false, "print everything that was reached, and how often")
	return cmd
}

// storeFuzz is the state of the command.
type storeFuzz struct {
	o        sim.FuzzOptions
	time     time.Duration
	all      bool
	part     string
	name     string
	coverage bool
	began    time.Time
	next     time.Time // when the line is drawn anew
	err      io.Writer
	terminal bool
}

func (f *storeFuzz) run(cmd *cobra.Command) error {
	if f.name != "" {
		return f.again(cmd.OutOrStdout())
	}
	if f.all {
		f.o.Walks = []string{"sequence", "fault", "bits"}
	}
	if err := f.parsePart(); err != nil {
		return &usageError{err}
	}
	f.o.NoSeeds = len(f.o.Walks) > 0 && f.o.Seeds == 0 && f.time == 0
	return f.fuzz(cmd)
}

// parsePart reads --part.
func (f *storeFuzz) parsePart() error {
	if f.part == "" {
		return nil
	}
	k, n, _ := strings.Cut(f.part, "/")
	part, err := strconv.ParseUint(k, 10, 32)
	parts, err2 := strconv.ParseUint(n, 10, 32)
	if err != nil || err2 != nil || part == 0 || part > parts {
		return fmt.Errorf("--part %s: want K/N, K from 1 to N, such as 3/40", f.part)
	}
	f.o.Part, f.o.Parts = part-1, parts
	return nil
}

// again does one run and prints it.
func (f *storeFuzz) again(out io.Writer) error {
	w, n, err := sim.Find(f.name)
	if err != nil {
		return &usageError{err}
	}
	res := w.Run(n, true)
	for _, line := range res.Trace {
		fmt.Fprintln(out, line)
	}
	if res.Failure != nil {
		return fmt.Errorf("%s: %w", f.name, res.Failure)
	}
	fmt.Fprintf(out, "%s: every promise kept in %d starts\n", f.name, res.Images)
	return nil
}

func (f *storeFuzz) fuzz(cmd *cobra.Command) error {
	debug.SetGCPercent(400) // many small stores: the garbage is theirs
	ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if f.time > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, f.time)
		defer cancel()
	}
	if f.o.First == 0 {
		f.o.First = uint64(time.Now().UnixMilli())
	}
	f.err = cmd.ErrOrStderr()
	file, isFile := f.err.(*os.File)
	if isFile {
		info, err := file.Stat()
		f.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	f.began = time.Now()
	f.next = f.began.Add(f.period())
	f.o.Done = f.progress
	total, err := sim.Fuzz(ctx, f.o)
	if f.terminal {
		fmt.Fprint(f.err, "\r\x1b[K")
	}
	out := cmd.OutOrStdout()
	fmt.Fprintln(out, f.line(&total))
	if f.coverage {
		fmt.Fprint(out, total.Coverage.Table())
	}
	var failed *sim.FuzzFailure
	if !errors.As(err, &failed) {
		return err
	}
	const shown = 60
	fmt.Fprintf(out, "\nFAILED %s, the last of what it did:\n%s\n\nagain: ringmq store fuzz --run %s\n\n",
		failed.Name, strings.Join(failed.Trace[max(0, len(failed.Trace)-shown):], "\n"), failed.Name)
	return err
}

// period is how often the line is printed: where it cannot be drawn over, seldom.
func (f *storeFuzz) period() time.Duration {
	if f.terminal {
		return redrawEvery
	}
	return 10 * time.Second
}

func (f *storeFuzz) progress(p sim.Progress) {
	now := time.Now()
	if now.Before(f.next) {
		return
	}
	f.next = now.Add(f.period())
	if f.terminal {
		fmt.Fprintf(f.err, "\r\x1b[K%s", f.line(&p))
	} else {
		fmt.Fprintln(f.err, f.line(&p))
	}
}

func (f *storeFuzz) line(p *sim.Progress) string {
	took := time.Since(f.began)
	return fmt.Sprintf("%d runs, %d crash images in %s, %.0f/s (%.1f million an hour), %d points reached, last %s",
		p.Runs, p.Images, took.Round(time.Second), float64(p.Images)/took.Seconds(), float64(p.Images)/took.Hours()/1e6, len(p.Coverage), p.Name)
}
