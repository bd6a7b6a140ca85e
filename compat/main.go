// Command compat starts a name server and a broker and has every suite look at them.
//
// Core idea: the same suites run against ringmq and against the Java peer. They know no target, so
// they judge behaviour and not us: what is demanded of ringmq holds for Java in the same run of code.
//
//	compat ─┬─ java      stock Java client 4.9.8 (compat/java), both header serializations ┐
//	        ├─ go        stock Go client v2.1.2 (compat/goclient)                          ├ one cluster, side by side
//	        ├─ mqadmin   stock admin tool 4.9.8                                            ┘
//	        ├─ operate   starts, stops, and what a broker must refuse
//	        ├─ hostile   bad input on raw sockets
//	        ├─ exchange  a store handed from Java to the target and back
//	        ├─ crash     kill -9 under load
//	        ├─ damage    harmed files
//	        └─ faults    power cuts, full, failing and slow disks (root)
//
// Each behaviour is one line, PASS or FAIL; the closing line counts them. run.sh is the way to start it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"ringmq/compat/target"
	"ringmq/compat/verdict"
)

// bench is what the suites share. It is set up before the first suite and not changed after.
type bench struct {
	options
	board *verdict.Board
	// dir is the scratch folder of the run.
	dir string
	// root is the folder compat of the project.
	root  string
	ports *target.Ports
}

// options are the flags.
type options struct {
	target string
	io     string
	only   string
	match  string
	binary string
	root   string
	flush  string
	rounds int
	seed   uint64
	keep   bool
	first  int
	last   int
}

// suites in the order in which they run.
var suites = []struct {
	names []string
	run   func(*bench, context.Context, func(string) bool) error
}{
	{[]string{"java", "go", "mqadmin"}, (*bench).clients},
	{[]string{"operate"}, (*bench).operate},
	{[]string{"hostile"}, (*bench).hostile},
	{[]string{"exchange"}, (*bench).exchange},
	{[]string{"crash"}, (*bench).crash},
	{[]string{"damage"}, (*bench).damage},
	{[]string{"faults"}, (*bench).faults},
}

func main() {
	o, err := parse(os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	ok, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

func parse(args []string) (options, error) {
	var o options
	var ports string
	f := flag.NewFlagSet("compat", flag.ExitOnError)
	f.StringVar(&o.target, "target", "ringmq", "the program to judge: ringmq or java")
	f.StringVar(&o.io, "io", "auto", "I/O path of ringmq: auto, ring or net; crash and faults take both unless one is named")
	f.StringVar(&o.only, "only", "", "suites to run, divided by commas: java, go, mqadmin, operate, hostile, exchange, crash, damage, faults")
	f.StringVar(&o.match, "match", "", "only behaviours of the suites java, go, hostile and exchange whose name holds this")
	f.StringVar(&o.binary, "binary", "bin/ringmq", "the ringmq program")
	f.StringVar(&o.root, "root", "compat", "folder of the suites")
	f.StringVar(&o.flush, "flush", "", "crash: only this flushDiskType, ASYNC_FLUSH or SYNC_FLUSH")
	f.IntVar(&o.rounds, "rounds", 3, "crash: kills for each flushDiskType and I/O path")
	f.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "crash, faults: seed of the choices")
	f.BoolVar(&o.keep, "keep", false, "keep all stores and logs, also if nothing fails")
	f.StringVar(&ports, "ports", "21700-22699", "ports to use")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if f.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q; see -help", f.Arg(0))
	}
	if _, err := fmt.Sscanf(ports, "%d-%d", &o.first, &o.last); err != nil {
		return o, fmt.Errorf("-ports %q is not FIRST-LAST", ports)
	}
	return o, o.check()
}

func (o options) check() error {
	for _, c := range []struct {
		flag, value string
		allowed     []string
	}{
		{"target", o.target, []string{"ringmq", "java"}},
		{"io", o.io, []string{"auto", "ring", "net"}},
		{"flush", o.flush, []string{"", "ASYNC_FLUSH", "SYNC_FLUSH"}},
	} {
		if !slices.Contains(c.allowed, c.value) {
			return fmt.Errorf("-%s %q is none of %s", c.flag, c.value, strings.Join(c.allowed, " "))
		}
	}
	var known []string
	for _, s := range suites {
		known = append(known, s.names...)
	}
	for name := range strings.SplitSeq(o.only, ",") {
		if name != "" && !slices.Contains(known, name) {
			return fmt.Errorf("-only %q is none of %s", name, strings.Join(known, " "))
		}
	}
	return nil
}

func (o options) wants(suite string) bool {
	return o.only == "" || slices.Contains(strings.Split(o.only, ","), suite)
}

func run(ctx context.Context, o options) (ok bool, err error) {
	b := &bench{options: o, board: verdict.NewBoard(os.Stdout), ports: target.NewPorts(o.first, o.last)}
	if b.root, err = filepath.Abs(o.root); err != nil {
		return false, err
	}
	if b.binary, err = filepath.Abs(o.binary); err != nil {
		return false, err
	}
	if b.dir, err = os.MkdirTemp("", "ringmq-compat-"); err != nil {
		return false, err
	}
	start := time.Now()
	for _, s := range suites {
		if !slices.ContainsFunc(s.names, o.wants) || ctx.Err() != nil {
			continue
		}
		if err := s.run(b, ctx, o.wants); err != nil {
			b.board.Result(strings.Join(s.names, "+"), err)
		}
	}
	if ctx.Err() != nil {
		return false, fmt.Errorf("interrupted; logs are in %s", b.dir)
	}
	ok = b.board.OK()
	switch {
	case o.keep:
		fmt.Printf("stores and logs are in %s\n", b.dir)
	case ok:
		err = os.RemoveAll(b.dir)
	default:
		err = trim(b.dir)
		fmt.Printf("logs, and stores without their large files (-keep keeps them), are in %s\n", b.dir)
	}
	fmt.Printf("%s (target %s, %.0f s)\n", b.board.Summary(), o.target, time.Since(start).Seconds())
	return ok, err
}

// trim removes the large files below a folder: runs that fail must not fill the disk.
func trim(dir string) error {
	const large = 64 << 20
	return filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Size() > large {
			err = os.Remove(path)
		}
		return err
	})
}

// servers returns a target of the kind that is judged, with files below a folder of its own.
func (b *bench) servers(name string, kind target.Kind, io target.IO) (*target.Target, error) {
	dir := filepath.Join(b.dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	return &target.Target{
		Kind: kind, IO: io, Binary: b.binary, Peer: filepath.Join(b.root, "peer", "peer"), Dir: dir, Ports: b.ports,
	}, nil
}
