package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"ringmq/bench"
	"ringmq/bench/flush"
)

// Every measurement against a broker of ours, in short, on both of the tool's I/O paths.
func TestBenchMeasuresABroker(t *testing.T) {
	namesrv, broker := freePorts(t)
	p := start(t, "Ctrl-C stops", "standalone", "--data", t.TempDir(), "--namesrv-port", fmt.Sprint(namesrv), "--broker-port", fmt.Sprint(broker))
	for _, io := range []string{"auto", "net"} {
		common := []string{"--json", "-b", fmt.Sprintf("127.0.0.1:%d", broker), "--pid", fmt.Sprint(os.Getpid())}
		report := func(to any, args ...string) {
			t.Helper()
			if args[0] != "conns" {
				args = append(args, "--io", io)
			}
			var out, stderr bytes.Buffer
			require.Zero(t, run(append(append([]string{"bench"}, args...), common...), &out, &stderr), stderr.String())
			require.NoError(t, json.Unmarshal(out.Bytes(), to), out.String())
		}
		topic := "Bench_" + io
		var rep bench.Report
		report(&rep, "send", "--topic", topic, "--queues", "4", "--create", "--messages", "3000", "--size", "20-2000", "--tags", "red,blue", "--keys", "1")
		require.EqualValues(t, 3000, rep.Messages)
		require.Empty(t, rep.Refusal)
		require.Positive(t, rep.Server.RSSMiB)

		rep = bench.Report{}
		report(&rep, "send", "--topic", topic, "--queues", "4", "--messages", "640", "--batch", "16", "--header", "rocketmq", "--size", "100")
		require.EqualValues(t, 640, rep.Messages)

		rep = bench.Report{}
		report(&rep, "pull", "--topic", topic, "--queues", "4", "--at-end", "stop", "--conns", "3")
		require.EqualValues(t, 3640, rep.Messages)
		require.EqualValues(t, 3640, rep.Pull.Checked)
		require.Empty(t, rep.Pull.FirstFault)

		rep = bench.Report{}
		report(&rep, "pull", "--topic", topic, "--queues", "4", "--at-end", "stop", "--tags", "red", "--conns", "2", "--check", "order", "--header", "rocketmq")
		require.InDelta(t, 1500, rep.Messages, 100, "half of those with a tag")
		require.Empty(t, rep.Pull.FirstFault)

		rep = bench.Report{}
		report(&rep, "e2e", "--topic", topic, "--queues", "4", "--rate", "500", "--groups", "2", "--warmup", "50ms", "--duration", "200ms")
		require.Positive(t, rep.Delivered)
		require.Zero(t, rep.Missing)
		require.NotNil(t, rep.EndToEnd)

		var over bench.OverloadReport
		report(&over, "overload", "--topic", topic, "--queues", "4", "--warmup", "20ms", "--step", "100ms", "--flood", "64", "--conns", "2")
		require.Positive(t, over.Acknowledged.Messages)
		require.True(t, over.Acknowledged.Whole(), over.Acknowledged)

		var many bench.IdleReport
		report(&many, "conns", "--conns", "50", "--hold", "10ms", "--register")
		require.Zero(t, many.Lost)
	}
	status := p.stop(t, os.Interrupt)
	require.Zero(t, status)
}

func TestBenchFlushMeasuresADisk(t *testing.T) {
	dir := t.TempDir()
	svg := filepath.Join(dir, "flush.svg")
	args := []string{"bench", "flush", dir, "--modes", "write-fsync,write-dsync", "--sizes", "100", "--waiters", "1,8", "--seconds", "4ms", "--no-bare"}
	var out, stderr bytes.Buffer
	require.Zero(t, run(append(args, "--svg", svg), &out, &stderr), stderr.String())
	require.Contains(t, out.String(), "on this disk use flushMode=")
	drawn, err := os.ReadFile(svg)
	require.NoError(t, err)
	require.Contains(t, string(drawn), "<svg")

	out.Reset()
	require.Zero(t, run(append(args, "--json", "--types", "ASYNC_FLUSH"), &out, &stderr), stderr.String())
	var rep flush.Report
	require.NoError(t, json.Unmarshal(out.Bytes(), &rep))
	require.Len(t, rep.Results, 4)

	for want, args := range map[string][]string{"folder": {}, "flushMode": {dir, "--modes", "quick"}, "--types": {dir, "--types", "SLOW"}} {
		status, stderr := fail(t, append([]string{"bench", "flush"}, args...)...)
		require.Equal(t, exitUsage, status, stderr)
		require.Contains(t, stderr, want)
	}
}

// Ctrl-C, pressed twice, and the end of the terminal leave nothing on the disk.
func TestStoppedBenchFlushLeavesNothing(t *testing.T) {
	for _, sig := range []os.Signal{os.Interrupt, syscall.SIGHUP} {
		dir := t.TempDir()
		p := &process{Cmd: exec.Command(os.Args[0], "bench", "flush", dir, "--seconds", "1h", "--room", "512"), stderr: new(bytes.Buffer)}
		p.Env, p.Stderr = environment(), p.stderr
		require.NoError(t, p.Start())
		t.Cleanup(func() { p.Process.Kill() })
		require.Eventually(t, func() bool {
			begun, err := filepath.Glob(filepath.Join(dir, "*", "commitlog", "*"))
			return err == nil && len(begun) > 0
		}, 20*time.Second, time.Millisecond)
		status := p.stop(t, sig)
		require.Equal(t, exitFailed, status, p.stderr)
		require.Contains(t, p.stderr.String(), "what was written is removed")
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left)
	}
}

func TestBenchOfNobody(t *testing.T) {
	for _, args := range [][]string{{"send"}, {"pull"}, {"e2e"}, {"conns", "--conns", "2"}, {"overload"}} {
		status, stderr := fail(t, append(append([]string{"bench"}, args...), "-b", "127.0.0.1:1")...)
		require.Equal(t, exitFailed, status)
		require.Contains(t, stderr, "127.0.0.1:1")
	}
	for want, args := range map[string][]string{
		"--header": {"send", "--header", "xml"}, "size": {"send", "--size", "big"}, "--io": {"null", "--io", "fast"}, "--conns": {"conns", "--conns", "0"},
	} {
		status, stderr := fail(t, append([]string{"bench"}, args...)...)
		require.Equal(t, exitUsage, status, stderr)
		require.Contains(t, stderr, want)
	}
}
