package client

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"ringmq/internal/wire"
)

const (
	readBufferBytes = 64 << 10
	// firstFrameBytes is allocated for a frame before its bytes have arrived; from there the
	// buffer doubles with the bytes received, so a lying length costs its sender as much as us.
	firstFrameBytes = 64 << 10
	// minFrameBytes is the header length word, the least a frame holds.
	minFrameBytes = 4
)

// readLoop is the reader: it hands answers to their calls and requests to OnRequest.
func (c *Client) readLoop() {
	r := bufio.NewReaderSize(c.conn, readBufferBytes)
	var (
		dec   wire.Decoder
		cmd   wire.Command
		frame []byte
		err   error
	)
	for {
		frame, err = readFrame(r, frame[:0], c.o.MaxFrameBytes)
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = errors.New("the server closed the connection")
			}
			c.fail(plainCause(err))
			return
		}
		if err = dec.Decode(frame, &cmd); err != nil {
			c.fail(fmt.Errorf("undecodable frame: %w", err))
			return
		}
		c.deliver(&cmd)
		if cap(frame) > keepBytes {
			frame = nil
		}
	}
}

// deliver hands one command to whom it is for. An answer nobody waits for is dropped.
func (c *Client) deliver(cmd *wire.Command) {
	if !cmd.IsResponse() {
		if c.o.OnRequest != nil {
			c.o.OnRequest(c, cmd)
		}
		return
	}
	c.mu.Lock()
	answer, ok := c.pending[cmd.Opaque]
	delete(c.pending, cmd.Opaque)
	c.mu.Unlock()
	if ok {
		answer <- cmd.Clone() // never blocks: room for one, and only we send
	}
}

// readFrame reads one frame without its length word into dst, which it grows as bytes arrive.
func readFrame(r io.Reader, dst []byte, maxBytes int) ([]byte, error) {
	var word [4]byte
	if _, err := io.ReadFull(r, word[:]); err != nil {
		return dst, err
	}
	length := int64(binary.BigEndian.Uint32(word[:]))
	if length < minFrameBytes || length > int64(maxBytes) {
		return dst, fmt.Errorf("frame of %d bytes announced; %d to %d are accepted", length, minFrameBytes, maxBytes)
	}
	need := int(length)
	if cap(dst) < min(need, firstFrameBytes) {
		dst = make([]byte, 0, min(need, firstFrameBytes))
	}
	for len(dst) < need {
		if len(dst) == cap(dst) {
			grown := make([]byte, len(dst), min(need, 2*cap(dst)))
			copy(grown, dst)
			dst = grown
		}
		have := len(dst)
		n, err := io.ReadFull(r, dst[have:min(need, cap(dst))])
		dst = dst[:have+n]
		if err != nil {
			return dst, fmt.Errorf("frame of %d bytes ends after %d: %w", need, len(dst), io.ErrUnexpectedEOF)
		}
	}
	return dst, nil
}
