package config

import (
	"maps"
	"net/netip"
	"slices"
)

// Standalone loads a name server and a broker that live in one process from one source.
// Of the keys both have, listenPort is the broker's, and the others go to both. The name
// server listens on namesrvPort, and the broker registers there unless told otherwise by a
// file or a flag; NAMESRV_ADDR is meant for clients. ownNamesrv and ownBroker are defaults as [Source.Defaults].
//
// Neither half may persist its changes into the shared file: the name server's
// configStorePath and [BrokerFile.Path] stay at their defaults.
func (s Source) Standalone(namesrvPort int, ownNamesrv, ownBroker map[string]string) (*NamesrvFile, *BrokerFile, []Warning, error) {
	values, err := s.readFile()
	if err != nil {
		return nil, nil, nil, err
	}
	n, b := s, s
	here := HostPort(loopback, namesrvPort)
	n.Defaults, b.Defaults = ownNamesrv, map[string]string{"namesrvAddr": here}
	maps.Copy(b.Defaults, ownBroker)
	namesrvValues, brokerValues := share(values)
	n.Flags, b.Flags = share(s.Flags)
	names, warnings, err := n.namesrv(namesrvValues)
	if err != nil {
		return nil, nil, nil, err
	}
	names.Server.ListenPort = namesrvPort
	names.Namesrv.ConfigStorePath = ownNamesrv["configStorePath"]
	broker, more, err := b.broker(brokerValues)
	if err != nil {
		return nil, nil, nil, err
	}
	if broker.Broker.NamesrvAddr == here {
		broker.Broker.NamesrvAddr = names.Server.reachable(namesrvPort)
	}
	broker.Path = broker.Store.StorePathRootDir + "/config/broker.properties"
	for _, w := range more {
		if !slices.Contains(warnings, w) {
			warnings = append(warnings, w)
		}
	}
	return names, broker, warnings, nil
}

// reachable is where a process on this machine reaches what listens on port.
func (s *NettyServer) reachable(port int) string {
	if ip, err := netip.ParseAddr(s.BindAddress); err == nil && !ip.IsUnspecified() {
		return HostPort(s.BindAddress, port)
	}
	return HostPort(loopback, port)
}

// share divides the keys of one file between name server and broker. Unknown keys go to
// the broker, whose warning knows more names.
func share(values map[string]string) (namesrv, broker map[string]string) {
	namesrv, broker = map[string]string{}, maps.Clone(values)
	for _, o := range Options(Namesrv{}) {
		if v, ok := values[o.Key]; ok {
			namesrv[o.Key] = v
			if o.Key != "rocketmqHome" && o.Key != "configBlackList" {
				delete(broker, o.Key)
			}
		}
	}
	for _, o := range slices.Concat(Options(NettyServer{}), Options(Ring{})) {
		if v, ok := values[o.Key]; ok && o.Key != "listenPort" {
			namesrv[o.Key] = v
		}
	}
	return namesrv, broker
}
