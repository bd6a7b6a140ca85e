package faults

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// throttle slows what a process writes to a device, by a cgroup: version 1's blkio or version 2's io.
type throttle struct {
	dir    string // of the cgroup
	limit  string // the file with the limit
	format string // of its line: device, bytes a second
	none   string // what stands for no limit
	device string // major:minor
}

func newThrottle(device string, pid int) (*throttle, error) {
	var st syscall.Stat_t
	if err := syscall.Stat(device, &st); err != nil {
		return nil, err
	}
	t := &throttle{device: fmt.Sprintf("%d:%d", st.Rdev>>8&0xfff, st.Rdev&0xff|st.Rdev>>12&0xfff00)}
	name := fmt.Sprintf("ringmq-faults-%d", os.Getpid())
	for _, v := range []struct{ root, limit, format, none string }{
		{"/sys/fs/cgroup/blkio", "blkio.throttle.write_bps_device", "%s %s", "0"},
		{"/sys/fs/cgroup", "io.max", "%s wbps=%s", "max"},
	} {
		t.dir = filepath.Join(v.root, name)
		t.limit, t.format, t.none = filepath.Join(t.dir, v.limit), v.format, v.none
		if os.Mkdir(t.dir, 0o755) != nil {
			continue
		}
		_, err := os.Stat(t.limit)
		if err == nil {
			err = os.WriteFile(filepath.Join(t.dir, "cgroup.procs"), []byte(strconv.Itoa(pid)), 0)
		}
		if err == nil {
			return t, nil
		}
		_ = os.Remove(t.dir) // of no use
	}
	return nil, errors.New("no cgroup that limits writes: neither blkio (version 1) nor io (version 2)")
}

// set allows that many bytes a second, 0 for any.
func (t *throttle) set(rate int) error {
	value := t.none
	if rate > 0 {
		value = strconv.Itoa(rate)
	}
	return os.WriteFile(t.limit, []byte(fmt.Sprintf(t.format, t.device, value)), 0)
}

// close gives the group back; the process must have ended.
func (t *throttle) close() error {
	err := os.Remove(t.dir)
	if err != nil && strings.Contains(err.Error(), "busy") {
		return nil // a last thread is being torn down; an empty group costs nothing
	}
	return err
}
