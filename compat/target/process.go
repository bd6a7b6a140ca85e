package target

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ringmq/compat/raw"
)

// Process is one child, in a process group of its own so that Ctrl-C at the terminal reaches this
// program alone, which then stops its children in order.
type Process struct {
	// Log is the file that has the child's output.
	Log string

	cmd *exec.Cmd
	// exited is closed once the child is gone; err is set before that.
	exited chan struct{}
	err    error
}

// Start runs a command with its output in dir/output.log and, if this program dies, without it.
func Start(dir string, command []string, env []string) (*Process, error) {
	p := &Process{Log: filepath.Join(dir, "output.log"), exited: make(chan struct{})}
	log, err := os.Create(p.Log)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.Command(command[0], command[1:]...)
	p.cmd.Dir, p.cmd.Stdout, p.cmd.Stderr = dir, log, log
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		log.Close()
		return nil, fmt.Errorf("start %s: %w", command[0], err)
	}
	go func() {
		p.err = p.cmd.Wait()
		log.Close()
		close(p.exited)
	}()
	return p, nil
}

// Pid is the number of the child's process.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// Exited is closed once the child is gone.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Wait returns how the child ended; nil is exit status 0.
func (p *Process) Wait() error {
	<-p.exited
	return p.err
}

// Kill ends the child as kill -9 does and waits until it is gone. It may be called twice.
func (p *Process) Kill() {
	p.signal(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// signal does nothing to a child that is gone: its number may be another process's by now.
func (p *Process) signal(pid int, sig syscall.Signal) {
	if p.Alive() {
		_ = syscall.Kill(pid, sig) // the only error here says that it ended just now
	}
}

// stopLimit bounds a clean stop; the Java broker takes 6–9 s on a quiet machine.
const stopLimit = 40 * time.Second

// Stop asks the child to end (SIGTERM) and waits. A child that does not is killed and reported.
func (p *Process) Stop() error { return p.StopBy(syscall.SIGTERM) }

// StopBy is [Process.Stop] with another signal.
func (p *Process) StopBy(sig syscall.Signal) error {
	p.signal(p.cmd.Process.Pid, sig)
	select {
	case <-p.exited:
		return nil
	case <-time.After(stopLimit):
		p.Kill()
		return fmt.Errorf("%s did not stop within %v of %v", p.cmd.Path, stopLimit, sig)
	}
}

// Alive tells whether the child is still running.
func (p *Process) Alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Memory returns the anonymous resident memory in bytes. Mapped store files are left out: the
// kernel may take those pages back at any time.
func (p *Process) Memory() (int64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			kib, err := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kib << 10, err
		}
	}
	return 0, fmt.Errorf("no RssAnon in /proc/%d/status", p.cmd.Process.Pid)
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Tail returns the end of the child's output, for a report.
func (p *Process) Tail() string {
	out, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	const limit = 2000
	if len(out) > limit {
		out = append([]byte("… "), out[len(out)-limit:]...)
	}
	return strings.TrimSpace(string(out))
}

// Ready returns once a request to addr is answered, and fails when the child ends before. That addr can be
// connected to says little: a child killed a moment ago on the same port may still seem to listen there, for
// the kernel closes the sockets of an io_uring after the process is gone.
func (p *Process) Ready(ctx context.Context, addr string) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if answers(ctx, addr) {
			return nil
		}
		select {
		case <-p.exited:
			return fmt.Errorf("%s ended before it served on %s: %v; its output: %s", p.cmd.Path, addr, p.err, p.Tail())
		case <-ctx.Done():
			return fmt.Errorf("%s does not serve on %s: %w; its output: %s", p.cmd.Path, addr, ctx.Err(), p.Tail())
		case <-tick.C:
		}
	}
}

// answers asks for what a name server has and a broker does not; either says so.
func answers(ctx context.Context, addr string) bool {
	c, err := raw.Dial(ctx, addr)
	if err != nil {
		return false
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = c.Call(ctx, raw.CodeClusterInfo, nil, nil)
	return err == nil
}
