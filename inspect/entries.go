package inspect

import (
	"errors"
	"fmt"
	"io"

	"ringmq/consumequeue"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

const (
	// maxWindow is how many entries are read at once, fewer when there are many queues: a page full.
	maxWindow = 204
	minWindow = 12
	// windowBytes bounds the memory for entries.
	windowBytes = 16 << 20
	// maxOpen bounds the files held open.
	maxOpen = 256
)

// window is a piece of a queue's file in memory.
type window struct {
	q    *queue // whose it is
	from message.QueueOffset
	n    int // entries
	data []byte
}

// entryReader reads queue entries, mostly in order within each queue. Windows and open files are
// given away in turn.
type entryReader struct {
	fs       mapfile.FS
	fileSize int64

	windowSize int // bytes
	maxWindows int
	windows    []*window
	nextWindow int
	spare      *window
	open       []openFile
	nextOpen   int
	index      map[string]int // in open, by path
	block      []byte         // scratch
}

type openFile struct {
	path string
	f    mapfile.File
}

func newEntryReader(l *queueFiles) *entryReader {
	entries := min(max(windowBytes/consumequeue.EntrySize/max(len(l.queues), 1), minWindow), maxWindow)
	size := entries * consumequeue.EntrySize
	return &entryReader{
		fs: l.fs, fileSize: l.fileSize, windowSize: size, maxWindows: windowBytes / size,
		index: map[string]int{}, block: make([]byte, 64<<10),
	}
}

func (r *entryReader) close() error {
	var errs []error
	for _, o := range r.open {
		if o.f != nil {
			errs = append(errs, o.f.Close())
		}
	}
	return errors.Join(errs...)
}

// at reads the entry at an offset: the zero Entry where there is none, or no file.
func (r *entryReader) at(q *queue, off message.QueueOffset) (consumequeue.Entry, error) {
	w := q.window
	if w == nil || off < w.from || off >= w.from+message.QueueOffset(w.n) {
		var err error
		if w, err = r.load(q, off); w == nil {
			return consumequeue.Entry{}, err
		}
	}
	return consumequeue.DecodeEntry(w.data[int(off-w.from)*consumequeue.EntrySize:]), nil
}

// load makes a window that begins at off; nil where there is no file.
func (r *entryReader) load(q *queue, off message.QueueOffset) (*window, error) {
	file, at := q.file(off, r.fileSize)
	if file == nil {
		return nil, nil
	}
	size := min(int64(r.windowSize), file.size-at)
	if size < consumequeue.EntrySize {
		return nil, nil
	}
	f, err := r.file(q.path(*file))
	if err != nil {
		return nil, err
	}
	w := q.window
	if w == nil {
		w = r.newWindow()
		q.window, w.q = w, q
	}
	w.from, w.n = off, 0
	if n, err := f.ReadAt(w.data[:size], at); err != nil && !(errors.Is(err, io.EOF) && int64(n) == size) {
		return nil, fmt.Errorf("%s: %w", q.path(*file), err)
	}
	w.n = int(size / consumequeue.EntrySize)
	return w, nil
}

// newWindow returns one that belongs to no queue.
func (r *entryReader) newWindow() *window {
	if w := r.spare; w != nil {
		r.spare = nil
		return w
	}
	if len(r.windows) < r.maxWindows {
		w := &window{data: make([]byte, r.windowSize)}
		r.windows = append(r.windows, w)
		return w
	}
	w := r.windows[r.nextWindow]
	r.nextWindow = (r.nextWindow + 1) % r.maxWindows
	w.q.window = nil
	return w
}

// file returns an open file.
func (r *entryReader) file(path string) (mapfile.File, error) {
	if i, ok := r.index[path]; ok {
		return r.open[i].f, nil
	}
	f, err := r.fs.Open(path)
	if err != nil {
		return nil, err
	}
	if len(r.open) < maxOpen {
		r.index[path] = len(r.open)
		r.open = append(r.open, openFile{path, f})
		return f, nil
	}
	o := &r.open[r.nextOpen]
	delete(r.index, o.path)
	err = o.f.Close()
	*o = openFile{path, f}
	r.index[path] = r.nextOpen
	r.nextOpen = (r.nextOpen + 1) % maxOpen
	return f, err
}

// ends finds where a queue's entries begin and end: q.first and q.max. What lies in between is not
// looked at.
func (r *entryReader) ends(q *queue) error {
	defer func() { r.spare, q.window = q.window, nil }()
	q.first, q.max = 0, 0
	if len(q.files) == 0 || r.fileSize == 0 {
		return nil
	}
	perFile := message.QueueOffset(r.fileSize / consumequeue.EntrySize)
	for i := len(q.files) - 1; i >= 0 && q.max == 0; i-- {
		if q.files[i].odd {
			continue
		}
		used, err := r.used(q, q.files[i])
		if err != nil {
			return err
		}
		if used > 0 {
			q.max = message.QueueOffset(q.files[i].start/consumequeue.EntrySize) + used
		}
	}
	if q.files[0].odd {
		return nil
	}
	q.first = message.QueueOffset(q.files[0].start / consumequeue.EntrySize)
	for end := min(q.first+perFile, q.max); q.first < end; q.first++ {
		if e, err := r.at(q, q.first); err != nil || !e.IsBlank() {
			return err
		}
	}
	return nil
}

// used is how many entries of a file there are up to the last one that is not zero.
func (r *entryReader) used(q *queue, file queueFile) (message.QueueOffset, error) {
	f, err := r.fs.Open(q.path(file))
	if err != nil {
		return 0, err
	}
	last, err := lastByte(f, r.block)
	if err = errors.Join(err, f.Close()); err != nil {
		return 0, err
	}
	return message.QueueOffset((last + consumequeue.EntrySize) / consumequeue.EntrySize), nil
}

// lastByte is where the last byte lies that is not zero; -1 when there is none. block is scratch.
func lastByte(f mapfile.File, block []byte) (int64, error) {
	last := int64(-1)
	step := 4 << 10 // more and more: most files have a page or are full
	for at := int64(0); at < f.Size(); {
		next, err := f.NextData(at)
		if err != nil || next >= f.Size() {
			return last, err
		}
		b := block[:min(int64(step), f.Size()-next)]
		n, err := f.ReadAt(b, next)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if b[i] != 0 {
				last = next + int64(i)
				break
			}
		}
		if n == 0 {
			break
		}
		at = next + int64(n)
		step = min(2*step, len(block))
	}
	return last, nil
}
