package main

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The test binary is ringmq itself when this is set.
const asMain = "RINGMQ_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// A command that does not serve: its arguments, its exit status, what it prints.
func TestCommandLine(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, os.WriteFile("b.conf", []byte("brokerName=broker-a\nbrokerNmae=x\nflushDiskType=SYNC_FLUSH\n"), 0o600))
	require.NoError(t, os.WriteFile("bad.conf", []byte("listenPort=ten\n"), 0o600))
	require.NoError(t, os.WriteFile("acl.conf", []byte("aclEnable=true\n"), 0o600))
	for _, c := range []struct {
		args   string
		status int
		out    []string // lines of standard output, among others
		err    []string // parts of standard error, in order
	}{
		{"version", 0, []string{"ringmq dev (RocketMQ 4.9.8 protocol and store,"}, nil},
		{"help", 0, []string{"Start with 'ringmq standalone': both servers in one process, messages in ./data."}, nil},
		{"", 0, []string{"Usage:"}, nil},
		{"brokr", 2, nil, []string{`ringmq: unknown command "brokr"`, "See 'ringmq --help'."}},
		{"broker --colour", 2, nil, []string{"ringmq: unknown flag: --colour", "See 'ringmq broker --help'."}},
		{"broker extra", 2, nil, []string{`ringmq: unexpected argument "extra"`}},
		{"broker -o listenPort", 2, nil, []string{`"listenPort": want key=value`}},
		{"broker -c missing.conf", 1, nil, []string{"ringmq: cannot read the configuration file missing.conf: no such file or directory"}},
		{"broker -c bad.conf", 1, nil, []string{"ringmq: bad.conf: listenPort=ten: want a whole number from 0 to 65535"}},
		{"namesrv -c bad.conf", 1, nil, []string{"ringmq: bad.conf: listenPort=ten: want a whole number from 0 to 65535"}},
		{"standalone -c bad.conf", 1, nil, []string{"ringmq: bad.conf: listenPort=ten: want a whole number from 0 to 65535"}},
		{"standalone --broker-port 99999", 1, nil, []string{"ringmq: flag listenPort=99999: want a whole number"}},
		{"broker -c acl.conf", 1, nil, []string{"ringmq: aclEnable=true: ringmq does not check access keys yet"}},
		{"broker -o ringIo=on", 1, nil, []string{"ringmq: flag: ringIo: unknown key; did you mean ringIO?"}},
		{"broker -o brokerIP1=a..b", 1, nil, []string{"ringmq: brokerIP1=a..b: want an address"}},
		{"broker -o messageDelayLevel=1x", 1, nil, []string{`ringmq: messageDelayLevel: "1x" is not a number`}},
		{"broker -n nowhere", 1, nil, []string{"ringmq: namesrvAddr=nowhere: want host:port"}},
		{"broker -p --log-level loud", 2, nil, []string{"ringmq: --log-level loud: want debug, info, warn or error"}},
		{"broker -p --log-format xml", 2, nil, []string{"ringmq: --log-format xml: want text or json"}},
		{"broker -c b.conf -p", 0, []string{"brokerName=broker-a", "flushDiskType=SYNC_FLUSH", "listenPort=10911", "brokerNmae=x", "ringIO=auto"},
			[]string{"level=WARN", "brokerNmae: unknown key; did you mean brokerName?"}},
		{"broker -c b.conf -p --log-format json", 0, nil, []string{`"level":"WARN","msg":"b.conf: brokerNmae`}},
		{"broker -m -n a:1;b:2", 0, []string{"namesrvAddr=a:1;b:2", "aclEnable=false"}, nil},
		{"broker -p -Drocketmq.namesrv.addr=c:3", 0, []string{"namesrvAddr=c:3"}, nil},
		{"store fuzz --seeds 2 --first 1 --coverage", 0, []string{"2 runs, "}, nil},
		{"store fuzz --run seed/1", 0, []string{"seed/1: every promise kept in "}, nil},
		{"store fuzz --run bits/99999999", 2, nil, []string{"ringmq: bits/99999999: the last one is bits/"}},
		{"store fuzz --walk sequence --part 5900/5908", 0, []string{"1 runs, "}, nil},
		{"store fuzz --walk bits --part 5/4", 2, nil, []string{"ringmq: --part 5/4: want K/N, K from 1 to N, such as 3/40"}},
		{"store fuzz --run speed/1", 2, nil, []string{`ringmq: "speed/1" is no run: want seed/, sequence/, fault/ or bits/ and a number`}},
		{"broker -p -D tls.server.mode=enforcing", 0, nil, nil},
		{"broker -D tls.server.mode=enforcing", 1, nil, []string{"tls.server.mode=enforcing: ringmq does not speak TLS yet"}},
		{"namesrv -p -o orderMessageEnable=true", 0, []string{"orderMessageEnable=true", "listenPort=9876"}, nil},
		{"standalone -p --data d --namesrv-port 1 --broker-port 7", 0, []string{"# name server", "listenPort=1", "# broker", "listenPort=7", "namesrvAddr=127.0.0.1:1"}, nil},
	} {
		t.Run(c.args, func(t *testing.T) {
			var out, err bytes.Buffer
			status := run(strings.Fields(c.args), &out, &err)
			require.Equal(t, c.status, status, "%s%s", &out, &err)
			for _, line := range c.out {
				require.Contains(t, "\n"+out.String(), "\n"+line)
			}
			rest := err.String()
			for _, part := range c.err {
				at := strings.Index(rest, part)
				require.GreaterOrEqual(t, at, 0, "%q in\n%s", part, &err)
				rest = rest[at+len(part):]
			}
			if c.status == 0 && c.err == nil {
				require.Empty(t, err.String())
			}
		})
	}
}

