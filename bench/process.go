package bench

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// clockTicks is the unit of /proc/PID/stat's times; Linux has shown 100 a second on every architecture Go runs on.
const clockTicks = 100

// Usage is what a process has used so far.
type Usage struct {
	CPU         time.Duration // user and system
	RSSBytes    int64
	AnonBytes   int64 // resident memory that is not a file's pages
	CtxSwitches int64 // voluntary and not, of all its threads
}

// ReadUsage reads the usage of a running process from /proc.
func ReadUsage(pid int) (Usage, error) {
	var u Usage
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("process %d: %w", pid, err)
	}
	// The command name, in parentheses, may hold anything; the numbers follow the last one.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	if len(fields) < 13 {
		return u, fmt.Errorf("process %d: /proc/%d/stat is too short", pid, pid)
	}
	user, errUser := strconv.ParseInt(fields[11], 10, 64)
	system, errSystem := strconv.ParseInt(fields[12], 10, 64)
	if errUser != nil || errSystem != nil {
		return u, fmt.Errorf("process %d: /proc/%d/stat has no times", pid, pid)
	}
	u.CPU = time.Duration(user+system) * time.Second / clockTicks
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("process %d: %w", pid, err)
	}
	u.RSSBytes = statusKiB(status, "VmRSS:") << 10
	u.AnonBytes = statusKiB(status, "RssAnon:") << 10
	u.CtxSwitches = threadSwitches(pid)
	return u, nil
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
