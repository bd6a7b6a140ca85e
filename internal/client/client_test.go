package client

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// topic is the header used in these tests.
func topic(name string) wire.Header { return &wire.GetRouteinfoByTopicRequest{Topic: name} }

// peer is the server's end of one connection, driven by a test.
type peer struct {
	t    *testing.T
	conn net.Conn
	dec  wire.Decoder
}

// next reads one request.
func (p *peer) next() *wire.Command {
	p.t.Helper()
	frame, err := readFrame(p.conn, nil, wire.MaxFrame)
	require.NoError(p.t, err)
	var cmd wire.Command
	require.NoError(p.t, p.dec.Decode(frame, &cmd))
	return cmd.Clone()
}

func (p *peer) answer(req *wire.Command, remark string) {
	p.t.Helper()
	p.write(wire.AppendResponse(nil, req, wire.StatusSuccess, remark, nil, nil))
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	_, err := p.conn.Write(b)
	require.NoError(p.t, err)
}

// pair returns a client and the server's end of its connection.
func pair(t *testing.T, o Options) (*Client, *peer) {
	t.Helper()
	ln, accept := listen(t)
	c, err := Dial(t.Context(), ln, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c, accept()
}

// listen returns an address, and a function that returns the next connection to it.
func listen(t *testing.T) (addr string, accept func() *peer) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { ln.Close() })
	return ln.Addr().String(), func() *peer {
		t.Helper()
		conn, err := ln.Accept()
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		return &peer{t: t, conn: conn}
	}
}

func TestAnswersInAnyOrder(t *testing.T) {
	for _, s := range []wire.Serialize{wire.JSON, wire.RocketMQ} {
		c, p := pair(t, Options{Serialize: s})
		const n = 64
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				answer, err := c.Call(t.Context(), wire.CodeGetRouteinfoByTopic, topic(fmt.Sprint("T", i)), nil)
				if err != nil {
					t.Errorf("call %d: %v", i, err)
					return
				}
				if got, want := string(answer.Remark), fmt.Sprint("T", i); got != want {
					t.Errorf("answer %q for %q", got, want)
				}
			})
		}
		requests := make([]*wire.Command, n)
		for i := range requests {
			requests[i] = p.next()
		}
		for i := range requests {
			req := requests[n-1-i]
			name, _ := req.Ext.Get("topic")
			p.answer(req, string(name))
		}
		wg.Wait()
	}
}

func TestCallEndsWithItsContext(t *testing.T) {
	c, p := pair(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, err := c.Call(ctx, wire.CodeGetRouteinfoByTopic, topic("slow"), nil)
		failed <- err
	}()
	slow := p.next()
	cancel()
	err := <-failed
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, c.Addr())

	// The late answer is dropped, and the connection still serves others.
	go func() {
		_, err := c.Call(t.Context(), wire.CodeGetRouteinfoByTopic, topic("next"), nil)
		failed <- err
	}()
	next := p.next()
	p.answer(slow, "")
	p.answer(next, "")
	require.NoError(t, <-failed)
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(t, c.pending)
}

func TestServerRequests(t *testing.T) {
	seen := make(chan *wire.Command, 1)
	c, p := pair(t, Options{OnRequest: func(c *Client, req *wire.Command) {
		if err := c.Respond(req, wire.StatusSuccess, "here", nil, []byte("body")); err != nil {
			t.Error(err)
		}
		seen <- req.Clone()
	}})
	// The server's opaque may equal one of ours; both sides count for themselves.
	answered := make(chan error)
	go func() {
		_, err := c.Call(t.Context(), wire.CodeGetRouteinfoByTopic, topic("T"), nil)
		answered <- err
	}()
	ours := p.next()
	p.write(wire.AppendRequest(nil, wire.JSON, wire.CodeGetConsumerRunningInfo, ours.Opaque, 0,
		&wire.GetConsumerRunningInfoRequest{ConsumerGroup: "CG", ClientID: "id"}, nil))
	require.EqualValues(t, wire.CodeGetConsumerRunningInfo, (<-seen).Code)
	answer := p.next()
	require.True(t, answer.IsResponse())
	require.Equal(t, ours.Opaque, answer.Opaque)
	require.Equal(t, "here", string(answer.Remark))
	require.Equal(t, "body", string(answer.Body))
	p.answer(ours, "")
	require.NoError(t, <-answered)
}

func TestOneway(t *testing.T) {
	c, p := pair(t, Options{})
	require.NoError(t, c.Oneway(wire.CodeGetRouteinfoByTopic, topic("T"), []byte("b")))
	req := p.next()
	require.True(t, req.IsOneway())
	require.False(t, req.IsResponse())
	require.Equal(t, "b", string(req.Body))
}

