package config

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// LocalAddress is the address a broker registers when brokerIP1 is not set: of the
// addresses that are neither loopback nor a bridge's, the first IPv4 one outside
// 192.168/16, else the last IPv4 one, else the first IPv6 one in brackets, else 127.0.0.1.
// The order is that of Java's RemotingUtil.getLocalAddress, so that a broker that moves
// from Java to ringmq keeps its name.
func LocalAddress() string {
	ifaces, err := net.Interfaces()
	if err != nil {
		return loopback
	}
	var addrs []netip.Addr
	for _, i := range ifaces {
		if i.Flags&net.FlagUp == 0 || isBridge(i.Name) {
			continue
		}
		list, err := i.Addrs()
		if err != nil {
			continue // the interface went away meanwhile
		}
		for _, a := range list {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				addrs = append(addrs, p.Addr())
			}
		}
	}
	return chooseAddress(addrs)
}

// HostPort joins a configured host, which may be an IPv6 address with or without brackets,
// and a port.
func HostPort(host string, port int) string {
	return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(port))
}

// resolveTimeout is how long a start waits for the name of its own address.
const resolveTimeout = 5 * time.Second

// ResolveIP finds the IP address of brokerIP1, which may be a host name: records and message
// ids hold addresses. IPv4 is preferred, as clients before 4.9 know nothing else.
func ResolveIP(host string) (netip.Addr, error) {
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return ip.Unmap(), nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), resolveTimeout)
	defer cancel()
	ips, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return netip.Addr{}, fmt.Errorf("brokerIP1=%s: want an address, or a host name that can be resolved: %w", clip(host), err)
	}
	for _, ip := range ips {
		if ip.Unmap().Is4() {
			return ip.Unmap(), nil
		}
	}
	return ips[0], nil
}

const loopback = "127.0.0.1"

func isBridge(iface string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", iface, "bridge"))
	return err == nil
}

// chooseAddress is LocalAddress's rule without the machine. Link-local IPv6 addresses
// are left out, which Java does not do: without a scope nobody can connect to them.
func chooseAddress(addrs []netip.Addr) string {
	lastV4, firstV6 := "", ""
	for _, a := range addrs {
		switch {
		case a.IsLoopback() || a.IsLinkLocalUnicast() && a.Is6():
		case !a.Is4():
			if firstV6 == "" {
				firstV6 = "[" + a.String() + "]"
			}
		case strings.HasPrefix(a.String(), "192.168."):
			lastV4 = a.String()
		default:
			return a.String()
		}
	}
	return orElse(lastV4, orElse(firstV6, loopback))
}
