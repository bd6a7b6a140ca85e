package commitlog

import (
	"bytes"
	"errors"
	"io"

	"ringmq/internal/message"
)

// Resume makes end the place where the log continues, as a scan has found it: what lies
// behind it, in its file and in later ones, is overwritten with zeros. The bytes below safe
// are on the device, those up to end may be only in the page cache; Sync brings them there.
func (l *Log) Resume(safe, end message.LogOffset) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, f := range *l.files.Load() {
		if f.end() <= end {
			continue
		}
		wrote, err := zeroFrom(f, max(end, f.base))
		if wrote && err == nil {
			err = f.f.Sync()
		}
		if err != nil {
			return l.fail(err)
		}
	}
	l.resumed = end
	l.written.Store(int64(end))
	l.durable.Store(int64(min(safe, end)))
	l.prepared.Store(int64(l.baseOf(end)))
	return nil
}

// Rewrite writes what is written from off on once more: after a failed sync the kernel takes pages for
// clean that the device does not have, until they change.
func (l *Log) Rewrite(off message.LogOffset) error {
	buf := make([]byte, min(windowSize, l.o.FileSize))
	for end := l.Written(); off < end; {
		n, err := l.readAt(buf, off)
		if err == nil {
			err = l.writeAgain(buf[:n], off)
		}
		if err != nil {
			return l.fail(err)
		}
		off += message.LogOffset(n)
	}
	return nil
}

// writeAgain writes bytes through the page cache.
func (l *Log) writeAgain(p []byte, off message.LogOffset) error {
	f := l.fileAt(off)
	n, err := f.f.WriteAt(p, int64(off-f.base))
	if err == nil && n < len(p) {
		err = io.ErrShortWrite
	}
	return err
}

var zeroWindow [windowSize]byte

// zeroFrom overwrites what is not zero in f from off on.
func zeroFrom(f *File, off message.LogOffset) (wrote bool, err error) {
	var buf []byte
	for at := int64(off - f.base); ; {
		if at, err = f.f.NextData(at); err != nil || at >= f.size {
			return wrote, err
		}
		if buf == nil {
			buf = make([]byte, min(windowSize, f.size-at+blockSize))
		}
		// Up to a block's end: the block that was read in part would count as data.
		n := min(int64(len(buf))-at%blockSize, f.size-at)
		if _, err := f.f.ReadAt(buf[:n], at); err != nil && !errors.Is(err, io.EOF) {
			return wrote, err
		}
		if !isZero(buf[:n]) {
			wrote = true
			if _, err := f.f.WriteAt(zeroWindow[:n], at); err != nil {
				return wrote, err
			}
		}
		at += n
	}
}

// isZero compares b with itself, one byte further on, which is as quick as memory.
func isZero(b []byte) bool {
	return len(b) == 0 || b[0] == 0 && bytes.Equal(b[1:], b[:len(b)-1])
}
