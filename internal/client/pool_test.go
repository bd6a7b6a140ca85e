package client

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"ringmq/internal/wire"
)

func TestPoolSharesAndReconnects(t *testing.T) {
	addr, accept := listen(t)
	p := NewPool(2, Options{})
	defer func() { require.NoError(t, p.Close()) }()

	var wg sync.WaitGroup
	clients := make([]*Client, 16)
	for i := range clients {
		wg.Go(func() {
			c, err := p.Client(t.Context(), addr)
			if err != nil {
				t.Error(err)
			}
			clients[i] = c
		})
	}
	server := accept()
	wg.Wait()
	for _, c := range clients {
		require.Same(t, clients[0], c, "one connection per address")
	}

	require.NoError(t, server.conn.Close())
	<-clients[0].Done()
	require.NoError(t, p.Oneway(t.Context(), addr, wire.CodeGetRouteinfoByTopic, topic("T"), nil))
	require.True(t, accept().next().IsOneway(), "a new connection")
}

func TestPoolBound(t *testing.T) {
	p := NewPool(2, Options{})
	defer func() { require.NoError(t, p.Close()) }()
	var addrs []string
	var servers []*peer
	for range 3 {
		addr, accept := listen(t)
		addrs = append(addrs, addr)
		if len(servers) == 2 {
			continue
		}
		_, err := p.Client(t.Context(), addr)
		require.NoError(t, err)
		servers = append(servers, accept())
	}
	_, err := p.Client(t.Context(), addrs[2])
	require.ErrorIs(t, err, ErrPoolFull)

	ended, err := p.Client(t.Context(), addrs[0])
	require.NoError(t, err)
	require.NoError(t, servers[0].conn.Close())
	<-ended.Done()
	_, err = p.Client(t.Context(), addrs[2])
	require.NoError(t, err, "an ended connection makes room")
}

func TestPoolErrors(t *testing.T) {
	addr, accept := listen(t)
	p := NewPool(0, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Call(ctx, addr, wire.CodeGetRouteinfoByTopic, topic("T"), nil)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, addr)
	accept()

	c, err := p.Client(t.Context(), addr)
	require.NoError(t, err)
	require.NoError(t, p.Close())
	require.ErrorIs(t, c.Err(), ErrClosed)
	_, err = p.Client(t.Context(), addr)
	require.ErrorIs(t, err, ErrClosed)
}

func TestFailure(t *testing.T) {
	require.NoError(t, Failure(&wire.Command{Code: int32(wire.StatusSuccess), Remark: []byte("not set any response code")}))
	err := Failure(&wire.Command{Code: int32(wire.StatusTopicNotExist), Remark: []byte("no T\nSee the manual")})
	var status *StatusError
	require.ErrorAs(t, err, &status)
	require.Equal(t, wire.StatusTopicNotExist, status.Status)
	require.EqualError(t, err, "no T (TOPIC_NOT_EXIST)")
	require.EqualError(t, Failure(&wire.Command{Code: int32(wire.StatusSystemError)}), "refused with SYSTEM_ERROR")
}
