package faults

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"
)

// disk is an ext4 file system on a loop device, which can be made to fail. Its user unmounts it by close.
type disk struct {
	device string // /dev/loopN
	mount  string
	dir    string // holds the image, or the tmpfs that holds it
	tmpfs  bool
}

// newDisk makes a disk of that many bytes below dir. With room, its image lies on a tmpfs that has only so many
// bytes: what the file system then writes beyond fails as on a broken device.
func newDisk(dir string, size, room int64) (*disk, error) {
	d := &disk{dir: filepath.Join(dir, "device"), mount: filepath.Join(dir, "mount")}
	for _, name := range []string{d.dir, d.mount} {
		if err := os.MkdirAll(name, 0o755); err != nil {
			return nil, err
		}
	}
	if room > 0 {
		if err := command("mount", "-t", "tmpfs", "-o", fmt.Sprintf("size=%d", room), "tmpfs", d.dir); err != nil {
			return nil, err
		}
		d.tmpfs = true
	}
	image := filepath.Join(d.dir, "image")
	err := os.WriteFile(image, nil, 0o600)
	if err == nil {
		err = os.Truncate(image, size)
	}
	if err == nil {
		err = command("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", "-J", "size=4", image)
	}
	if err == nil {
		d.device, err = output("losetup", "-f", "--show", image)
	}
	if err == nil {
		err = d.mountAgain()
	}
	if err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

func (d *disk) mountAgain() error { return command("mount", "-t", "ext4", d.device, d.mount) }

// unmount waits a little for a killed broker's last references.
func (d *disk) unmount() error { return command("umount", d.mount) }

func (d *disk) close() error {
	if d.mounted() {
		if err := command("umount", "-l", d.mount); err != nil {
			return err
		}
	}
	var errs []error
	if d.device != "" {
		errs = append(errs, command("losetup", "-d", d.device))
	}
	if d.tmpfs {
		errs = append(errs, command("umount", "-l", d.dir))
	}
	return errors.Join(errs...)
}

func (d *disk) mounted() bool {
	var here, above syscall.Stat_t
	return syscall.Stat(d.mount, &here) == nil && syscall.Stat(filepath.Dir(d.mount), &above) == nil && here.Dev != above.Dev
}

// store is the directory for a broker.
func (d *disk) store() string { return filepath.Join(d.mount, "store") }

// From the kernel's fs/ext4/ext4.h: EXT4_IOC_SHUTDOWN, and the way that forgets what is not on the device.
const (
	ioctlShutdown = 0x8004587d
	noLogFlush    = 2
)

// powerCut lets the file system forget everything that is not on the device, at this moment.
func (d *disk) powerCut() error {
	f, err := os.Open(d.mount)
	if err != nil {
		return err
	}
	defer f.Close()
	how := uint32(noLogFlush)
	if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ioctlShutdown, uintptr(unsafe.Pointer(&how))); errno != 0 {
		return fmt.Errorf("EXT4_IOC_SHUTDOWN: %w", errno)
	}
	return nil
}

// command runs a tool of the system; its error is what the tool says.
func command(name string, args ...string) error {
	_, err := output(name, args...)
	return err
}

func output(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		return text, fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// unable tells why there can be no such disks here, or nil.
func unable(dir string) error {
	if os.Geteuid() != 0 {
		return errors.New("needs root, for loop devices")
	}
	for _, tool := range []string{"mkfs.ext4", "losetup", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("needs %s", tool)
		}
	}
	d, err := newDisk(filepath.Join(dir, "probe"), 16<<20, 0)
	if err != nil {
		return fmt.Errorf("no loop devices here: %w", err)
	}
	return d.close()
}
