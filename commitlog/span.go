package commitlog

import (
	"ringmq/internal/message"
)

// Span is consecutive bytes of the log that are addressable: until Unpin they stay where they are.
// Its reader need not care where that is:
//
//	segment   staging memory, in direct mode                staging.go
//	view      a part of a file's read-only mapping          view.go
//	block     read from the device ahead of a slow reader   block.go
//	excerpt   read from the device for one reader           excerpt.go
//
// The zero Span holds nothing and needs no Unpin.
type Span struct {
	base message.LogOffset
	data []byte
	held holder
}

// holder is what keeps a span's bytes.
type holder interface {
	// resident tells whether data[from:to] can be touched without waiting for the device.
	resident(from, to int) bool
	unpin()
}

// Empty tells whether it is the zero Span.
func (s *Span) Empty() bool { return s.held == nil }

// Holds tells whether n bytes at off lie within the span.
func (s *Span) Holds(off message.LogOffset, n int) bool {
	at := int64(off - s.base)
	return at >= 0 && n >= 0 && at <= int64(len(s.data)-n)
}

// Bytes is n bytes at off, which the span must hold. Touching them may wait for the device; see Resident.
func (s *Span) Bytes(off message.LogOffset, n int) []byte {
	p := int(off - s.base)
	return s.data[p : p+n : p+n]
}

// Resident tells whether n bytes at off, which the span must hold, can be touched without waiting for
// the device. What was resident a moment ago counts as such.
func (s *Span) Resident(off message.LogOffset, n int) bool {
	p := int(off - s.base)
	return s.held.resident(p, p+n)
}

// FromDevice tells whether the bytes were read from the device for readers; else they are in the page cache, or were never
// written.
func (s *Span) FromDevice() bool {
	switch s.held.(type) {
	case *block, *excerpt:
		return true
	}
	return false
}

// Unpin gives the bytes back: they must not be used afterwards.
func (s *Span) Unpin() {
	if s.held != nil {
		s.held.unpin()
	}
	*s = Span{}
}

// Range is bytes of the log by their place.
type Range struct {
	Off  message.LogOffset
	Size int
}
