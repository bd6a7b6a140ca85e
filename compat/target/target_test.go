package target

import (
	"context"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPortsSkipThoseInUse(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	used := l.Addr().(*net.TCPAddr).Port
	p := NewPorts(used-2, used+1) // room for one broker, whose main port is in use
	_, err = p.Take()
	require.ErrorContains(t, err, "no free ports left")
}

func TestOptions(t *testing.T) {
	base := Options{"b": "1", "a": "2"}
	require.Equal(t, []string{"a=3", "b=1", "c=4"}, base.With(Options{"a": "3", "c": "4"}).lines())
	require.Equal(t, []string{"a=2", "b=1"}, base.lines(), "With must not change its base")
	require.Equal(t, []string{"a=1"}, Options(nil).With(Options{"a": "1"}).lines())
}

func TestProcess(t *testing.T) {
	p, err := Start(t.TempDir(), []string{"sh", "-c", "echo hello; exec sleep 1000"}, nil)
	require.NoError(t, err)
	require.True(t, p.Alive())
	memory, err := p.Memory()
	require.NoError(t, err)
	require.Positive(t, memory)
	p.Kill()
	p.Kill()
	require.False(t, p.Alive())
	require.ErrorContains(t, p.Wait(), "killed")
}

func TestProcessStops(t *testing.T) {
	p, err := Start(t.TempDir(), []string{"sleep", "1000"}, nil)
	require.NoError(t, err)
	require.NoError(t, p.Stop())
	require.ErrorContains(t, p.Wait(), "terminated")
}

func TestChildThatDoesNotListen(t *testing.T) {
	servers := &Target{Kind: Ringmq, Binary: "/bin/false", Dir: t.TempDir(), Ports: NewPorts(21890, 21899)}
	_, err := servers.Namesrv(context.Background(), 0, nil)
	require.ErrorContains(t, err, "/bin/false ended before it served on 127.0.0.1:")
}
