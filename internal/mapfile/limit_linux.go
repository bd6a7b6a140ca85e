package mapfile

import "golang.org/x/sys/unix"

// Descriptors is how many files and connections this process may have open (ulimit -n).
func Descriptors() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1024 // it cannot fail; this is what everybody has
	}
	return int(min(r.Cur, 1<<30))
}
