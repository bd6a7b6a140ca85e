package load

import (
	"encoding/binary"
	"fmt"
)

// cutter cuts what a connection receives into frames. A frame that lies whole in data is not copied.
type cutter struct {
	kept []byte // the front of a frame, with its length word
}

// minFrame is the header length word that every frame has.
const minFrame = 4

// cut calls fn for each frame that data completes, in order, and keeps the rest.
func (c *cutter) cut(data []byte, limit int, fn func(frame []byte) error) error {
	for len(c.kept) > 0 {
		need := 4
		if len(c.kept) >= 4 {
			size, err := announced(c.kept, limit)
			if err != nil {
				return err
			}
			need = 4 + size
		}
		n := min(need-len(c.kept), len(data))
		c.kept = append(c.kept, data[:n]...)
		data = data[n:]
		if len(c.kept) < need {
			return nil
		}
		if need > 4 {
			if err := fn(c.kept[4:]); err != nil {
				return err
			}
			c.kept = c.kept[:0]
		}
	}
	for len(data) >= 4 {
		size, err := announced(data, limit)
		if err != nil {
			return err
		}
		if len(data)-4 < size {
			break
		}
		if err := fn(data[4 : 4+size : 4+size]); err != nil {
			return err
		}
		data = data[4+size:]
	}
	c.kept = append(c.kept, data...)
	return nil
}

// announced is the length of the frame that starts with b.
func announced(b []byte, limit int) (int, error) {
	n := binary.BigEndian.Uint32(b)
	if n < minFrame || uint64(n) > uint64(limit) {
		return 0, fmt.Errorf("a frame of %d bytes was announced; %d to %d are accepted", n, minFrame, limit)
	}
	return int(n), nil
}
