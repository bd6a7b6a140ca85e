package config

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChooseAddress(t *testing.T) {
	for _, c := range []struct{ addrs, want string }{
		{"", "127.0.0.1"},
		{"127.0.0.1 ::1", "127.0.0.1"},
		{"127.0.0.1 10.0.0.5 10.0.0.6", "10.0.0.5"},
		{"192.168.1.4 10.0.0.5", "10.0.0.5"},
		{"192.168.1.4 192.168.2.4", "192.168.2.4"},
		{"fe80::1 fd00::2 192.168.1.4", "192.168.1.4"},
		{"fe80::1 fd00::2 fd00::3", "[fd00::2]"},
		{"fe80::1", "127.0.0.1"},
		{"169.254.3.4 10.0.0.5", "169.254.3.4"},
	} {
		var addrs []netip.Addr
		for _, a := range strings.Fields(c.addrs) {
			addrs = append(addrs, netip.MustParseAddr(a))
		}
		require.Equal(t, c.want, chooseAddress(addrs), c.addrs)
	}
}

func TestHostPort(t *testing.T) {
	require.Equal(t, ":9876", HostPort("", 9876))
	require.Equal(t, "10.0.0.1:9876", HostPort("10.0.0.1", 9876))
	require.Equal(t, "[fd00::2]:9876", HostPort("[fd00::2]", 9876))
	require.Equal(t, "[fd00::2]:9876", HostPort("fd00::2", 9876))
	require.Equal(t, "0.0.0.0:7", (&NettyServer{BindAddress: "0.0.0.0"}).ListenAddr(7))
}

func TestResolveIP(t *testing.T) {
	for in, want := range map[string]string{
		"10.0.0.1":         "10.0.0.1",
		"[fd00::2]":        "fd00::2",
		"::ffff:192.0.2.1": "192.0.2.1",
		"localhost":        "127.0.0.1",
	} {
		ip, err := ResolveIP(in)
		require.NoError(t, err, in)
		require.Equal(t, want, ip.String(), in)
	}
	_, err := ResolveIP("no such host")
	require.ErrorContains(t, err, "brokerIP1=no such host: want an address")
}
