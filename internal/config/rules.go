package config

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settle applies what BrokerStartup fixes after loading: brokerId and haListenPort follow
// from role and port.
func (f *BrokerFile) settle() error {
	if err := checkAddresses(f.Broker.NamesrvAddr); err != nil {
		return err
	}
	switch {
	case f.Store.EnableDLegerCommitLog:
		f.Broker.BrokerID = -1
	case f.Store.BrokerRole != Slave:
		f.Broker.BrokerID = 0
	case f.Broker.BrokerID <= 0:
		return fmt.Errorf("brokerId=%d: a SLAVE needs a brokerId above 0", f.Broker.BrokerID)
	}
	port := f.Server.ListenPort
	f.Store.HaListenPort = port + 1
	if port < 3 || port > 65534 {
		return fmt.Errorf("listenPort=%d: want 3 to 65534: a broker's neighbours, the fast port listenPort-2 and haListenPort listenPort+1, are its too", port)
	}
	return nil
}

// Unsupported is an error when an option asks for protection or copies that this version
// does not give: better no broker than one that only seems to be safe.
func (f *BrokerFile) Unsupported() error {
	switch {
	case f.Broker.AclEnable:
		return errors.New("aclEnable=true: ringmq does not check access keys yet and will not serve unprotected; remove the key to serve everybody")
	case f.System.TLSServerMode == "enforcing":
		return errors.New("tls.server.mode=enforcing: ringmq does not speak TLS yet and will not serve in plain text")
	case f.Client.UseTLS || f.System.TLSEnable:
		return errors.New("TLS for outgoing connections is asked for, but ringmq does not speak TLS yet")
	case f.Store.EnableDLegerCommitLog:
		return errors.New("enableDLegerCommitLog=true: ringmq does not replicate by Raft yet")
	case f.Store.BrokerRole == Slave:
		return errors.New("brokerRole=SLAVE: ringmq does not replicate yet; only ASYNC_MASTER and SYNC_MASTER start")
	}
	return nil
}

// checkAddresses refuses a list of which Java's RemotingUtil.string2SocketAddress refuses a part.
func checkAddresses(list string) error {
	for _, a := range splitAddresses(list) {
		host, port, err := net.SplitHostPort(a)
		n, perr := strconv.Atoi(port)
		if err != nil || perr != nil || host == "" || n < 1 || n > 65535 {
			return fmt.Errorf("namesrvAddr=%s: want host:port, several divided by ';', as 127.0.0.1:9876;192.168.0.1:9876", clip(list))
		}
	}
	return nil
}

func splitAddresses(list string) []string {
	var out []string
	for a := range strings.SplitSeq(list, ";") {
		if a = strings.TrimSpace(a); a != "" {
			out = append(out, a)
		}
	}
	return out
}

// ListenAddr is where to listen: the bindAddress with a port.
func (s *NettyServer) ListenAddr(port int) string { return HostPort(s.BindAddress, port) }

// IdleTimeout is after how long a connection without traffic is closed; 0 = never.
func (s *NettyServer) IdleTimeout() time.Duration {
	return time.Duration(s.ServerChannelMaxIdleTimeSeconds) * time.Second
}

// Forbidden returns the first key that may not be changed from the network: one on the
// configBlackList, or one whose row says so. Empty = all may.
func Forbidden(changes map[string]string, blackList string, objs ...any) string {
	black := strings.Split(blackList, ";")
	black = append(black, "brokerConfigPath", "configStorePath", "kvConfigPath")
	for _, obj := range objs {
		for _, o := range Options(obj) {
			if !o.Remote {
				black = append(black, o.Key)
			}
		}
	}
	slices.Sort(black)
	for _, k := range black {
		if _, ok := changes[k]; ok {
			return k
		}
	}
	return ""
}
