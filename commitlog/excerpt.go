package commitlog

import (
	"errors"
	"io"
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// excerpt is bytes that were read from the device for one reader.
type excerpt struct {
	base message.LogOffset
	buf  []byte // whole pages
	n    int    // bytes of buf that are the log's
	err  error  // why they are not all that were wanted
	req  mapfile.Request
}

// excerptBytes is the size of most excerpts, whose memory is used again.
const excerptBytes = 16 << 10

var excerpts = sync.Pool{New: func() any { return &excerpt{buf: mapfile.Memory(excerptBytes)} }}

// newExcerpt makes the excerpt of the pages around n bytes of a file.
func newExcerpt(f *File, off message.LogOffset, n int) *excerpt {
	const page = mapfile.DirectAlign
	from := int64(off-f.base) / page * page
	size := int(min((int64(off-f.base)+int64(n)+page-1)/page*page, f.size) - from)
	x := excerpts.Get().(*excerpt)
	if size > cap(x.buf) {
		x = &excerpt{buf: mapfile.Memory(size)}
	}
	x.base, x.buf, x.n, x.err = f.base+message.LogOffset(from), x.buf[:size], 0, nil
	return x
}

// load reads the excerpt and waits for it.
func (x *excerpt) load(f *File) error {
	var err error
	x.n, err = f.f.ReadAt(x.buf, int64(x.base-f.base))
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return err
}

func (x *excerpt) span() Span { return Span{base: x.base, data: x.buf[:x.n], held: x} }

// resident implements holder.
func (x *excerpt) resident(int, int) bool { return true }

// unpin implements holder.
func (x *excerpt) unpin() {
	if cap(x.buf) == excerptBytes {
		excerpts.Put(x)
	}
}
