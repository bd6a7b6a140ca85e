package hostile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"ringmq/compat/raw"
)

var frameAttacks = []attack{
	{name: "garbage instead of frames", run: both(garbage)},
	{name: "lengths that lie", run: both(lies)},
	{name: "binary headers that lie", run: both(binaryLies)},
	{name: "a frame sent byte by byte is served", run: both(byteByByte)},
	{name: "answers to questions never asked are dropped", run: both(unasked)},
	{name: "unknown request codes", run: unknownCodes},
	{name: "300 announced frames of 16 MiB that never come", run: both(neverCome)},
}

func garbage(_ context.Context, s *suite, addr string) error {
	noise := make([]byte, 64<<10)
	rng := rand.NewChaCha8([32]byte{1})
	rng.Read(noise)
	noise[0] = 0xF0 // a length far above the limit, not the 0x16 of TLS
	framed := append(binary.BigEndian.AppendUint32(nil, 2000), noise[:2000]...)
	framed[4] = 0 // JSON, they say
	return s.pokeAll(addr, []poke{
		{"noise", noise, []end{closed}},
		{"noise in a frame", framed, []end{closed}},
		{"an HTTP request", []byte("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), []end{closed}},
		{"zeros", make([]byte, 64), []end{closed}},
		{"ones", bytes.Repeat([]byte{0xFF}, 64), []end{closed}},
		{"the start of TLS, then noise", append([]byte{0x16, 3, 1, 0x7F, 0xFF}, noise[:32<<10]...), []end{closed, answered}},
	})
}

// frame puts a length, a header length word and data together, right or wrong.
func frame(length, header uint32, data []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, length)
	b = binary.BigEndian.AppendUint32(b, header)
	return append(b, data...)
}

func lies(_ context.Context, s *suite, addr string) error {
	header := []byte(`{"code":106,"flag":0,"language":"JAVA","opaque":1,"serializeTypeCurrentRPC":"JSON","version":409}`)
	n := uint32(len(header))
	never := []end{closed}
	return s.pokeAll(addr, []poke{
		{"a frame of 16 MiB + 1", frame(16<<20+1, n, header), never},
		{"a frame of 2³¹−1", frame(1<<31-1, n, header), never},
		{"a frame of −1", frame(1<<32-1, n, header), never},
		{"a frame of −2³¹", frame(1<<31, n, header), never},
		{"a header longer than its frame", frame(4+n, n+1, header), never},
		{"a header of 2²⁴−1 in a small frame", frame(4+n, 1<<24-1, header), never},
		{"an empty header", frame(4, 0, nil), never},
		{"a frame without room for the header length", append(frame(3, 0, nil), 0, 0, 0), never},
		{"an unknown serialization", frame(4+n, n|7<<24, header), []end{closed, silent}},
		{"half a header", frame(4+n/2, n/2, header[:n/2]), never},
	})
}

// binaryHeader is a header in the ROCKETMQ serialization with lengths as given.
func binaryHeader(remark, ext uint32, rest []byte) []byte {
	b := []byte{0, 106, 0, 1, 0x99, 0, 0, 0, 1, 0, 0, 0, 0}
	b = binary.BigEndian.AppendUint32(b, remark)
	b = binary.BigEndian.AppendUint32(b, ext)
	return append(b, rest...)
}

func binaryLies(_ context.Context, s *suite, addr string) error {
	var rows []poke
	for name, h := range map[string][]byte{
		"a remark of 2³¹−1":                     binaryHeader(1<<31-1, 0, nil),
		"fields of 2³¹−1":                       binaryHeader(0, 1<<31-1, nil),
		"a key longer than the fields":          binaryHeader(0, 6, []byte{0x7F, 0xFF, 'k', 0, 0, 0}),
		"a value longer than the fields":        binaryHeader(0, 8, []byte{0, 1, 'k', 0x7F, 0xFF, 0xFF, 0xFF, 'v'}),
		"fields that end inside a key's length": binaryHeader(0, 1, []byte{0}),
		"a header that ends after the code":     {0, 106},
	} {
		n := uint32(len(h))
		rows = append(rows, poke{name, frame(4+n, n|1<<24, h), []end{closed}})
	}
	return s.pokeAll(addr, rows)
}

// question is a request that both servers answer.
func question(ext map[string]string) []byte {
	// Only JSON that cannot be made fails to become a frame.
	f, err := raw.AppendFrame(nil, raw.Header{Code: raw.CodeClusterInfo, Ext: ext, Language: "JAVA", Opaque: 7, Serialize: "JSON", Version: 409}, nil)
	if err != nil {
		panic(err)
	}
	return f
}

func byteByByte(_ context.Context, s *suite, addr string) error {
	c, err := socket(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.(*net.TCPConn).SetNoDelay(true)
	for _, b := range question(nil) {
		if _, err := c.Write([]byte{b}); err != nil {
			return err
		}
		s.sent.add(1)
	}
	return wantAnswer(c, 7)
}

// wantAnswer reads frames until the one with this number.
func wantAnswer(c net.Conn, opaque int32) error {
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for {
		r, err := raw.ReadFrame(c)
		if err != nil {
			return fmt.Errorf("no answer to the honest request on the same connection: %w", err)
		}
		if r.Opaque == opaque {
			return nil
		}
	}
}

func unasked(_ context.Context, s *suite, addr string) error {
	c, err := socket(addr)
	if err != nil {
		return err
	}
	defer c.Close()
	var out []byte
	for opaque := range int32(1000) {
		out, err = raw.AppendFrame(out, raw.Header{Code: 0, Flag: 1, Language: "JAVA", Opaque: opaque - 500, Serialize: "JSON"}, []byte("nobody asked"))
		if err != nil {
			return err
		}
	}
	s.sent.add(len(out))
	if _, err := c.Write(append(out, question(nil)...)); err != nil {
		return err
	}
	return wantAnswer(c, 7)
}

// unknownCodes: the broker says "not supported", the name server says nothing (as DefaultRequestProcessor does), and
// both serve what comes after on the same connection.
func unknownCodes(ctx context.Context, s *suite) error {
	codes := []int{raw.CodeUnusedByRocketMQ, -1, 1 << 30, 13, 302}
	c, err := raw.Dial(ctx, s.broker.Addr)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, code := range codes {
		call, cancel := context.WithTimeout(ctx, patience)
		r, err := c.Call(call, code, nil, nil)
		cancel()
		if err != nil || r.Code != raw.NotSupported {
			return errors.Join(fmt.Errorf("broker: request code %d answered with code %d %q, want %d", code, r.Code, r.Remark, raw.NotSupported), err)
		}
	}
	n, err := socket(s.namesrv.Addr)
	if err != nil {
		return err
	}
	defer n.Close()
	var out []byte
	for _, code := range codes {
		if out, err = raw.AppendFrame(out, raw.Header{Code: code, Language: "JAVA", Opaque: 1, Serialize: "JSON", Version: 409}, nil); err != nil {
			return err
		}
	}
	if _, err := n.Write(append(out, question(nil)...)); err != nil {
		return err
	}
	return wantAnswer(n, 7)
}

// neverCome holds many connections that have announced the largest frame and sent its first 4 KiB.
func neverCome(ctx context.Context, s *suite, addr string) error {
	start := frame(16<<20, 200, []byte(strings.Repeat("x", 4<<10)))
	for range 300 {
		c, err := socket(addr)
		if err != nil {
			return err
		}
		defer c.Close()
		n, err := c.Write(start)
		s.sent.add(n)
		if err != nil && !gone(err) {
			return err
		}
	}
	return s.unharmed(ctx) // while they are open
}
