package inspect

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"ringmq/commitlog"
	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

const (
	// chunkSize is how much of a file goes to a worker at once; it stays in the processor's cache.
	chunkSize = 1 << 20
	// maxRecord is more than any record has: frames have at most 16 MiB.
	maxRecord = 64 << 20
)

// verdict is why a chunk ends where it does.
type verdict uint8

const (
	goesOn    verdict = iota // more follows in the same file
	fileEnded                // the file's end mark
	notRecord                // bytes that are no record
	unread                   // a device error
)

// chunk is a run of whole records of one file. It goes from the walker to a worker and to the
// matcher, each of which owns it in its time.
type chunk struct {
	file    int
	at      message.LogOffset // of data's first byte
	data    []byte
	end     message.LogOffset // behind the last record
	verdict verdict
	err     error

	facts  []fact
	hashes []int32
	proved chan struct{} // the worker is done
}

// spot is a place in the log to go on from.
type spot struct {
	file int
	off  message.LogOffset
}

// sprint reads the log in parallel from a record's place to the first bytes that are no record, or to
// the log's end. take gets each chunk, in order.
type sprint struct {
	log     *logFiles
	queues  *directory
	provers []*prover
	chunks  []*chunk // twice as many as workers: bounds the memory
	take    func(*chunk) error
}

// run returns the chunk at which it stopped; nil at the log's end. The chunk is valid until the next run.
func (s *sprint) run(ctx context.Context, from spot) (stopped *chunk, err error) {
	ctx, cancel := context.WithCancel(ctx)
	free := make(chan *chunk, len(s.chunks))
	for _, c := range s.chunks {
		free <- c
	}
	work, ordered := make(chan *chunk, len(s.chunks)), make(chan *chunk, len(s.chunks))
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	wg.Go(func() {
		defer close(ordered)
		defer close(work)
		w := walker{log: s.log, free: free, work: work, ordered: ordered}
		w.walk(ctx, from)
	})
	for _, p := range s.provers {
		wg.Go(func() {
			for c := range work {
				p.prove(c)
				close(c.proved)
			}
		})
	}
	for c := range ordered {
		<-c.proved
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := s.take(c); err != nil {
			return nil, err
		}
		if c.verdict == notRecord || c.verdict == unread {
			return c, nil
		}
		free <- c
	}
	return nil, ctx.Err()
}

// walker cuts the log into chunks.
type walker struct {
	log           *logFiles
	free          <-chan *chunk
	work, ordered chan<- *chunk
}

// walk ends at the first bytes that are no record, at the log's end, or with ctx.
func (w *walker) walk(ctx context.Context, from spot) {
	for i := from.file; i < len(w.log.files); i++ {
		file := w.log.files[i]
		off := file.base
		if i == from.file {
			off = from.off
		}
		if file.size == 0 {
			continue
		}
		f, err := w.log.fs.Open(w.log.name(file.base))
		if err != nil {
			if c := w.next(ctx, i, off); c != nil {
				c.verdict, c.err = unread, err
				w.send(c)
			}
			return
		}
		goOn := w.file(ctx, i, f, off)
		if err := f.Close(); err != nil || !goOn {
			return
		}
	}
}

// file sends one file's chunks and tells whether the next file follows.
func (w *walker) file(ctx context.Context, i int, f mapfile.File, off message.LogOffset) bool {
	for {
		c := w.next(ctx, i, off)
		if c == nil {
			return false
		}
		c.cut(f, w.log.files[i])
		end, v := c.end, c.verdict // the worker's once it is sent
		w.send(c)
		if v != goesOn {
			return v == fileEnded
		}
		off = end
	}
}

// next waits for a free chunk; nil when ctx ends.
func (w *walker) next(ctx context.Context, file int, at message.LogOffset) *chunk {
	select {
	case <-ctx.Done():
		return nil
	case c := <-w.free:
		*c = chunk{file: file, at: at, end: at, data: c.data[:0], facts: c.facts[:0], hashes: c.hashes[:0], proved: make(chan struct{})}
		return c
	}
}

// send hands a chunk on; there is room for all chunks in both channels.
func (w *walker) send(c *chunk) {
	w.work <- c
	w.ordered <- c
}

// cut reads at the chunk's place and keeps the whole records.
func (c *chunk) cut(f mapfile.File, file logFile) {
	left := int64(file.end() - c.at)
	if err := c.read(f, int64(c.at-file.base), min(left, chunkSize)); err != nil {
		c.verdict, c.err = unread, err
		return
	}
	n := 0
	for {
		size, v := recordAt(c.data[n:], c.at+message.LogOffset(n), left-int64(n))
		c.verdict = v
		if v != goesOn || size > len(c.data)-n && n > 0 {
			break
		}
		if size > len(c.data) { // a record larger than a chunk
			if err := c.read(f, int64(c.at-file.base), int64(size)); err != nil {
				c.verdict, c.err = unread, err
				return
			}
		}
		n += size
		if n == len(c.data) && int64(n) < left {
			break
		}
	}
	c.data = c.data[:n]
	c.end = c.at + message.LogOffset(n)
}

func (c *chunk) read(f mapfile.File, at, n int64) error {
	if int64(cap(c.data)) < n {
		c.data = make([]byte, n)
	}
	c.data = c.data[:n]
	got, err := f.ReadAt(c.data, at)
	if err != nil && !(errors.Is(err, io.EOF) && int64(got) == n) {
		c.data = c.data[:0]
		return err
	}
	return nil
}

// recordAt is the size of the record at off, whose front is b; left bytes follow in its file. With
// goesOn and a size beyond b the record has to be read anew.
func recordAt(b []byte, off message.LogOffset, left int64) (int, verdict) {
	h, err := message.Peek(b)
	if len(b) < message.HeadSize && int64(len(b)) < left {
		return chunkSize + 1, goesOn // the head may lie in two chunks
	}
	if errors.Is(err, message.ErrBlank) && int64(h.Size) == left {
		return 0, fileEnded
	}
	if err != nil || h.LogOffset != off || int64(h.Size) > min(left, maxRecord) {
		return 0, notRecord
	}
	return h.Size, goesOn
}

// search looks from a place that is no record for the next good record in the same file, with
// commitlog's own scan.
type search struct {
	from    message.LogOffset
	next    message.LogOffset // the record it found
	size    int               // its size
	bad     *commitlog.CorruptError
	badBody *message.Record // the damaged record, when only its body's checksum is wrong
}

// errFound ends a search.
var errFound = errors.New("found")

// Record implements [commitlog.Visitor].
func (s *search) Record(raw []byte, r *message.Record) error {
	s.next, s.size = r.LogOffset, len(raw)
	return errFound
}

// Damage implements [commitlog.Visitor].
func (s *search) Damage(e *commitlog.CorruptError, r *message.Record) error {
	s.bad, s.badBody = e, r
	return nil
}

// run tells whether a record was found; else result tells how the file ends.
func (s *search) run(l *logFiles, file int) (found bool, result commitlog.ScanResult, err error) {
	base := l.files[file].base
	result, err = commitlog.ScanFile(l.options(), base, s.from, s)
	if errors.Is(err, errFound) {
		return true, result, nil
	}
	if err != nil {
		err = fmt.Errorf("%s: %w", l.path(base), err)
	}
	return false, result, err
}
