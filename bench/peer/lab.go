package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"ringmq/bench"
	"ringmq/compat/target"
	"ringmq/internal/client"
	"ringmq/internal/wire"
)

// contestant is who can be measured.
type contestant string

const (
	java    contestant = "java"
	ours    contestant = "ringmq"
	ournet  contestant = "net"      // ringmq without io_uring
	null    contestant = "null"     // stores nothing
	nullnet contestant = "null-net" // without io_uring
)

var everyone = []contestant{java, ours, ournet, null, nullnet}

// flush is when a broker acknowledges.
type flush string

const (
	asyncFlush flush = "ASYNC_FLUSH"
	syncFlush  flush = "SYNC_FLUSH"
)

// lab starts and stops contestants.
type lab struct {
	o     *options
	dir   string
	ports *target.Ports
	java  *server // warm; one at a time
	key   javaKey // what it is for

	descriptors int // that each process may have open
}

// javaKey tells Java brokers apart that must not be the same one: a store that is read is never trimmed.
type javaKey struct {
	mode flush
	read bool
}

// server is a running contestant.
type server struct {
	who   contestant
	mode  flush
	addr  string
	port  int
	dir   string // has the store
	extra []string
	cpus  string // taskset list; empty: all
	*target.Process
}

func newLab(o *options) (*lab, error) {
	descriptors, err := raiseDescriptors()
	if err != nil {
		return nil, err
	}
	for _, path := range []*string{&o.binary, &o.peer, &o.work} {
		if *path == "" {
			continue // the folder for temporary files
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return nil, err
		}
		*path = abs
	}
	dir, err := os.MkdirTemp(o.work, "ringmq-bench-")
	return &lab{o: o, dir: dir, ports: target.NewPorts(o.ports, o.ports+99), descriptors: descriptors}, err
}

// raiseDescriptors raises the limit of descriptors, which children inherit, to what 50,000 connections need; who may
// not gets as far as the hard limit.
func raiseDescriptors() (int, error) {
	want := syscall.Rlimit{Cur: 100_000, Max: 100_000}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want); err == nil {
		return int(want.Cur), nil
	}
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &want); err != nil {
		return 0, err
	}
	want.Cur = want.Max
	return int(want.Cur), syscall.Setrlimit(syscall.RLIMIT_NOFILE, &want)
}

// close ends what still runs and removes the stores.
func (l *lab) close() {
	l.endJava()
	if err := os.RemoveAll(l.dir); err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
	}
}

// endJava ends the Java broker that runs.
func (l *lab) endJava() {
	if l.java != nil {
		l.java.Kill()
		if err := os.RemoveAll(l.java.dir); err != nil {
			fmt.Fprintln(os.Stderr, "peer:", err)
		}
		l.java = nil
	}
}

// on has fn measure a contestant: a warm Java broker, or one of the others, new and with an empty store.
func (l *lab) on(ctx context.Context, who contestant, mode flush, fn func(*server) error) error {
	if who != java {
		return l.onFresh(ctx, who, mode, nil, fn)
	}
	s, err := l.warmJava(ctx, javaKey{mode: mode})
	if err != nil {
		return err
	}
	settle()
	return errors.Join(fn(s), s.trim(ctx))
}

// onReader is on for rows that store first and then read.
func (l *lab) onReader(ctx context.Context, who contestant, fn func(*server) error) error {
	if who != java {
		return l.onFresh(ctx, who, asyncFlush, nil, fn)
	}
	s, err := l.warmJava(ctx, javaKey{mode: asyncFlush, read: true})
	if err != nil {
		return err
	}
	settle()
	return fn(s)
}

// onFresh has fn measure a contestant that is started for it, with more options, and ended afterwards.
func (l *lab) onFresh(ctx context.Context, who contestant, mode flush, extra []string, fn func(*server) error) error {
	s, err := l.fresh(who, mode)
	if err != nil {
		return err
	}
	s.extra = extra
	if err := l.start(ctx, s); err != nil {
		return err
	}
	settle()
	err = fn(s)
	s.Kill() // how it stops is a row of its own
	return errors.Join(err, os.RemoveAll(s.dir))
}

// settle has everything written that earlier turns left in the page cache.
func settle() { unix.Sync() }

// fresh is a contestant that is not started, with a folder of its own.
func (l *lab) fresh(who contestant, mode flush) (*server, error) {
	dir, err := os.MkdirTemp(l.dir, string(who)+"-")
	if err != nil {
		return nil, err
	}
	port, err := l.ports.Take()
	if err != nil { // all were used: those of contestants that are gone are free again
		l.ports = target.NewPorts(l.o.ports, l.o.ports+99)
		port, err = l.ports.Take()
	}
	return &server{who: who, mode: mode, dir: dir, port: port, addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}, err
}

