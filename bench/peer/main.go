package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options of a run.
type options struct {
	rows    []string // groups or names; empty: all but the scaling ones
	who     []contestant
	rounds  int
	seconds time.Duration // of each measurement
	warm    time.Duration // of Java
	long    time.Duration // of the sustained row
	binary  string
	peer    string
	work    string        // stores; a temporary folder in it
	results string        // figures, one JSON line each
	add     bool          // keep the figures that results has of other rows
	resume  bool          // and of these: measure only what is missing
	within  time.Duration // no row begins later; 0: all do
	page    string
	ports   int
	java    []string // more options for the Java broker
	ours    []string // and for ours
	farGiB  float64
	lifeGiB float64
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(1)
	}
}

func parse(args []string) (*options, error) {
	o := &options{}
	var rows, who, java, ours string
	f := flag.NewFlagSet("peer", flag.ExitOnError)
	f.StringVar(&rows, "rows", "", "groups or rows to measure, divided by commas: "+strings.Join(groups(), ", ")+"; default all but scale")
	f.StringVar(&who, "who", "", "who is measured, divided by commas: java, ringmq, net (ringmq without io_uring), null, null-net; default all that fit a row")
	f.IntVar(&o.rounds, "rounds", 1, "rounds of each row, the contestants in turn in each")
	f.DurationVar(&o.seconds, "seconds", 3*time.Second, "length of each measurement; its warm-up is a quarter of it")
	f.DurationVar(&o.warm, "warm", time.Minute, "load that warms the Java broker up, once per flush mode")
	f.DurationVar(&o.long, "long", time.Minute, "length of the sustained row")
	f.StringVar(&o.binary, "binary", "bin/ringmq", "the ringmq program")
	f.StringVar(&o.peer, "peer", "compat/peer/peer", "the script that runs the Java broker")
	f.StringVar(&o.work, "work", "", "where stores lie: a disk with 40 GiB free; default the folder for temporary files")
	f.StringVar(&o.results, "results", "bin/benchmarks.jsonl", "where figures are kept, one JSON line each")
	f.BoolVar(&o.add, "add", false, "keep the figures of other rows that are there")
	f.BoolVar(&o.resume, "resume", false, "measure only rows that have no figures yet: what an earlier run has left")
	f.DurationVar(&o.within, "within", 0, "begin no row later than this after the start; -resume goes on from there")
	f.StringVar(&o.page, "page", "docs/benchmarks.md", "the page to write; empty for none")
	f.IntVar(&o.ports, "ports", 23900, "first of 100 ports to use")
	f.StringVar(&java, "java", "", "more options for the Java broker, KEY=VALUE divided by commas")
	f.StringVar(&ours, "ours", "", "more options for ringmq, KEY=VALUE divided by commas")
	f.Float64Var(&o.farGiB, "far", 0, "GiB between a reader far behind and the end; default 42 % of this machine's memory, where Java takes messages for cold")
	f.Float64Var(&o.lifeGiB, "life", 4, "GiB in the store of the rows about starts")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	o.rows, o.java, o.ours = list(rows), list(java), list(ours)
	o.add = o.add || o.resume
	for _, w := range list(who) {
		c := contestant(w)
		if !slices.Contains(everyone, c) {
			return nil, fmt.Errorf("-who %s: want one of %v", w, everyone)
		}
		o.who = append(o.who, c)
	}
	for _, r := range o.rows {
		if !slices.ContainsFunc(table, func(row row) bool { return row.called(r) }) {
			return nil, fmt.Errorf("-rows %s: no such group or row; groups are %s", r, strings.Join(groups(), ", "))
		}
	}
	if f.NArg() > 0 || o.rounds < 1 || o.seconds < time.Second/2 {
		return nil, errors.New("arguments: want flags only, at least one round and half a second")
	}
	return o, nil
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

// run measures the rows that are wanted and writes the page.
func run(ctx context.Context, o *options) error {
	all, err := loadResults(o)
	if err != nil {
		return err
	}
	l, err := newLab(o)
	if err != nil {
		return err
	}
	defer l.close()
	begin := time.Now()
	var failed error
	left := 0
	for _, r := range table {
		switch {
		case !o.wants(&r) || o.resume && all.has(r.group, r.name):
		case o.within > 0 && time.Since(begin) > o.within:
			left++
		default:
			all.forget(r.group, r.name)
			failed = errors.Join(failed, all.rounds(ctx, l, &r, begin))
			if ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	if left > 0 {
		failed = errors.Join(failed, fmt.Errorf("%d rows are left for a run with -resume", left))
	}
	if o.page == "" {
		return failed
	}
	fmt.Fprintf(os.Stderr, "%5.0f s  writing %s\n", time.Since(begin).Seconds(), o.page)
	return errors.Join(failed, all.writePage(o))
}

// rounds measures a row on its contestants in turn. One that fails does not keep the others from it: they are worth having
// all the same.
func (all *results) rounds(ctx context.Context, l *lab, r *row, begin time.Time) (failed error) {
	for round := range l.o.rounds {
		for _, who := range l.o.contestants(r) {
			fmt.Fprintf(os.Stderr, "%5.0f s  %s: %s, %s, round %d\n", time.Since(begin).Seconds(), r.group, r.name, who, round+1)
			err := all.measure(ctx, l, r, who, round)
			switch {
			case ctx.Err() != nil:
				return nil
			case errors.Is(err, errNoRoom):
				fmt.Fprintf(os.Stderr, "         %v\n", err)
			case err != nil:
				err = fmt.Errorf("%s/%s on %s: %w", r.group, r.name, who, err)
				fmt.Fprintln(os.Stderr, "         failed:", err)
				failed = errors.Join(failed, err)
			}
		}
	}
	return failed
}

// measure runs a row on a contestant and keeps what it found.
func (all *results) measure(ctx context.Context, l *lab, r *row, who contestant, round int) error {
	figures, err := r.run(ctx, l, who)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "        ", figures)
	return all.keep(result{Group: r.group, Row: r.name, Who: who, Round: round, Figures: figures})
}

// wants tells whether a row is to be measured.
func (o *options) wants(r *row) bool {
	if len(o.rows) == 0 {
		return r.group != groupScale
	}
	return slices.ContainsFunc(o.rows, r.called)
}

// contestants are those of a row that are to be measured.
func (o *options) contestants(r *row) []contestant {
	if len(o.who) == 0 {
		return r.who
	}
	return slices.DeleteFunc(slices.Clone(r.who), func(c contestant) bool { return !slices.Contains(o.who, c) })
}
