package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine says where, of what and by which arguments figures are.
type machine struct{ text, commit, date, args string }

func thisMachine(o *options) machine {
	m := machine{date: time.Now().UTC().Format(time.DateOnly), commit: "unknown", args: quoted(os.Args[1:])}
	if out, err := exec.Command("git", "describe", "--always", "--dirty").Output(); err == nil {
		m.commit = strings.TrimSpace(string(out))
	}
	var u unix.Utsname
	kernel := "Linux"
	if unix.Uname(&u) == nil {
		kernel += " " + unix.ByteSliceToString(u.Release[:])
	}
	m.text = fmt.Sprintf("%d cores (%s), %d GiB of memory, %s, %s", runtime.NumCPU(),
		field("/proc/cpuinfo", "model name"), memoryKiB()>>20, kernel, disk(o.work))
	return m
}

// memoryKiB is the machine's memory.
func memoryKiB() (kib int64) {
	_, _ = fmt.Sscan(field("/proc/meminfo", "MemTotal"), &kib) // stays 0 where it is not told
	return kib
}

// field is the value of the first line "name : value".
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// disk names the file system of the stores.
func disk(dir string) string {
	if dir == "" {
		dir = os.TempDir()
	}
	out, err := exec.Command("findmnt", "-no", "FSTYPE", "-T", dir).Output()
	if err != nil {
		return "an unknown file system"
	}
	return strings.TrimSpace(string(out))
}