// A server that does not read: calls wait for room, oneways say so, and the memory is bounded.
func TestBacklog(t *testing.T) {
	const bound = 1 << 20
	ours, theirs := net.Pipe() // without buffers: what is written waits until it is read
	c := start(ours, "pipe", Options{MaxPendingBytes: bound}.withDefaults())
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	p := &peer{t: t, conn: theirs}
	body := make([]byte, 256<<10)
	send := func() error { return c.Oneway(wire.CodeGetRouteinfoByTopic, topic("T"), body) }

	// Once the first bytes are read, the writer holds the first frame and is stuck.
	require.NoError(t, send())
	var start [1]byte
	_, err := io.ReadFull(theirs, start[:])
	require.NoError(t, err)
	sent := 1
	for ; err == nil; sent++ {
		require.Less(t, sent, 100, "the backlog has no bound")
		err = send()
	}
	sent--
	require.ErrorIs(t, err, ErrBacklog)
	require.LessOrEqual(t, len(c.out), bound+300<<10)

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	call := func(ctx context.Context) {
		_, err := c.Call(ctx, wire.CodeGetRouteinfoByTopic, topic("last"), nil)
		done <- err
	}
	go call(ctx)
	cancel()
	err = <-done
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "not sent")

	go call(t.Context())
	p.conn = &rejoined{theirs, start[:]}
	for range sent {
		require.Len(t, p.next().Body, len(body))
	}
	p.answer(p.next(), "")
	require.NoError(t, <-done)
}

// rejoined is a connection of which a few bytes have been read ahead.
type rejoined struct {
	net.Conn
	ahead []byte
}

func (r *rejoined) Read(b []byte) (int, error) {
	if n := copy(b, r.ahead); n > 0 {
		r.ahead = r.ahead[n:]
		return n, nil
	}
	return r.Conn.Read(b)
}

// Whatever ends a connection reaches every waiting call, with the address and the reason.
func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(p *peer, c *Client)
		want string
	}{
		{"server closes", func(p *peer, _ *Client) { p.conn.Close() }, "the server closed the connection"},
		{"we close", func(_ *peer, c *Client) { c.Close() }, ErrClosed.Error()},
		{"torn frame", func(p *peer, _ *Client) { p.write([]byte{0, 0, 1, 0, 7}); p.conn.Close() }, "frame of 256 bytes ends after 1"},
		{"frame too long", func(p *peer, _ *Client) { p.write([]byte{0x7f, 0, 0, 0}) }, "frame of 2130706432 bytes announced"},
		{"frame too short", func(p *peer, _ *Client) { p.write([]byte{0, 0, 0, 3}) }, "frame of 3 bytes announced"},
		{"no frame", func(p *peer, _ *Client) { p.write([]byte{0, 0, 0, 5, 0, 0, 0, 1, '!'}) }, "undecodable frame"},
	} {
		t.Run(c.name, func(t *testing.T) {
			client, p := pair(t, Options{})
			failed := make(chan error)
			go func() {
				_, err := client.Call(t.Context(), wire.CodeGetRouteinfoByTopic, topic("T"), nil)
				failed <- err
			}()
			p.next()
			c.end(p, client)
			err := <-failed
			require.ErrorContains(t, err, c.want)
			require.ErrorContains(t, err, client.Addr())
			<-client.Done()
			require.ErrorContains(t, client.Oneway(wire.CodeGetRouteinfoByTopic, topic("T"), nil), c.want)
			require.ErrorContains(t, client.Respond(&wire.Command{}, wire.StatusSuccess, "", nil, nil), c.want)
		})
	}
}

func TestDialError(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	require.NoError(t, ln.Close())
	_, err = Dial(t.Context(), addr, Options{})
	require.EqualError(t, err, "connect to "+addr+": connect: connection refused")
	_, err = Dial(t.Context(), "nonsense", Options{})
	require.ErrorContains(t, err, "connect to nonsense")
}

// A frame's buffer grows with what has arrived, not with what was announced.
func TestFrameGrowsWithBytesReceived(t *testing.T) {
	sent := append(binary.BigEndian.AppendUint32(nil, wire.MaxFrame), make([]byte, 100<<10)...)
	got, err := readFrame(&limitedPrefix{sent}, nil, wire.MaxFrame)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Len(t, got, 100<<10)
	require.LessOrEqual(t, cap(got), 4*(100<<10))
}

// limitedPrefix is a reader of a few bytes at a time.
type limitedPrefix struct{ b []byte }

func (r *limitedPrefix) Read(p []byte) (int, error) {
	if len(r.b) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), 1000)], r.b)
	r.b = r.b[n:]
	return n, nil
}

func FuzzReadFrame(f *testing.F) {
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 0}, 1<<20)
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 1}, 1<<20)
	f.Fuzz(func(t *testing.T, sent []byte, maxBytes int) {
		got, err := readFrame(&limitedPrefix{sent}, nil, min(max(maxBytes, 0), wire.MaxFrame))
		if err == nil {
			require.Equal(t, int(binary.BigEndian.Uint32(sent)), len(got))
		}
		require.LessOrEqual(t, cap(got), max(2*len(sent), firstFrameBytes))
	})
}
