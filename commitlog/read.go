package commitlog

import (
	"errors"
	"io"

	"ringmq/internal/message"
)

// HeadAt reads the head of the record at off. Where no record begins it is a
// [*message.FormatError], [message.ErrBlank] or [ErrOutOfRange]. It may wait for the device.
func (l *Log) HeadAt(off message.LogOffset) (message.Head, error) {
	var raw [message.HeadSize]byte
	n, err := l.readAt(raw[:], off)
	if err != nil {
		return message.Head{}, err
	}
	h, err := message.Peek(raw[:n])
	if err != nil {
		return h, err
	}
	if h.LogOffset != off {
		return h, (&message.Record{LogOffset: h.LogOffset}).At(off)
	}
	return h, nil
}

// ReadRecord reads the whole record at off into memory of its own and checks its format. The
// errors are those of HeadAt. It may wait for the device.
func (l *Log) ReadRecord(off message.LogOffset) ([]byte, error) {
	h, err := l.HeadAt(off)
	if err != nil {
		return nil, err
	}
	if int64(h.Size) > l.o.FileSize {
		return nil, &message.FormatError{Field: "TOTALSIZE", Want: "a record within its file", Got: int64(h.Size)}
	}
	b := make([]byte, h.Size)
	n, err := l.readAt(b, off)
	if err != nil {
		return nil, err
	}
	var r message.Record
	return b[:n], message.Decode(b[:n], &r)
}

// readAt reads up to len(p) written bytes at off, never across a file's end.
func (l *Log) readAt(p []byte, off message.LogOffset) (int, error) {
	f := l.fileAt(off)
	end := l.Written()
	if f == nil || off >= end || !f.pin() {
		return 0, ErrOutOfRange
	}
	defer f.Unpin()
	p = p[:min(int64(len(p)), int64(min(end, f.end())-off))]
	n, err := f.f.ReadAt(p, int64(off-f.base))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}