func TestHelpFitsAScreen(t *testing.T) {
	var out bytes.Buffer
	require.Zero(t, run([]string{"help"}, &out, &out))
	require.LessOrEqual(t, strings.Count(out.String(), "\n"), 24)
	for line := range strings.Lines(out.String()) {
		require.LessOrEqual(t, len(line), 100, line)
	}
}

// process is a ringmq of its own.
type process struct {
	*exec.Cmd
	out    *bufio.Scanner
	stderr *bytes.Buffer
}

// environment makes the test binary ringmq. The race detector would sleep a second at the end.
func environment() []string { return append(os.Environ(), asMain+"=1", "GORACE=atexit_sleep_ms=0") }

// start runs ringmq and waits for the last line it prints before it serves.
func start(t *testing.T, lastLine string, args ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.Command(os.Args[0], args...), stderr: new(bytes.Buffer)}
	p.Env = environment()
	p.Stderr = p.stderr
	pipe, err := p.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.Start())
	t.Cleanup(func() { p.Process.Kill() })
	p.out = bufio.NewScanner(pipe)
	for p.out.Scan() {
		if strings.HasPrefix(p.out.Text(), lastLine) {
			return p
		}
	}
	p.Wait()
	t.Fatalf("%v ended before %q:\n%s", args, lastLine, p.stderr)
	return nil
}

// stop signals the process, twice at once as timeout(1) does, and returns its exit status.
func (p *process) stop(t *testing.T, sig os.Signal) int {
	t.Helper()
	for range 2 {
		require.NoError(t, p.Process.Signal(sig))
	}
	p.Wait() // the status says it
	return p.ProcessState.ExitCode()
}

// fail runs ringmq, which must end by itself, and returns its exit status and standard error.
func fail(t *testing.T, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = environment()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	require.NoError(t, cmd.Start())
	timer := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait()
	return cmd.ProcessState.ExitCode(), stderr.String()
}

