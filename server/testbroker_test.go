package server

import (
	"context"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"ringmq/internal/clock"
	"ringmq/internal/config"
	"ringmq/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testBroker is a broker on free ports of this machine, with its files in a folder of its own.
type testBroker struct {
	*Broker
	dir    string
	errors *errorLog
}

// startBroker starts a broker whose options are flags laid over those of a test.
func startBroker(t testing.TB, ringIO string, flags map[string]string) *testBroker {
	t.Helper()
	b := newBroker(t, ringIO, t.TempDir(), flags)
	t.Cleanup(b.stop(t))
	return b
}

// newBroker is startBroker for a given folder; the caller stops it.
func newBroker(t testing.TB, ringIO, dir string, flags map[string]string) *testBroker {
	t.Helper()
	errors := &errorLog{Handler: slog.DiscardHandler}
	log := slog.New(errors)
	for range 50 {
		tr, err := transport.New(transport.Options{RingIO: ringIO})
		require.NoError(t, err)
		port := freePort(t)
		b, err := New(Options{Config: testConfig(t, dir, port, flags), Transport: tr, Clock: clock.Real{}, Log: log})
		require.NoError(t, err)
		if err := b.Start(context.Background()); err == nil {
			return &testBroker{b, dir, errors}
		}
		require.NoError(t, b.Close(context.Background())) // somebody has the port by now: another one
		require.NoError(t, tr.Close(context.Background()))
	}
	t.Fatal("no two free ports")
	return nil
}

func testConfig(t testing.TB, dir string, port int, flags map[string]string) *config.BrokerFile {
	t.Helper()
	all := map[string]string{
		"listenPort": strconv.Itoa(port), "bindAddress": "127.0.0.1", "brokerIP1": "127.0.0.1",
		"brokerName": "broker-a", "storePathRootDir": filepath.Join(dir, "store"),
		"mappedFileSizeCommitLog": "16777216", "maxHashSlotNum": "1000", "maxIndexNum": "4000",
	}
	for k, v := range flags {
		all[k] = v
	}
	conf, _, err := config.Source{Host: config.Host{Home: dir, Name: "h", Address: "127.0.0.1", CPUs: 2}, Flags: all}.Broker()
	require.NoError(t, err)
	return conf
}

func (b *testBroker) stop(t testing.TB) func() {
	return func() {
		require.NoError(t, b.Close(context.Background()))
		require.NoError(t, b.transport.Close(context.Background()))
	}
}

// freePort is a port that was free a moment ago, and so probably is the one two below.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// errorLog keeps the errors a broker logs: handlers that failed among them.
type errorLog struct {
	slog.Handler
	mu   sync.Mutex
	seen []string
}

func (l *errorLog) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }
func (l *errorLog) WithAttrs([]slog.Attr) slog.Handler               { return l }
func (l *errorLog) WithGroup(string) slog.Handler                    { return l }

func (l *errorLog) Handle(_ context.Context, r slog.Record) error {
	line := r.Message
	r.Attrs(func(a slog.Attr) bool {
		line += " " + a.String()
		return true
	})
	l.mu.Lock()
	defer l.mu.Unlock()
	l.seen = append(l.seen, line)
	return nil
}

func (l *errorLog) lines() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.seen
}
