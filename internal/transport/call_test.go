package transport

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

// connOf makes a connection and returns both of its ends.
func connOf(t *testing.T, o Options, s *script) (*peer, *Conn) {
	t.Helper()
	conns := make(chan *Conn, 1)
	serve := s.serve
	s.serve = func(t *Turn, c *Conn, cmd *wire.Command) {
		if cmd.Code == int32(wire.CodeHeartBeat) {
			conns <- c
			return
		}
		if serve == nil {
			echo(t, c, cmd)
			return
		}
		serve(t, c, cmd)
	}
	_, addr := start(t, o, s)
	p := dial(t, addr)
	p.write(wire.AppendRequest(nil, wire.JSON, wire.CodeHeartBeat, 0, wire.FlagOneway, nil, nil))
	return p, receive(t, conns)
}

// TestCallsInBothDirections lets both sides use the same opaque numbers at the same time.
func TestCallsInBothDirections(t *testing.T) {
	const n = 300
	onPaths(t, func(t *testing.T, o Options) {
		p, c := connOf(t, o, &script{})
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				body := fmt.Sprint("from the server ", i)
				cmd, err := c.Call(t.Context(), wire.CodeGetConsumerRunningInfo, nil, []byte(body))
				if err != nil || string(cmd.Body) != body || string(cmd.Remark) != "seen" {
					t.Errorf("call %d: %v, %v", i, cmd, err)
				}
			})
		}
		go func() {
			for i := range n {
				if _, err := p.Write(request(int32(i+1), []byte("from the peer"))); err != nil {
					return // the reader reports
				}
			}
		}()
		// A response that nobody waits for disturbs nobody.
		p.write(wire.AppendResponseTo(nil, wire.JSON, 1_000_000, wire.StatusSuccess, "", nil, nil))
		for range 2 * n {
			cmd := p.mustRead()
			if cmd.IsResponse() {
				require.Equal(t, "from the peer", string(cmd.Body))
				continue
			}
			require.Equal(t, int32(wire.CodeGetConsumerRunningInfo), cmd.Code)
			require.False(t, cmd.IsOneway())
			p.write(wire.AppendResponse(nil, cmd, wire.StatusSuccess, "seen", nil, cmd.Body))
		}
		wg.Wait()
	})
}

func TestNotify(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		p, c := connOf(t, o, &script{})
		c.Notify(wire.CodeNotifyConsumerIdsChanged, &wire.NotifyConsumerIdsChangedRequest{ConsumerGroup: "CG"}, nil)
		cmd := p.mustRead()
		require.True(t, cmd.IsOneway())
		require.False(t, cmd.IsResponse())
		require.Equal(t, int32(wire.CodeNotifyConsumerIdsChanged), cmd.Code)
		group, _ := cmd.Ext.Get("consumerGroup")
		require.Equal(t, "CG", string(group))
	})
}

func TestCallEndsWithItsContext(t *testing.T) {
	onPaths(t, func(t *testing.T, o Options) {
		p, c := connOf(t, o, &script{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() {
			_, err := c.Call(ctx, wire.CodeGetConsumerRunningInfo, nil, nil)
			done <- err
		}()
		late := *p.mustRead()
		cancel()
		require.ErrorIs(t, receive(t, done), context.Canceled)
		c.mu.Lock()
		require.Empty(t, c.calls, "a call given up is forgotten")
		c.mu.Unlock()
		p.write(wire.AppendResponse(nil, &late, wire.StatusSuccess, "", nil, nil))
		p.call(5, "a late response does no harm")
	})
}

func TestCallEndsWithItsConnection(t *testing.T) {
	ends := map[string]func(p *peer, c *Conn){
		"closed by the peer":   func(p *peer, c *Conn) { p.Close() },
		"closed by the server": func(p *peer, c *Conn) { c.Close() },
		"abandoned":            func(p *peer, c *Conn) { c.abandon() },
	}
	onPaths(t, func(t *testing.T, o Options) {
		for name, end := range ends {
			p, c := connOf(t, o, &script{})
			done := make(chan error)
			go func() {
				_, err := c.Call(t.Context(), wire.CodeGetConsumerRunningInfo, nil, nil)
				done <- err
			}()
			p.mustRead()
			end(p, c)
			require.ErrorIs(t, receive(t, done), ErrClosed, name)
		}
	})
}
