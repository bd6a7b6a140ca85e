package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"ringmq/compat/mqadmin"
	"ringmq/compat/target"
)

// clients runs the stock clients and the stock tool against one cluster. They run side by side: most of
// their time is waiting, and a broker that serves them together is asked for more.
func (b *bench) clients(ctx context.Context, wants func(string) bool) error {
	if err := b.build(ctx, wants); err != nil {
		return err
	}
	servers, err := b.servers("clients", target.Kind(b.target), target.IO(b.io))
	if err != nil {
		return err
	}
	namesrv, err := servers.Namesrv(ctx, 0, nil)
	if err != nil {
		return err
	}
	defer namesrv.Kill()
	// Pending transactions are asked for after seconds, not after a minute.
	options := target.Options{
		"transactionCheckInterval": "1000", "transactionTimeOut": "3000", "enablePropertyFilter": "true",
		"enableLmq": "true", "enableMultiDispatch": "true", "traceTopicEnable": "true", "transactionCheckMax": "10",
		// One level more than by default.
		"messageDelayLevel": "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h 2s",
	}
	broker, err := servers.Broker(ctx, filepath.Join(servers.Dir, "store"), namesrv.Addr, 0, options)
	if err != nil {
		return err
	}
	defer broker.Kill()

	var wg sync.WaitGroup
	var errs [5]error
	if !apart(b.match) {
		if wants("java") {
			wg.Go(func() { errs[0] = b.java(ctx, namesrv.Addr, "JSON", parallel, b.match) })
			wg.Go(func() { errs[1] = b.java(ctx, namesrv.Addr, "ROCKETMQ", parallel, b.match) })
		}
		if wants("go") {
			wg.Go(func() { errs[2] = b.goClient(ctx, namesrv.Addr, broker.Addr, parallel, b.match) })
		}
	}
	if b.match == "" || apart(b.match) {
		wg.Go(func() { errs[4] = b.switches(ctx, servers, wants) })
	}
	wg.Wait()
	if wants("mqadmin") {
		suite := mqadmin.Suite{
			ClassPath: filepath.Join(b.root, "java", "target", "lib", "*"), Dir: filepath.Join(servers.Dir, "mqadmin"),
			Namesrv: namesrv.Addr, Broker: broker.Addr, Board: b.board,
		}
		errs[3] = suite.Run(ctx)
	}
	b.board.Result("both servers are still running", errors.Join(running("name server", namesrv), running("broker", broker)))
	b.board.Result("both servers end cleanly on SIGTERM", errors.Join(b.ends("broker", broker), b.ends("name server", namesrv)))
	return errors.Join(errs[:]...)
}

// apart tells the behaviours that need a broker of their own, by the beginning of their names.
func apart(name string) bool {
	return strings.HasPrefix(name, "broker:") || strings.HasPrefix(name, "slow:")
}

// switches runs the behaviours that change a whole broker, one after the other, and beside them those that wait for its look at
// slow groups.
func (b *bench) switches(ctx context.Context, servers *target.Target, wants func(string) bool) error {
	namesrv, err := servers.Namesrv(ctx, 0, nil)
	if err != nil {
		return err
	}
	defer namesrv.Kill()
	broker, err := servers.Broker(ctx, filepath.Join(servers.Dir, "switches"), namesrv.Addr, 0, target.Options{
		"disableConsumeIfConsumerReadSlowly": "true", "consumerFallbehindThreshold": fmt.Sprint(2 << 20),
	})
	if err != nil {
		return err
	}
	defer broker.Kill()
	var wg sync.WaitGroup
	errs := make(chan error, 4)
	run := func(part, client string) {
		if b.match != "" && !strings.HasPrefix(b.match, part) {
			return
		}
		if b.match != "" {
			part = b.match
		}
		if client == "java" && wants("java") {
			errs <- b.java(ctx, namesrv.Addr, "JSON", "1", part)
		}
		if client == "go" && wants("go") {
			errs <- b.goClient(ctx, namesrv.Addr, broker.Addr, "1", part)
		}
	}
	wg.Go(func() {
		run("broker:", "java")
		run("broker:", "go")
	})
	wg.Go(func() { run("slow:", "java") })
	wg.Go(func() { run("slow:", "go") })
	wg.Wait()
	close(errs)
	for e := range errs {
		err = errors.Join(err, e)
	}
	return errors.Join(err, running("name server of the switches", namesrv), running("broker of the switches", broker))
}

func running(what string, s *target.Server) error {
	if s.Alive() {
		return nil
	}
	return fmt.Errorf("the %s ended: %v; its output: %s", what, s.Wait(), s.Tail())
}

