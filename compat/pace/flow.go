package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strconv"
)

// flow is a connection that costs the machine little: requests are gathered and written together, and of an
// answer only the fields that are asked for are looked up. On two cores a client that decodes everything would
// measure itself. One goroutine uses it.
type flow struct {
	nc    net.Conn
	in    *bufio.Reader
	out   []byte
	frame []byte
}

func dialFlow(ctx context.Context, addr string) (*flow, error) {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() { nc.Close() })
	return &flow{nc: nc, in: bufio.NewReaderSize(nc, 256<<10)}, nil
}

// request adds a request to those that the next flush writes; ext is a JSON object.
func (f *flow) request(code int, oneway bool, ext, body []byte) {
	start := len(f.out)
	f.out = append(f.out, 0, 0, 0, 0, 0, 0, 0, 0)
	f.out = append(f.out, `{"code":`...)
	f.out = strconv.AppendInt(f.out, int64(code), 10)
	f.out = append(f.out, `,"flag":`...)
	if oneway {
		f.out = append(f.out, '2')
	} else {
		f.out = append(f.out, '0')
	}
	f.out = append(f.out, `,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":409,"extFields":`...)
	f.out = append(append(f.out, ext...), '}')
	head := f.out[start:]
	binary.BigEndian.PutUint32(head[4:], uint32(len(head)-8))
	f.out = append(f.out, body...)
	binary.BigEndian.PutUint32(f.out[start:], uint32(len(f.out)-start-4))
}

func (f *flow) flush() error {
	_, err := f.nc.Write(f.out)
	f.out = f.out[:0]
	return err
}

// answer reads one answer. Both parts are good until the next.
func (f *flow) answer() (header, body []byte, err error) {
	var lengths [8]byte
	if _, err := io.ReadFull(f.in, lengths[:]); err != nil {
		return nil, nil, err
	}
	n, head := int(binary.BigEndian.Uint32(lengths[:]))-4, int(binary.BigEndian.Uint32(lengths[4:]))
	if head < 0 || head > n || n > 16<<20 {
		return nil, nil, fmt.Errorf("an answer of %d bytes has a header of %d", n, head)
	}
	f.frame = append(f.frame[:0], make([]byte, n)...)
	if _, err := io.ReadFull(f.in, f.frame); err != nil {
		return nil, nil, err
	}
	return f.frame[:head], f.frame[head:], nil
}

// field returns the text of a field of an answer.
func field(header []byte, name string) (string, error) {
	_, rest, ok := bytes.Cut(header, []byte(`"`+name+`":"`))
	value, _, closed := bytes.Cut(rest, []byte(`"`))
	if !ok || !closed {
		return "", fmt.Errorf("no %s in the answer %s", name, header)
	}
	return string(value), nil
}

func number(header []byte, name string) (int64, error) {
	text, err := field(header, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(text, 10, 64)
}
