package commitlog

import (
	"errors"
	"io"

	"ringmq/internal/message"
)

// A scan reads whole blocks of the file system, windowSize at once. The kernel is told to read
// aheadSize ahead, in steps, so that the disk is busy while records are checked.
const (
	windowSize = 1 << 20
	blockSize  = 4096
	aheadSize  = 32 << 20
	aheadStep  = 8 << 20
)

// window is the part of a file that a scan has in memory.
type window struct {
	f   *File
	buf []byte
	off message.LogOffset // of buf's first byte
	// turn, if not nil, is given buf before it is overwritten, and returns memory to go on with.
	turn func(buf []byte) []byte
	// ahead is what the kernel was told to read, to where nobody wants more.
	ahead, to message.LogOffset
}

func (w *window) open(f *File, to message.LogOffset) {
	w.f, w.buf = f, w.buf[:0]
	w.ahead, w.to = f.base, min(to, f.end())
}

// readAhead has the kernel read what will be wanted next, but nothing that was never written: what is in
// the page cache would count as data.
func (w *window) readAhead() error {
	w.ahead = max(w.ahead, w.off+message.LogOffset(len(w.buf)))
	for w.ahead < min(w.off+aheadSize, w.to) {
		if data, err := w.touched(w.ahead); err != nil || data > w.ahead {
			w.ahead = w.to
			return err
		}
		n := min(aheadStep, int64(w.to-w.ahead))
		if err := w.f.f.Prefetch(int64(w.ahead-w.f.base), n); err != nil {
			return err
		}
		w.ahead += message.LogOffset(n)
	}
	return nil
}

// at returns n bytes at off, fewer at the file's end. They are valid until the next call.
func (w *window) at(off message.LogOffset, n int) ([]byte, error) {
	n = int(min(int64(n), int64(w.f.end()-off)))
	if i := int64(off - w.off); i >= 0 && i+int64(n) <= int64(len(w.buf)) {
		return w.buf[i : i+int64(n) : i+int64(n)], nil
	}
	if w.turn != nil {
		w.buf = w.turn(w.buf)
	}
	w.off = w.blockOf(off)
	i := int(off - w.off)
	size := int(min(int64(max(i+n, windowSize)), int64(w.f.end()-w.off)))
	if cap(w.buf) < size {
		w.buf = make([]byte, size)
	}
	w.buf = w.buf[:size]
	if err := w.readAhead(); err != nil {
		w.buf = w.buf[:0]
		return nil, err
	}
	if got, err := w.f.f.ReadAt(w.buf, int64(w.off-w.f.base)); err != nil && !(errors.Is(err, io.EOF) && got == size) {
		w.buf = w.buf[:0]
		return nil, err
	}
	return w.buf[i : i+n : i+n], nil
}

// rest returns the bytes from off to the end of the window that holds it, or of the file.
func (w *window) rest(off message.LogOffset) ([]byte, error) {
	return w.at(off, windowSize-int(off-w.blockOf(off)))
}

// blockOf is where the file system block with off begins.
func (w *window) blockOf(off message.LogOffset) message.LogOffset {
	return off - (off-w.f.base)%blockSize
}

// touched is the first offset from off on that is not a zero in a block never written.
func (w *window) touched(off message.LogOffset) (message.LogOffset, error) {
	next, err := w.f.f.NextData(int64(off - w.f.base))
	return w.f.base + message.LogOffset(next), err
}
