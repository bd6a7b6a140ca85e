package main

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDebugPort(t *testing.T) {
	d := &debugPort{log: slog.New(slog.DiscardHandler)}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	d.serve(ln)
	defer func() { require.NoError(t, d.Close(context.Background())) }()
	for _, page := range []string{"", "heap?debug=1", "allocs?debug=1", "mutex?debug=1", "block?debug=1", "goroutine?debug=1", "cmdline", "profile?seconds=1", "trace?seconds=0.1"} {
		r, err := http.Get("http://" + d.addr.String() + "/debug/pprof/" + page)
		require.NoError(t, err, page)
		body, err := io.ReadAll(r.Body)
		require.NoError(t, err, page)
		require.NoError(t, r.Body.Close())
		require.Equal(t, http.StatusOK, r.StatusCode, page)
		require.NotEmpty(t, body, page)
	}
}

func TestDebugPortIsForThisMachineOnly(t *testing.T) {
	for _, c := range []struct {
		peer, host string
		want       int
	}{
		{"127.0.0.1:4711", "127.0.0.1:6060", http.StatusOK},
		{"[::1]:4711", "localhost:6060", http.StatusOK},
		{"[::ffff:127.0.0.1]:4711", "[::1]", http.StatusOK},
		{"10.0.0.1:4711", "127.0.0.1:6060", http.StatusForbidden},
		{"127.0.0.1:4711", "attacker.example:6060", http.StatusForbidden},
		{"127.0.0.1:4711", "", http.StatusForbidden},
		{"", "localhost", http.StatusForbidden},
	} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/cmdline", nil)
		r.RemoteAddr, r.Host = c.peer, c.host
		w := httptest.NewRecorder()
		localOnly(profiles()).ServeHTTP(w, r)
		require.Equal(t, c.want, w.Code, "%+v", c)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodPost, "/debug/pprof/", nil)
	profiles().ServeHTTP(w, r)
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
}

func TestDebugPortInUse(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer ln.Close()
	d := &debugPort{port: ln.Addr().(*net.TCPAddr).Port, log: slog.New(slog.DiscardHandler)}
	require.ErrorContains(t, d.Start(context.Background()), "debugPort: ")
	require.NoError(t, d.Close(context.Background()))
	require.Empty(t, withDebugPort(0, nil))
}
