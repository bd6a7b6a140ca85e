package inspect

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strconv"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
)

// extName is the folder of the units, with enableConsumeQueueExt.
const extName = consumequeue.DefaultExtDir

// unitReader reads the units that queue entries lead to.
type unitReader struct {
	files    *entryReader // whose open files it shares
	fileSize int64        // what most ext files have; 0: there are none
	buf      [1 << 15]byte
	lost     int64 // entries whose unit is not there
}

// findExtSize is the length of most ext files.
func findExtSize(root mapfile.FS) (int64, error) {
	var sizes []int64
	var walk func(dir string) error
	walk = func(dir string) error {
		entries, err := root.ReadDir(dir)
		for _, e := range entries {
			if e.Dir {
				err = errors.Join(err, walk(path.Join(dir, e.Name)))
			} else {
				sizes = append(sizes, e.Size)
			}
		}
		return err
	}
	if err := walk(extName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	return mostCommon(sizes), nil
}

// at reads the unit that an address leads to. ok is false where none stands; empty says that there is nothing at all.
func (r *unitReader) at(q *queue, address int64) (u consumequeue.Unit, ok, empty bool, err error) {
	name, pos := r.place(q, address)
	f, err := r.files.file(name)
	if errors.Is(err, fs.ErrNotExist) {
		return u, false, true, nil
	}
	if err != nil {
		return u, false, false, err
	}
	b := r.buf[:min(int64(len(r.buf)), max(f.Size()-pos, 0))]
	for _, n := range []int{min(64, len(b)), len(b)} { // most are short
		if _, err := f.ReadAt(b[:n], pos); err != nil && !errors.Is(err, io.EOF) {
			return u, false, false, fmt.Errorf("%s: %w", name, err)
		}
		if size, ok := consumequeue.DecodeUnit(b[:n], &u); ok {
			return u, size == consumequeue.UnitLayout.Size()+len(u.Bits), false, nil
		}
	}
	return u, false, len(b) < 2 || b[0] == 0 && b[1] == 0, nil
}

// place is the file in which an address lies, and its byte there.
func (r *unitReader) place(q *queue, address int64) (name string, pos int64) {
	pos = consumequeue.UnitPlace(address)
	start := pos - pos%r.fileSize
	return path.Join(extName, q.topic, strconv.Itoa(int(q.id)), queueFileName(start)), pos - start
}
