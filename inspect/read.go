package inspect

import (
	"errors"
	"fmt"
	"io"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// recordReader reads single records.
type recordReader struct {
	log  *logFiles
	open int // place in log.files of f, when f is not nil
	f    mapfile.File
	buf  []byte
	rec  message.Record
}

func (r *recordReader) close() error {
	if r.f == nil {
		return nil
	}
	return r.f.Close()
}

// read returns the record at off, checked; r.rec is what it says. Both are valid until the next read.
func (r *recordReader) read(off message.LogOffset) ([]byte, error) {
	raw, wrong, err := r.look(off)
	if err == nil {
		err = wrong
	}
	return raw, err
}

// look returns the bytes at off: as many as the record there says, or what follows when it cannot be
// believed. wrong is why they are no record.
func (r *recordReader) look(off message.LogOffset) (raw []byte, wrong, err error) {
	left, err := r.seek(off)
	if err != nil {
		return nil, nil, err
	}
	const front = 4 << 10
	if err := r.fill(off, min(left, front)); err != nil {
		return nil, nil, err
	}
	h, err := message.Peek(r.buf)
	if err != nil {
		return r.buf, err, nil
	}
	if int64(h.Size) > min(left, maxRecord) {
		return r.buf, &message.FormatError{Field: "TOTALSIZE", Want: "a record within its file", Got: int64(h.Size)}, nil
	}
	if err := r.fill(off, int64(h.Size)); err != nil {
		return nil, nil, err
	}
	_, wrong = commitlog.CheckRecord(r.buf, off, &r.rec)
	return r.buf, wrong, nil
}

// seek opens the file that holds off and returns how many bytes of it follow.
func (r *recordReader) seek(off message.LogOffset) (left int64, err error) {
	i := r.log.at(off)
	if i < 0 {
		return 0, fmt.Errorf("log offset %d lies outside the commit log", off)
	}
	file := r.log.files[i]
	if r.f == nil || r.open != i {
		if err := r.close(); err != nil {
			return 0, err
		}
		if r.f, err = r.log.fs.Open(r.log.name(file.base)); err != nil {
			r.f = nil
			return 0, err
		}
		r.open = i
	}
	return int64(file.end() - off), nil
}

// fill reads n bytes at off.
func (r *recordReader) fill(off message.LogOffset, n int64) error {
	if int64(cap(r.buf)) < n {
		r.buf = make([]byte, n)
	}
	r.buf = r.buf[:n]
	got, err := r.f.ReadAt(r.buf, int64(off-r.log.files[r.open].base))
	if errors.Is(err, io.EOF) && int64(got) == n {
		return nil
	}
	return err
}
