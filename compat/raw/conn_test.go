package raw

import (
	"bytes"
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

// server answers each request of one connection by what reply makes of it; nil closes the connection.
func server(t *testing.T, reply func(Reply) *Reply) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for {
			request, err := ReadFrame(c)
			if err != nil {
				return
			}
			answer := reply(request)
			if answer == nil {
				return
			}
			frame, err := AppendFrame(nil, answer.Header, answer.Body)
			if err != nil {
				return
			}
			if _, err := c.Write(frame); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

func TestCall(t *testing.T) {
	addr := server(t, func(r Reply) *Reply {
		r.Flag |= flagResponse
		r.Code = Success
		return &r
	})
	c, err := Dial(context.Background(), addr)
	require.NoError(t, err)
	defer c.Close()
	for range 3 {
		r, err := c.Want(context.Background(), CodeSend, map[string]string{"topic": "ключ"}, []byte("body"))
		require.NoError(t, err)
		require.Equal(t, "ключ", r.Ext["topic"])
		require.Equal(t, "body", string(r.Body))
	}
}

func TestRefusal(t *testing.T) {
	addr := server(t, func(r Reply) *Reply {
		return &Reply{Header: Header{Code: TopicNotExist, Remark: "no", Flag: flagResponse, Opaque: r.Opaque}}
	})
	c, err := Dial(context.Background(), addr)
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Want(context.Background(), CodeSend, nil, nil)
	var refused *CodeError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, CodeError{CodeSend, TopicNotExist, "no"}, *refused)
}

func TestClosedConnectionFailsCalls(t *testing.T) {
	c, err := Dial(context.Background(), server(t, func(Reply) *Reply { return nil }))
	require.NoError(t, err)
	defer c.Close()
	_, err = c.Call(context.Background(), CodeSend, nil, nil)
	require.ErrorContains(t, err, "connection closed by the server")
	_, err = c.Call(context.Background(), CodeSend, nil, nil)
	require.Error(t, err)
}

func FuzzReadFrame(f *testing.F) {
	frame, err := AppendFrame(nil, Header{Code: 1, Ext: map[string]string{"a": "b"}}, []byte("body"))
	require.NoError(f, err)
	f.Add(frame)
	f.Add([]byte{0, 0, 0, 4, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ReadFrame(bytes.NewReader(b))
		require.True(t, err != nil || len(r.Body) < len(b))
	})
}
