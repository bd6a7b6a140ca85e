package namesrv

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startServer starts a name server on a free port, with its files in a folder of its own.
func startServer(t *testing.T, change func(*Options)) *Server {
	t.Helper()
	tr, err := transport.New(transport.Options{RingIO: "off"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, tr.Close(context.Background())) })
	o := testOptions(t)
	o.Transport = tr
	if change != nil {
		change(&o)
	}
	s, err := New(o)
	require.NoError(t, err)
	require.NoError(t, s.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	return s
}

func testOptions(t *testing.T) Options {
	t.Helper()
	dir := t.TempDir()
	conf, _, err := config.Source{Host: config.Host{Home: dir}, Flags: map[string]string{
		"listenPort": "0", "bindAddress": "127.0.0.1",
		"kvConfigPath": filepath.Join(dir, "kvConfig.json"),
	}}.Namesrv()
	require.NoError(t, err)
	return Options{Config: conf, Clock: clock.Real{}, Log: slog.New(slog.DiscardHandler)}
}
