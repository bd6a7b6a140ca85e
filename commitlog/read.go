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

// ReadBytes reads up to n bytes at off, whatever they are, but none of the next file. It may wait for the device.
func (l *Log) ReadBytes(off message.LogOffset, n int) ([]byte, error) {
	b := make([]byte, min(int64(n), int64(l.baseOf(off))+l.o.FileSize-int64(off)))
	got, err := l.readAt(b, off)
	return b[:got], err
}

// readAt reads up to len(p) written bytes at off, never across a file's end.
func (l *Log) readAt(p []byte, off message.LogOffset) (int, error) {
	f := l.fileAt(off)
	end := l.Written()
	if f == nil || off >= end || !f.pin() {
		return 0, ErrOutOfRange
	}
	defer f.unpin()
	p = p[:min(int64(len(p)), int64(min(end, f.end())-off))]
	n, err := f.f.ReadAt(p, int64(off-f.base))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n, err
}

// Pin finds n bytes at off in staging memory or in the files' mappings, without touching them. Without an error the span is empty where the
// log does not have them all in one file (any more). It never waits for the device.
func (l *Log) Pin(off message.LogOffset, n int) (Span, error) {
	if l.mode.blocks {
		if g, ok := l.staging.pin(off, n); ok {
			return g.span(), nil
		}
	}
	f := l.fileAt(off)
	if f == nil || !f.holds(off, n) {
		return Span{}, nil
	}
	w, err := l.views.find(f, off, n)
	if err != nil {
		return Span{}, err
	}
	return w.span(), nil
}

// recentBytes at the end of the log are in memory, if this process wrote them: that was moments ago.
const recentBytes = 64 << 20

// Recent tells whether what lies at off was written so lately that the page cache has it. In direct mode
// it has nothing for sure.
func (l *Log) Recent(off message.LogOffset) bool {
	return !l.mode.blocks && l.Wrote(off) && l.Written()-off <= recentBytes
}

// Wrote tells whether what lies at off was written by this process.
func (l *Log) Wrote(off message.LogOffset) bool { return off >= l.resumed }

// Cached finds n bytes at off in what was read from the device ahead of need; the span is empty if
// they are not there. It never waits.
func (l *Log) Cached(off message.LogOffset, n int) Span { return l.blocks.cached(off, n) }

// Load reads n bytes at off from the device and waits for them. The span is empty where the log does not have
// them.
func (l *Log) Load(off message.LogOffset, n int) (Span, error) {
	f := l.fileAt(off)
	if f == nil || !f.holds(off, n) || !f.pin() {
		return Span{}, nil
	}
	defer f.unpin()
	x := newExcerpt(f, off, n)
	if err := x.load(f); err != nil {
		x.unpin()
		return Span{}, err
	}
	return x.span(), nil
}

// Forget makes the log ask the kernel again what is in memory, and gives back memory that cold reads no
// longer use. To be called every second or so.
func (l *Log) Forget() {
	l.views.forget()
	l.blocks.age()
}
