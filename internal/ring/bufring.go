package ring

import (
	"errors"
	"fmt"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// BufRing is a group of equal buffers from which the kernel takes one whenever bytes arrive
// (io_uring_setup_buf_ring). The memory is the ring's own, outside of Go's heap.
//
// The kernel takes buffers in the order in which they were added. The owner gives them back
// with Add and makes them available, many at once, with Advance.
//
// The kernel of an incremental one appends what arrives to the buffer in use until that is full:
//
//	│1111│2222222│33│4  ·  ·  ·│              1–4 receives of any connections
//	                 next receive
//
// So the bytes of many small receives lie side by side, and few buffers hold a burst. There the owner looks at the bytes
// with Received instead of Bytes and ends their use with Done instead of Add, in the order of the completions.
type BufRing struct {
	// Incremental tells whether receives share buffers: whether it was asked for, and the kernel can. Set before use.
	Incremental bool

	ring    *Ring
	group   uint16
	size    int
	mask    uint16
	tail    uint16 // of the entries added; the kernel sees it after Advance
	first   uint16 // bid of entry 0, which shares a word with the tail
	entries []bufEntry
	word    *uint32  // of entry 0: {bid, tail}
	filled  []int    // of each buffer, where the next receive into it begins
	given   int      // buffers that the kernel has, or will have with Advance
	limit   int      // how many it may have
	spare   []uint16 // buffers that wait until it may have more
	mem     []byte
	buffers []byte
}

// SetupBufRing registers count buffers of size bytes as a group; count is a power of two up to
// 32768. All of them are available at once.
func (r *Ring) SetupBufRing(group uint16, count, size int) (*BufRing, error) {
	return r.setupBufRing(group, count, size, 0)
}

// SetupIncrementalBufRing is SetupBufRing for an incremental group, or one that is not where the kernel has none (before
// Linux 6.12).
func (r *Ring) SetupIncrementalBufRing(group uint16, count, size int) (*BufRing, error) {
	b, err := r.setupBufRing(group, count, size, bufRingInc)
	if errors.Is(err, unix.EINVAL) {
		return r.SetupBufRing(group, count, size)
	}
	return b, err
}

func (r *Ring) setupBufRing(group uint16, count, size int, flags uint16) (*BufRing, error) {
	if count < 1 || count > 1<<15 || count&(count-1) != 0 || size < 1 {
		return nil, fmt.Errorf("buffer ring of %d buffers of %d bytes: the count must be a power of two up to 32768", count, size)
	}
	const prot, how = unix.PROT_READ | unix.PROT_WRITE, unix.MAP_ANON | unix.MAP_PRIVATE
	b := &BufRing{ring: r, group: group, size: size, mask: uint16(count - 1)}
	var err error
	if b.mem, err = unix.Mmap(-1, 0, count*int(unsafe.Sizeof(bufEntry{})), prot, how); err != nil {
		return nil, fmt.Errorf("buffer ring: %w", err)
	}
	if b.buffers, err = unix.Mmap(-1, 0, count*size, prot, how); err != nil {
		_ = unix.Munmap(b.mem)
		return nil, fmt.Errorf("buffer ring: %w", err)
	}
	b.entries = unsafe.Slice((*bufEntry)(unsafe.Pointer(&b.mem[0])), count)
	b.word = (*uint32)(unsafe.Pointer(&b.entries[0].bid))
	b.filled = make([]int, count)
	b.Incremental = flags != 0
	b.limit = count
	reg := bufReg{ringAddr: uint64(uintptr(unsafe.Pointer(&b.mem[0]))), ringEntries: uint32(count), bgid: group, flags: flags}
	if err := r.register(registerPbufRing, unsafe.Pointer(&reg), 1); err != nil {
		b.unmap()
		return nil, fmt.Errorf("register a buffer ring: %w", err)
	}
	for i := range count {
		b.Add(uint16(i))
	}
	b.Advance()
	return b, nil
}

// Received is the bytes of a receive's completion that has a buffer.
func (b *BufRing) Received(cqe *CQE) []byte {
	bid := cqe.BufferID()
	n := max(int(cqe.Res), 0)
	at := int(bid)*b.size + b.filled[bid]
	return b.buffers[at : at+n : at+n]
}

// Done ends the use of what Received returned. If the buffer is full, or is not filled any further, it goes back to the
// kernel with the next Advance.
func (b *BufRing) Done(cqe *CQE) {
	bid := cqe.BufferID()
	if cqe.Flags&CQEFBufMore != 0 {
		b.filled[bid] += max(int(cqe.Res), 0)
		return
	}
	b.filled[bid] = 0
	if b.given--; b.given < b.limit {
		b.Add(bid)
	} else {
		b.spare = append(b.spare, bid)
	}
}

// Limit lets the kernel have at most n buffers from now on, but those that it has: what arrives at once is bounded by
// them. It goes with Received and Done.
func (b *BufRing) Limit(n int) {
	b.limit = min(max(n, 1), len(b.filled))
	for b.given < b.limit && len(b.spare) > 0 {
		last := len(b.spare) - 1
		b.Add(b.spare[last])
		b.spare = b.spare[:last]
	}
}

// Bytes is the first n bytes of a buffer.
func (b *BufRing) Bytes(bid uint16, n int) []byte {
	at := int(bid) * b.size
	return b.buffers[at : at+n : at+b.size]
}

// Add gives a buffer back; the kernel may use it after the next Advance.
func (b *BufRing) Add(bid uint16) {
	b.given++
	i := b.tail & b.mask
	e := &b.entries[i]
	e.addr = uint64(uintptr(unsafe.Pointer(&b.buffers[int(bid)*b.size])))
	e.len = uint32(b.size)
	if i == 0 {
		b.first = bid // written by Advance, together with the tail
	} else {
		e.bid = bid
	}
	b.tail++
}

// Advance publishes the buffers added since the last call.
func (b *BufRing) Advance() {
	// The tail is 16 bits, for which there is no atomic store; its neighbour is ours too.
	word := [2]uint16{b.first, b.tail}
	atomic.StoreUint32(b.word, *(*uint32)(unsafe.Pointer(&word)))
}

// Close unregisters the group. No receive may use it any more.
func (b *BufRing) Close() error {
	reg := bufReg{bgid: b.group}
	err := b.ring.register(unregisterPbufRing, unsafe.Pointer(&reg), 1)
	b.unmap()
	return err
}

func (b *BufRing) unmap() {
	_ = unix.Munmap(b.mem) // fails on a wrong argument only
	_ = unix.Munmap(b.buffers)
	b.mem, b.buffers, b.entries, b.word = nil, nil, nil, nil
}

func (r *Ring) register(op uintptr, arg unsafe.Pointer, n uintptr) error {
	_, _, errno := unix.Syscall6(unix.SYS_IO_URING_REGISTER, uintptr(r.fd), op, uintptr(arg), n, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
