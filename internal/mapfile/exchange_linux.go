package mapfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Exchange implements [FS].
func (d *Dir) Exchange(a, b string) error {
	pa, pb := filepath.Join(d.path, a), filepath.Join(d.path, b)
	err := unix.Renameat2(unix.AT_FDCWD, pa, unix.AT_FDCWD, pb, unix.RENAME_EXCHANGE)
	switch err {
	case nil:
		return nil
	case unix.ENOENT:
		return d.Rename(a, b)
	case unix.EINVAL, unix.ENOSYS:
		return d.exchangeInSteps(a, b)
	}
	return &os.LinkError{Op: "exchange", Old: pa, New: pb, Err: err}
}

// exchangeInSteps swaps by way of a third name.
func (d *Dir) exchangeInSteps(a, b string) error {
	aside := a + ".exchange"
	if err := d.Rename(b, aside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.Rename(a, b); err != nil {
		return err
	}
	return d.Rename(aside, a)
}
