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
