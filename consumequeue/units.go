package consumequeue

import (
	"sync"

	"ringmq/internal/mapfile"
	"ringmq/internal/message"
)

// Units reads units whose addresses follow each other, as those of a queue's entries do: it asks for a block
// at a time. The zero value is ready; Close gives its memory back. It is not for use by several goroutines.
type Units struct {
	q     *Queue
	at    int64 // place of block[0]
	n     int   // bytes in block
	block *[unitBlock]byte
	last  Unit
	long  []byte // memory of a unit that is longer than a block
}

const unitBlock = 4096

var unitBlocks = sync.Pool{New: func() any { return new([unitBlock]byte) }}

// Unit finds the unit of an entry of q by the address in it. It returns false where there is none any more, and where it
// could not be read without waiting for the device, unless wait is set. The unit is valid until the next call.
func (r *Units) Unit(q *Queue, address int64, wait bool) (*Unit, bool) {
	if q.ext == nil || !IsAddress(address) {
		return nil, false
	}
	at := address - firstAddress
	if r.q == q && at >= r.at && at < r.at+int64(r.n) {
		if _, ok := DecodeUnit(r.block[at-r.at:r.n], &r.last); ok {
			return &r.last, true
		}
	}
	return &r.last, r.load(q, at, wait)
}

// Close gives the memory back; r is ready again.
func (r *Units) Close() {
	if r.block != nil {
		unitBlocks.Put(r.block)
	}
	*r = Units{}
}

// load reads the block at a unit's place and the unit from it.
func (r *Units) load(q *Queue, at int64, wait bool) bool {
	if r.block == nil {
		r.block = unitBlocks.Get().(*[unitBlock]byte)
	}
	r.q, r.at = q, at
	r.n = q.ext.read(r.block[:], at, wait)
	size, ok := DecodeUnit(r.block[:r.n], &r.last)
	if !ok && size > unitBlock && size <= maxUnit {
		if r.long == nil {
			r.long = make([]byte, maxUnit)
		}
		_, ok = DecodeUnit(r.long[:q.ext.read(r.long[:size], at, wait)], &r.last)
	}
	return ok
}

// ReadCodes is Read with the tags codes that the entries' units have. An entry whose unit is lost keeps its address.
func (q *Queue) ReadCodes(from message.QueueOffset, dst []Entry) (int, error) {
	n, err := q.Read(from, dst)
	if q.ext == nil {
		return n, err
	}
	var r Units
	defer r.Close()
	for i := range dst[:n] {
		if u, ok := r.Unit(q, dst[i].TagsCode, true); ok {
			dst[i].TagsCode = u.TagsCode
		}
	}
	return n, err
}

// read copies the bytes from at on, at most up to the end of their file, and returns how many there are.
func (x *ext) read(p []byte, at int64, wait bool) int {
	size := x.q.table.opt.ExtFileSize
	x.mu.Lock()
	base := x.base
	if at >= base {
		n := 0
		if at-base < int64(len(x.tail)) {
			n = copy(p, x.tail[at-base:])
		}
		x.mu.Unlock()
		return n
	}
	x.mu.Unlock()
	p = p[:min(int64(len(p)), base-at, size-at%size)]
	files, key := &x.q.table.extFiles, fileKey{x.q, at / size}
	h := files.opened(key)
	if h == nil {
		if !wait {
			return 0
		}
		var err error
		if h, err = files.acquire(key); err != nil {
			return 0 // as if it had never been there
		}
	}
	defer files.release(h)
	if wait {
		n, _ := h.file.ReadAt(p, at%size)
		return n
	}
	n, _ := mapfile.ReadCached(h.file, p, at%size)
	return n
}
