// Package usage reads what processes cost, ours and those we measure.
package usage

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Usage is what a process has used so far.
type Usage struct {
	Threads     int
	CPU         time.Duration // user and system, of all threads it has had
	RSSBytes    int64
	AnonBytes   int64 // resident memory that is not a file's pages
	CtxSwitches int64 // voluntary and not, of all its threads
}

// Read reads the usage of a running process.
func Read(pid int) (Usage, error) {
	var u Usage
	var err error
	if u.CPU, err = processorTime(pid); err != nil {
		return u, fmt.Errorf("process %d: %w", pid, err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("process %d: %w", pid, err)
	}
	u.Threads = int(statusKiB(status, "Threads:"))
	u.RSSBytes = statusKiB(status, "VmRSS:") << 10
	u.AnonBytes = statusKiB(status, "RssAnon:") << 10
	u.CtxSwitches = threadSwitches(pid)
	return u, nil
}

// Anonymous is a process's anonymous memory in bytes, for who asks again and again beside a measurement: it costs some
// microseconds, a Read half a millisecond of a core.
func Anonymous(pid int) (int64, error) {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, fmt.Errorf("process %d: %w", pid, err)
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(statm), &size, &resident, &shared); err != nil {
		return 0, fmt.Errorf("process %d: /proc/%d/statm: %w", pid, pid, err)
	}
	return (resident - shared) * int64(os.Getpagesize()), nil
}

// processorTime reads a process's CPU clock, in ns; /proc has it in hundredths of a second, too coarse for what a short run costs.
func processorTime(pid int) (time.Duration, error) {
	const wholeProcess = 2 // CPUCLOCK_SCHED, of a process's threads together
	var ts unix.Timespec
	err := unix.ClockGettime(int32(^pid<<3|wholeProcess), &ts)
	if errors.Is(err, unix.EINVAL) {
		return 0, errors.New("there is no such process")
	}
	return time.Duration(ts.Nano()), err
}

// threadSwitches adds up the context switches of the threads; one that ends meanwhile is left out.
func threadSwitches(pid int) int64 {
	dir := fmt.Sprintf("/proc/%d/task", pid)
	tasks, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	var n int64
	for _, t := range tasks {
		status, err := os.ReadFile(dir + "/" + t.Name() + "/status")
		if err != nil {
			continue
		}
		n += statusKiB(status, "voluntary_ctxt_switches:") + statusKiB(status, "nonvoluntary_ctxt_switches:")
	}
	return n
}

// statusKiB is the number in the line of /proc/PID/status that starts with name; 0 if there is none.
func statusKiB(status []byte, name string) int64 {
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, name); ok {
			if f := strings.Fields(rest); len(f) > 0 {
				n, _ := strconv.ParseInt(f[0], 10, 64)
				return n
			}
		}
	}
	return 0
}

// Cost is what a process spent on n messages, between two readings. Times are in microseconds of one CPU.
type Cost struct {
	CPUMicros           float64 `json:"cpuMicrosPerMessage"`
	CPUShare            float64 `json:"cpus"` // CPUs in use on average
	SwitchesPerThousand float64 `json:"contextSwitchesPerThousandMessages"`
	RSSMiB              float64 `json:"rssMiB"`
	AnonMiB             float64 `json:"anonymousMiB"`
	PeakAnonMiB         float64 `json:"peakAnonymousMiB,omitempty"`
	Threads             int     `json:"threads"`
}

// CostOf is the difference of two readings, divided by n messages; memory is that of the second.
func CostOf(before, after Usage, n uint64, took time.Duration) Cost {
	cpu := after.CPU - before.CPU
	c := Cost{
		CPUShare: cpu.Seconds() / max(took.Seconds(), 1e-9),
		RSSMiB:   float64(after.RSSBytes) / (1 << 20), AnonMiB: float64(after.AnonBytes) / (1 << 20), Threads: after.Threads,
	}
	if n > 0 {
		c.CPUMicros = float64(cpu.Nanoseconds()) / 1e3 / float64(n)
		c.SwitchesPerThousand = 1000 * float64(after.CtxSwitches-before.CtxSwitches) / float64(n)
	}
	return c
}

// String is one line for people.
func (c Cost) String() string {
	return fmt.Sprintf("%.2f CPU-µs/message  %.2f CPUs  %.0f MiB resident, %.0f MiB of it anonymous  %.1f context switches per 1,000 messages",
		c.CPUMicros, c.CPUShare, c.RSSMiB, c.AnonMiB, c.SwitchesPerThousand)
}