// start runs a contestant on its folder until it serves.
func (l *lab) start(ctx context.Context, s *server) error {
	if err := l.launch(s); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	err := s.Ready(ctx, s.addr)
	if err != nil {
		s.Kill()
	}
	return err
}

// launch runs a contestant without waiting for it.
func (l *lab) launch(s *server) (err error) {
	command, env := l.command(s)
	if s.cpus != "" {
		command = append([]string{"taskset", "-c", s.cpus}, command...)
	}
	s.Process, err = target.Start(s.dir, command, env)
	return err
}

// command is the command line of a contestant. Java has the tuning that was found best: one send thread, with many and a
// real lock where they wait for the disk.
func (l *lab) command(s *server) (command, env []string) {
	store := filepath.Join(s.dir, "store")
	io := map[contestant]string{ours: "ring", ournet: "net", null: "ring", nullnet: "net"}[s.who]
	switch s.who {
	case java:
		tuning := []string{"sendMessageThreadPoolNums=1"}
		if s.mode == syncFlush {
			tuning = []string{"sendMessageThreadPoolNums=16", "useReentrantLockWhenPutMessage=true"}
		}
		// Files without readers go when they are asked to (request 329), and at no hour of the day.
		tuning = append(tuning, "flushDiskType="+string(s.mode), "fileReservedTime=0", fmt.Sprintf("deleteWhen=%02d", (time.Now().Hour()+12)%24))
		command = []string{l.o.peer, "broker", "-p", strconv.Itoa(s.port), "-s", store, "-w", filepath.Join(s.dir, "home")}
		return append(append(append(command, tuning...), s.extra...), l.o.java...), nil
	case null, nullnet:
		return []string{l.o.binary, "bench", "null", "--listen", s.addr, "--io", io}, nil
	}
	ringIO := "on"
	if s.who == ournet {
		ringIO = "off"
	}
	options := append([]string{"brokerIP1=127.0.0.1", "listenPort=" + strconv.Itoa(s.port), "storePathRootDir=" + store,
		"flushDiskType=" + string(s.mode), "ringIO=" + ringIO}, s.extra...)
	command = []string{l.o.binary, "broker"}
	for _, o := range append(options, l.o.ours...) {
		command = append(command, "-o", o)
	}
	return command, nil
}

// warmJava is the Java broker for a key, started and warmed up the first time.
func (l *lab) warmJava(ctx context.Context, key javaKey) (*server, error) {
	if l.java != nil && l.key == key {
		return l.java, nil
	}
	l.endJava()
	s, err := l.fresh(java, key.mode)
	if err != nil {
		return nil, err
	}
	if err := l.start(ctx, s); err != nil {
		return nil, err
	}
	l.java, l.key = s, key
	fmt.Fprintf(os.Stderr, "         warming the Java broker up (%s, %v)\n", key.mode, l.o.warm)
	if err := l.warm(ctx, s, l.o.warm); err != nil || key.read {
		return s, err
	}
	return s, s.trim(ctx)
}

// warm has a broker send and pull for a time: Java's compiler wants to have seen both.
func (l *lab) warm(ctx context.Context, s *server, d time.Duration) error {
	var rep bench.Report
	send := d * 3 / 4
	if err := l.bench(ctx, s, &rep, "send", "--warmup", "0s", "--duration", send.String()); err != nil {
		return err
	}
	return l.bench(ctx, s, &rep, "pull", "--warmup", "0s", "--check", "none", "--duration", (d - send).String())
}

// bench runs `ringmq bench` on a server and reads its report.
func (l *lab) bench(ctx context.Context, s *server, report any, args ...string) error {
	all := append([]string{"bench", args[0], "--json", "-b", s.addr, "--pid", strconv.Itoa(s.Pid())}, args[1:]...)
	cmd := exec.CommandContext(ctx, l.o.binary, all...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("ringmq %s: %w: %s (the server's output: %s)", strings.Join(all, " "), err, strings.TrimSpace(stderr.String()), s.Tail())
	}
	if err := json.Unmarshal(out, report); err != nil {
		return fmt.Errorf("ringmq %s: %w", strings.Join(all, " "), err)
	}
	return nil
}

// trimAbove is the size of a Java store that is left alone.
const trimAbove = 8 << 30

// trim has a broker delete its commit log but for the last file once it is large, so that the turns do not fill the
// disk. It goes on doing so for minutes.
func (s *server) trim(ctx context.Context) error {
	if size(filepath.Join(s.dir, "store", "commitlog")) < trimAbove {
		return nil
	}
	c, err := client.Dial(ctx, s.addr, client.Options{})
	if err != nil {
		return err
	}
	defer c.Close()
	answer, err := c.Call(ctx, wire.CodeDeleteExpiredCommitlog, nil, nil)
	if err != nil {
		return err
	}
	return client.Failure(answer)
}

// size is that of the files in a folder.
func size(dir string) (n int64) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil { // it may be deleted just now
			n += info.Size()
		}
	}
	return n
}