// ends stops a server. A JVM that SIGTERM ends has status 143 (128+15); ringmq's is 0.
func (b *bench) ends(what string, s *target.Server) error {
	if err := s.Stop(); err != nil {
		return err
	}
	var status *exec.ExitError
	err := s.Wait()
	if b.target == string(target.Java) && errors.As(err, &status) && status.ExitCode() == 128+int(syscall.SIGTERM) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("the %s: %w; its output: %s", what, err, s.Tail())
	}
	return nil
}

// build compiles the clients, the Java one only when its sources are newer than the last time.
func (b *bench) build(ctx context.Context, wants func(string) bool) error {
	if wants("java") || wants("mqadmin") {
		if err := b.buildJava(ctx); err != nil {
			return err
		}
	}
	if !wants("go") {
		return nil
	}
	return b.tool(ctx, filepath.Join(b.root, "goclient"), "go", "build", "-o", b.goBinary(), ".")
}

func (b *bench) goBinary() string { return filepath.Join(b.dir, "goclient") }

func (b *bench) buildJava(ctx context.Context) error {
	project := filepath.Join(b.root, "java")
	stamp := filepath.Join(project, "target", "built")
	built, err := os.Stat(stamp)
	if err == nil {
		newest, err := newestFile(filepath.Join(project, "src"), filepath.Join(project, "pom.xml"))
		if err != nil {
			return err
		}
		if newest.Before(built.ModTime()) {
			return nil
		}
	}
	start := time.Now()
	if err := b.tool(ctx, project, "mvn", "-q", "-B", "compile"); err != nil {
		return err
	}
	if err := os.WriteFile(stamp, nil, 0o644); err != nil {
		return err
	}
	return os.Chtimes(stamp, start, start) // a source saved during the build is newer
}

// newestFile returns the time of the newest file below some paths.
func newestFile(paths ...string) (time.Time, error) {
	var newest time.Time
	for _, path := range paths {
		err := filepath.Walk(path, func(_ string, info os.FileInfo, err error) error {
			if err == nil && !info.IsDir() && info.ModTime().After(newest) {
				newest = info.ModTime()
			}
			return err
		})
		if err != nil {
			return newest, err
		}
	}
	return newest, nil
}

// tool runs a build tool and returns its output as the error if it fails.
func (b *bench) tool(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return nil
}

// parallel is how many behaviours of one client run side by side. More would make two cores too slow for
// the bounds of the behaviours.
const parallel = "8"

func (b *bench) java(ctx context.Context, namesrv, serialization, parallel, part string) error {
	home := b.home("java-"+serialization, part)
	project := filepath.Join(b.root, "java", "target")
	return b.suite(ctx, "java "+serialization+": ", home, "java",
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
		"-Drocketmq.serialize.type="+serialization, "-Drocketmq.client.localOffsetStoreDir="+filepath.Join(home, "offsets"),
		"-Drocketmq.client.logRoot="+home, "-Drocketmq.client.logLevel=WARN",
		"-cp", filepath.Join(project, "classes")+":"+filepath.Join(project, "lib", "*"),
		"ringmq.compat.Main", namesrv, serialization, parallel, part)
}

func (b *bench) goClient(ctx context.Context, namesrv, broker, parallel, part string) error {
	// The client keeps broadcast offsets below HOME.
	return b.suite(ctx, "go: ", b.home("go", part), b.goBinary(), namesrv, broker, "run", parallel, part)
}

// home is the folder of a client's files.
func (b *bench) home(client, part string) string {
	if apart(part) {
		client += "-" + part[:strings.IndexByte(part, ':')]
	}
	return filepath.Join(b.dir, client)
}

// suite runs a program that prints verdicts and takes them over.
func (b *bench) suite(ctx context.Context, prefix, home, program string, args ...string) error {
	if err := os.MkdirAll(home, 0o755); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(home, "output.log"))
	if err != nil {
		return err
	}
	defer log.Close()
	ctx, cancel := context.WithTimeout(ctx, 6*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "HOME="+home)
	cmd.Dir, cmd.Stderr = home, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	read, write := io.Pipe()
	cmd.Stdout = write
	relayed := make(chan error, 1)
	seen := 0
	go func() {
		var err error
		seen, err = b.board.Relay(read, prefix, log)
		read.CloseWithError(err)
		relayed <- err
	}()
	err = cmd.Run()
	write.Close()
	if relayErr := <-relayed; relayErr != nil {
		return relayErr
	}
	var status *exec.ExitError
	if errors.As(err, &status) && status.ExitCode() == 1 && seen > 0 {
		return nil // its FAIL lines have said it
	}
	if err != nil || seen == 0 {
		return fmt.Errorf("%sended with %v after %d verdicts; its output is in %s", prefix, err, seen, log.Name())
	}
	return nil
}
