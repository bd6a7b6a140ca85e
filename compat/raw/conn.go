// Package raw is a RocketMQ client of a few hundred lines that shares no code with ringmq.
//
// Core idea: whoever checks a broker must not read its bytes through the broker's own codec, or a
// mistake made twice looks like agreement. This package therefore has its own frame (JSON header),
// its own record decoder and its own request names, written from the protocol and nothing else. It
// favours being obviously right over being fast.
//
// A frame:
//
//	┌──────────┬────────┬─────────────┬──────────────┬──────────────┐
//	│ length 4 │ type 1 │ header len 3│ header (JSON)│ body         │   big-endian; length counts what follows it
//	└──────────┴────────┴─────────────┴──────────────┴──────────────┘
package raw

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Header is the JSON header of a frame.
type Header struct {
	Code      int               `json:"code"`
	Ext       map[string]string `json:"extFields,omitempty"`
	Flag      int               `json:"flag"`
	Language  string            `json:"language"`
	Opaque    int32             `json:"opaque"`
	Remark    string            `json:"remark,omitempty"`
	Serialize string            `json:"serializeTypeCurrentRPC"`
	Version   int               `json:"version"`
}

// Reply is the answer to one request.
type Reply struct {
	Header
	Body []byte
}

// Flag bits of a frame.
const (
	flagResponse = 1
	flagOneway   = 2
)

// maxFrame is RocketMQ's bound on a frame.
const maxFrame = 16 << 20

// version409 says that this client is RocketMQ 4.9.8.
const version409 = 409

// Conn is one connection. Requests from several goroutines are pipelined on it.
type Conn struct {
	nc net.Conn

	// wmu is held over a write; the socket orders the requests, opaque numbers match the answers.
	wmu    sync.Mutex
	opaque int32 // under wmu

	mu      sync.Mutex
	waiting map[int32]chan Reply // under mu; nil once the connection is broken
	broken  error                // under mu
	asked   func(Reply)          // under mu; nil while nobody minds the server's requests
	done    chan struct{}        // closed when the reader has ended
}

// Dial connects to a broker or name server.
func Dial(ctx context.Context, addr string) (*Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	nc, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &Conn{nc: nc, waiting: map[int32]chan Reply{}, done: make(chan struct{})}
	go c.read()
	return c, nil
}

// OnRequest has fn called with the server's own requests (consumer list changed, what became of a transaction, …),
// which nobody sees without. It may send, but not wait.
func (c *Conn) OnRequest(fn func(Reply)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = fn
}

// Close ends the connection; requests under way fail.
func (c *Conn) Close() error {
	err := c.nc.Close()
	<-c.done
	return err
}

// Call sends a request and waits for its answer, whatever its code is.
func (c *Conn) Call(ctx context.Context, code int, ext map[string]string, body []byte) (Reply, error) {
	answer := make(chan Reply, 1)
	opaque, err := c.send(code, 0, ext, body, answer)
	if err != nil {
		return Reply{}, err
	}
	select {
	case reply, ok := <-answer:
		if !ok {
			return Reply{}, c.err()
		}
		return reply, nil
	case <-ctx.Done():
		c.mu.Lock()
		delete(c.waiting, opaque)
		c.mu.Unlock()
		return Reply{}, fmt.Errorf("no answer to request code %d: %w", code, ctx.Err())
	}
}

// Oneway sends a request that is not answered.
func (c *Conn) Oneway(code int, ext map[string]string, body []byte) error {
	_, err := c.send(code, flagOneway, ext, body, nil)
	return err
}

// send writes one request; answer, when not nil, is registered before it can arrive.
func (c *Conn) send(code, flag int, ext map[string]string, body []byte, answer chan Reply) (int32, error) {
	c.wmu.Lock()
	defer c.wmu.Unlock()
	c.opaque++
	if answer != nil {
		if err := c.expect(c.opaque, answer); err != nil {
			return 0, err
		}
	}
	frame, err := AppendFrame(nil, Header{
		Code: code, Ext: ext, Flag: flag, Language: "JAVA", Opaque: c.opaque, Serialize: "JSON", Version: version409,
	}, body)
	if err != nil {
		return 0, err
	}
	_, err = c.nc.Write(frame)
	return c.opaque, err
}

func (c *Conn) expect(opaque int32, answer chan Reply) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.broken != nil {
		return c.broken
	}
	c.waiting[opaque] = answer
	return nil
}

func (c *Conn) err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.broken
}

// read matches answers to requests until the connection ends, then fails what still waits.
func (c *Conn) read() {
	defer close(c.done)
	in := bufio.NewReaderSize(c.nc, 256<<10)
	for {
		reply, err := ReadFrame(in)
		if err != nil {
			c.fail(err)
			return
		}
		if reply.Flag&flagResponse == 0 {
			c.mu.Lock()
			asked := c.asked
			c.mu.Unlock()
			if asked != nil {
				asked(reply)
			}
			continue
		}
		c.mu.Lock()
		answer := c.waiting[reply.Opaque]
		delete(c.waiting, reply.Opaque)
		c.mu.Unlock()
		if answer != nil {
			answer <- reply
		}
	}
}

func (c *Conn) fail(err error) {
	if errors.Is(err, io.EOF) {
		err = errors.New("connection closed by the server")
	}
	c.nc.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = err
	for opaque, answer := range c.waiting {
		close(answer)
		delete(c.waiting, opaque)
	}
}

// AppendFrame appends one frame with a JSON header.
func AppendFrame(dst []byte, h Header, body []byte) ([]byte, error) {
	header, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	dst = binary.BigEndian.AppendUint32(dst, uint32(4+len(header)+len(body)))
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(header))) // the type byte, 0, is its top byte
	dst = append(dst, header...)
	return append(dst, body...), nil
}

// ReadFrame reads one frame with a JSON header.
func ReadFrame(in io.Reader) (Reply, error) {
	var lengths [8]byte
	if _, err := io.ReadFull(in, lengths[:]); err != nil {
		return Reply{}, err
	}
	total := binary.BigEndian.Uint32(lengths[:])
	header := binary.BigEndian.Uint32(lengths[4:])
	if header>>24 != 0 {
		return Reply{}, fmt.Errorf("answer has header serialization %d, want 0 (JSON), as the request", header>>24)
	}
	if total > maxFrame || total < 4 || header > total-4 {
		return Reply{}, fmt.Errorf("answer has impossible lengths: frame %d, header %d", total, header)
	}
	rest := make([]byte, total-4)
	if _, err := io.ReadFull(in, rest); err != nil {
		return Reply{}, err
	}
	var r Reply
	if err := json.Unmarshal(rest[:header], &r.Header); err != nil {
		return Reply{}, fmt.Errorf("answer's header %q: %w", rest[:header], err)
	}
	if len(rest) > int(header) {
		r.Body = rest[header:]
	}
	return r, nil
}