// freePorts finds a port for a name server and one for a broker, whose neighbours are free.
func freePorts(t *testing.T) (namesrv, broker int) {
	t.Helper()
	free := func(port int) bool {
		l, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
		if err == nil {
			l.Close()
		}
		return err == nil
	}
	for p := 21500 + os.Getpid()%20; p < 21600; p += 5 {
		if free(p) && free(p+2) && free(p+3) && free(p+4) {
			return p, p + 4
		}
	}
	t.Fatal("no free ports between 21500 and 21600")
	return 0, 0
}

func TestNamesrvServesAndStops(t *testing.T) {
	port, _ := freePorts(t)
	dir := t.TempDir()
	args := []string{"namesrv", "-o", fmt.Sprintf("listenPort=%d", port), "-o", "kvConfigPath=" + filepath.Join(dir, "kv.json")}
	p := start(t, "ringmq name server", args...)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	require.NoError(t, err)
	defer c.Close()

	status, stderr := fail(t, args...)
	require.Equal(t, exitFailed, status)
	require.Contains(t, stderr, fmt.Sprint(port))
	require.Contains(t, stderr, "-o listenPort=N")
	requireOneLine(t, stderr)

	require.Zero(t, p.stop(t, syscall.SIGTERM), p.stderr)
}

// requireOneLine says that an error is one line, apart from the log.
func requireOneLine(t *testing.T, stderr string) {
	t.Helper()
	lines := 0
	for line := range strings.Lines(stderr) {
		if !strings.HasPrefix(line, "time=") {
			lines++
		}
	}
	require.Equal(t, 1, lines, stderr)
}

func TestStandaloneServesAndStops(t *testing.T) {
	for _, path := range []string{"auto", "off"} {
		t.Run("ringIO="+path, func(t *testing.T) {
			namesrv, broker := freePorts(t)
			dir := t.TempDir()
			args := []string{"standalone", "--data", dir, "-o", "ringIO=" + path,
				"--namesrv-port", fmt.Sprint(namesrv), "--broker-port", fmt.Sprint(broker)}
			p := start(t, "Ctrl-C stops", args...)
			for _, port := range []int{namesrv, broker, broker - 2} {
				c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
				require.NoError(t, err)
				defer c.Close()
			}
			// A second broker on the same store, on other ports.
			status, stderr := fail(t, "broker", "-o", "storePathRootDir="+filepath.Join(dir, "store"), "-o", "listenPort=21598")
			require.Equal(t, exitFailed, status)
			require.Contains(t, stderr, filepath.Join(dir, "store"))
			requireOneLine(t, stderr)

			require.Zero(t, p.stop(t, os.Interrupt), p.stderr)
			require.NoFileExists(t, filepath.Join(dir, "store", "abort"), "stopped cleanly")
		})
	}
}

func TestStandaloneThatCannotStart(t *testing.T) {
	namesrv, broker := freePorts(t)
	l, err := net.Listen("tcp", fmt.Sprintf(":%d", broker-2))
	require.NoError(t, err)
	defer l.Close()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for _, c := range []struct {
		name, data      string
		namesrv, broker int
		want            string
	}{
		{"busy fast port", t.TempDir(), namesrv, broker, fmt.Sprintf("fast port (listenPort-2): listen on :%d: bind: address already in use", broker-2)},
		{"busy name server port", t.TempDir(), broker - 2, broker + 10, fmt.Sprint(broker - 2)},
		{"data is a file", file, namesrv, broker, "storePathRootDir must be a folder"},
		{"data cannot be made", "/proc/ringmq", namesrv, broker, "/proc/ringmq"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, stderr := fail(t, "standalone", "--data", c.data,
				"--namesrv-port", fmt.Sprint(c.namesrv), "--broker-port", fmt.Sprint(c.broker))
			require.Equal(t, exitFailed, status, stderr)
			require.Contains(t, stderr, c.want)
			requireOneLine(t, stderr)
			require.NoFileExists(t, filepath.Join(c.data, "store", "abort"), "what was opened is closed")
		})
	}
}
