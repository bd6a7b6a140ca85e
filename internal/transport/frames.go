package transport

import (
	"encoding/binary"
	"fmt"
)

// A frame starts with the number of bytes after it; they begin with four bytes of
// serialization type and header length, so no frame is announced shorter than that.
const (
	lengthBytes   = 4
	minFrameBytes = 4
)

// FrameError tells why a connection's bytes are no frames. The connection is closed without
// an answer, as NettyDecoder does.
type FrameError struct {
	Announced uint32
	Limit     int
}

func (e *FrameError) Error() string {
	return fmt.Sprintf("frame announces %d bytes, allowed are %d to %d", e.Announced, minFrameBytes, e.Limit)
}

// splitter cuts a connection's byte stream into frames.
//
//	received:   |..end of A|len|B......|len|C......|len|start of D..|
//	served:      A (kept)   B (in place)  C (in place)  D (kept)
//
// A frame that lies whole in the received bytes is served where it lies. Only the torn ones
// at both ends are copied, into a chunk that grows with the bytes received, never with the
// length announced, and goes back to its pool with its last frame.
//
// Owned by whoever reads the connection. Bytes kept start at a frame boundary.
type splitter struct {
	kept *chunk // nil while no bytes are kept
	off  int    // bytes of kept that were served already
}

// next returns the first whole frame, without its length prefix, of the bytes kept followed
// by data, and what of data lies behind it. Without a whole frame it keeps all of data and
// returns nil. The frame is valid until the next call.
func (s *splitter) next(data []byte, limit int) (frame, rest []byte, err error) {
	if s.kept != nil {
		if s.off < len(s.kept.b) {
			return s.nextKept(data, limit)
		}
		s.drop()
	}
	if len(data) < lengthBytes {
		s.keep(data)
		return nil, nil, nil
	}
	n, err := announced(data, limit)
	if err != nil {
		return nil, nil, err
	}
	end := lengthBytes + n
	if len(data) < end {
		s.keep(data)
		return nil, nil, nil
	}
	return data[lengthBytes:end:end], data[end:], nil
}

// nextKept completes the frame that starts in the kept bytes with as much of data as it needs.
func (s *splitter) nextKept(data []byte, limit int) (frame, rest []byte, err error) {
	have := len(s.kept.b) - s.off
	if have < lengthBytes {
		take := min(lengthBytes-have, len(data))
		s.keep(data[:take])
		data = data[take:]
		if have += take; have < lengthBytes {
			return nil, nil, nil
		}
	}
	n, err := announced(s.kept.b[s.off:], limit)
	if err != nil {
		return nil, nil, err
	}
	if missing := lengthBytes + n - have; missing > 0 {
		take := min(missing, len(data))
		s.keep(data[:take])
		data = data[take:]
		if take < missing {
			return nil, nil, nil
		}
	}
	start := s.off + lengthBytes
	s.off = start + n
	return s.kept.b[start:s.off:s.off], data, nil
}

// keep holds on to data, which belongs behind the bytes kept so far.
func (s *splitter) keep(data []byte) {
	if len(data) == 0 {
		return
	}
	if s.kept == nil {
		s.kept = newChunk(len(data))
	} else if cap(s.kept.b)-len(s.kept.b) < len(data) {
		s.kept = s.kept.grow(s.off, len(data))
		s.off = 0
	}
	s.kept.b = append(s.kept.b, data...)
}

// drop forgets the kept bytes.
func (s *splitter) drop() {
	if s.kept != nil {
		s.kept.free()
		s.kept, s.off = nil, 0
	}
}

func announced(b []byte, limit int) (int, error) {
	n := binary.BigEndian.Uint32(b)
	if n < minFrameBytes || uint64(n) > uint64(limit) {
		return 0, &FrameError{Announced: n, Limit: limit}
	}
	return int(n), nil
}
