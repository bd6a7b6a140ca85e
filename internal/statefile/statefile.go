// Package statefile keeps small files that are rewritten as a whole: topics, offsets,
// groups, properties. After a crash or a power cut a reader finds the old content or the
// new, never half of one and never an empty file.
//
// Three names belong to one file, as in RocketMQ's config folder:
//
//	topics.json       the content; replaced by rename
//	topics.json.tmp   being written; worthless, overwritten by the next write
//	topics.json.bak   the content before the last write
//
// At every moment of [Write], file or bak is a whole content that was synced before:
//
//	step                    file      bak
//	write and sync tmp      old       older
//	rename file to bak      missing   old
//	rename tmp to file      new       old
//	sync the folder         new       old     now the power may go
//
// A power cut may lose either rename, or both, or keep only the second: each leaves a
// state in which the order file, then bak finds old or new.
//
// Java's MixAll.string2File does the same without any fsync and deletes the file before it
// renames, which is how five of five topics were forgotten after a power cut.
//
// The package owns no state. Writers of one file take turns; that is the caller's duty.
package statefile

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
)

// Write replaces the content of the file at path, which keeps its permissions; the former
// content stays as path.bak.
// A folder that is missing is made. When Write returns nil the content is on the device. After an
// error [Read] finds the old content, or, if only the last step failed, the new one.
func Write(path string, data []byte) error {
	return write(disk{}, path, data)
}

// Read returns the content of the file at path, or of path.bak when the file is missing or
// empty. With neither it returns an error that is [fs.ErrNotExist].
func Read(path string) ([]byte, error) {
	var data []byte
	err := ReadParse(path, func(b []byte) error { data = b; return nil })
	return data, err
}

// ReadParse gives parse the content of the file at path. When the file is missing, empty
// or refused by parse, it gives it path.bak; parse must then forget what the first attempt
// left behind. The error is [fs.ErrNotExist] when there is neither file; when a file is
// there but neither can be used, it names the file and the reason. A file that cannot be
// opened or read is an error at once: an older content must not stand in for one that
// may be whole. The error is [ErrDamaged] when all there is was read and refused.
func ReadParse(path string, parse func([]byte) error) error {
	return readParse(disk{}, path, parse)
}

// ErrDamaged is what ReadParse returns for content that cannot be used, and none to take its place.
var ErrDamaged = errors.New("damaged")

// Load is ReadParse for a file without which its owner can go on: no file is no error, and
// damaged ones are renamed to path.damaged and path.bak.damaged, where somebody may look at them.
func Load(path string, log *slog.Logger, parse func([]byte) error) error {
	return load(disk{}, path, log, parse)
}

// SetAside tells whether Load has set damaged content of the file at path aside, now or at an earlier start, and it still lies
// there: what it said is lost, and nobody has dealt with that.
func SetAside(path string) bool {
	for _, name := range []string{path, path + ".bak"} {
		if _, err := (disk{}).size(name + ".damaged"); err == nil {
			return true
		}
	}
	return false
}

func load(f files, path string, log *slog.Logger, parse func([]byte) error) error {
	err := readParse(f, path, parse)
	switch {
	case errors.Is(err, ErrDamaged):
	case errors.Is(err, fs.ErrNotExist):
		return nil
	default:
		return err
	}
	log.Error("a file is set aside", "err", err)
	for _, name := range []string{path, path + ".bak"} {
		if moved := f.rename(name, name+".damaged"); moved != nil && !errors.Is(moved, fs.ErrNotExist) {
			return fmt.Errorf("%w, and cannot be set aside: %w", err, moved)
		}
	}
	return f.syncFolder(path)
}

func write(f files, path string, data []byte) error {
	tmp, bak := path+".tmp", path+".bak"
	fail := func(step string, err error) error { return fmt.Errorf("cannot write %s (%s): %w", path, step, err) }
	if err := f.writeSynced(tmp, path, data); err != nil {
		return fail("writing "+tmp, err)
	}
	// An empty file is no content: a bak that has some must not be lost to it.
	if old, err := f.size(path); err == nil && old > 0 {
		if err := f.rename(path, bak); err != nil {
			return fail("keeping "+bak, err)
		}
	}
	if err := f.rename(tmp, path); err != nil {
		return fail("renaming "+tmp, err)
	}
	if err := f.syncFolder(path); err != nil {
		return fail("syncing its folder", err)
	}
	return nil
}

func readParse(f files, path string, parse func([]byte) error) error {
	first := tryParse(f, path, parse)
	var denied *readError
	if first == nil || errors.As(first, &denied) {
		return first
	}
	second := tryParse(f, path+".bak", parse)
	switch {
	case second == nil:
		return nil
	case errors.As(second, &denied):
		return second
	case errors.Is(first, fs.ErrNotExist) && errors.Is(second, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	case errors.Is(second, fs.ErrNotExist):
		return fmt.Errorf("%w: %s cannot be used and there is no %s.bak: %w", ErrDamaged, path, path, first)
	default:
		return fmt.Errorf("%w: neither %s (%w) nor %s.bak (%w) can be used", ErrDamaged, path, first, path, second)
	}
}

// readError is the device's or the permissions' refusal, not the content's.
type readError struct{ err error }

func (e *readError) Error() string { return "cannot be read: " + e.err.Error() }
func (e *readError) Unwrap() error { return e.err }

var errEmpty = errors.New("empty")

func tryParse(f files, path string, parse func([]byte) error) error {
	data, err := f.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err != nil {
		return &readError{err}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return errEmpty
	}
	return parse(data)
}
