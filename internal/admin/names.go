package admin

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"ringmq/internal/wire"
)

// orderTopicConfig is the KV namespace of ordered topics.
const orderTopicConfig = "ORDER_TOPIC_CONFIG"

// askNames asks one name server after the other until one answers, be it with a refusal.
func (c *Cluster) askNames(ctx context.Context, code wire.Code, h wire.Header, result any) (*wire.Command, error) {
	var errs []error
	for _, addr := range c.namesrvs {
		answer, err := c.ask(ctx, addr, code, h, nil, result)
		if answer != nil {
			return answer, err
		}
		errs = append(errs, err)
	}
	return nil, fmt.Errorf("no name server answers: %w", errors.Join(errs...))
}

// tellNames sends a change to every name server: they do not tell each other.
func (c *Cluster) tellNames(ctx context.Context, code wire.Code, h wire.Header) error {
	var errs []error
	for _, addr := range c.namesrvs {
		_, err := c.ask(ctx, addr, code, h, nil, nil)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// Info returns all brokers and clusters.
func (c *Cluster) Info(ctx context.Context) (*wire.ClusterInfo, error) {
	info := new(wire.ClusterInfo)
	_, err := c.askNames(ctx, wire.CodeGetBrokerClusterInfo, nil, info)
	return info, err
}

// Topics lists all topics, sorted.
func (c *Cluster) Topics(ctx context.Context) ([]string, error) {
	var list wire.TopicList
	if _, err := c.askNames(ctx, wire.CodeGetAllTopicListFromNameserver, nil, &list); err != nil {
		return nil, err
	}
	slices.Sort(list.TopicList)
	return list.TopicList, nil
}

// Route returns where a topic lies, sorted by broker name. The error of an unknown topic has
// the status TOPIC_NOT_EXIST.
func (c *Cluster) Route(ctx context.Context, topic string) (*wire.TopicRouteData, error) {
	route := new(wire.TopicRouteData)
	if _, err := c.askNames(ctx, wire.CodeGetRouteinfoByTopic, &wire.GetRouteinfoByTopicRequest{Topic: topic}, route); err != nil {
		return nil, err
	}
	slices.SortFunc(route.QueueDatas, func(a, b wire.QueueData) int { return strings.Compare(a.BrokerName, b.BrokerName) })
	slices.SortFunc(route.BrokerDatas, func(a, b wire.BrokerData) int { return strings.Compare(a.BrokerName, b.BrokerName) })
	return route, nil
}

// Brokers lists the brokers of a cluster, sorted by name. An unknown cluster is an error
// that says which ones there are.
func (c *Cluster) Brokers(ctx context.Context, cluster string) ([]wire.BrokerData, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return nil, err
	}
	names, ok := info.ClusterAddrTable[cluster]
	if !ok {
		return nil, fmt.Errorf("there is no cluster %s; the name server knows %v", cluster, slices.Sorted(maps.Keys(info.ClusterAddrTable)))
	}
	slices.Sort(names)
	var brokers []wire.BrokerData
	for _, name := range names {
		if b := info.BrokerAddrTable[name]; b != nil {
			brokers = append(brokers, *b)
		}
	}
	return brokers, nil
}

// Masters lists the addresses of a cluster's masters; none is an error.
func (c *Cluster) Masters(ctx context.Context, cluster string) ([]string, error) {
	brokers, err := c.Brokers(ctx, cluster)
	if err != nil {
		return nil, err
	}
	var addrs []string
	for _, b := range brokers {
		if addr, ok := b.BrokerAddrs[MasterID]; ok {
			addrs = append(addrs, addr)
		}
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("no broker of cluster %s has a master", cluster)
	}
	return addrs, nil
}

// BrokerName returns the name of the broker at an address.
func (c *Cluster) BrokerName(ctx context.Context, addr string) (string, error) {
	info, err := c.Info(ctx)
	if err != nil {
		return "", err
	}
	for name, b := range info.BrokerAddrTable {
		for _, a := range b.BrokerAddrs {
			if a == addr {
				return name, nil
			}
		}
	}
	return "", fmt.Errorf("no broker registered the address %s", addr)
}

// Address is where to ask a broker set: its master, else the slave with the lowest id.
func Address(b *wire.BrokerData) (string, error) {
	if len(b.BrokerAddrs) == 0 {
		return "", fmt.Errorf("broker %s has no address", b.BrokerName)
	}
	id := slices.Min(slices.Collect(maps.Keys(b.BrokerAddrs)))
	if master, ok := b.BrokerAddrs[MasterID]; ok {
		return master, nil
	}
	return b.BrokerAddrs[id], nil
}

// ForgetTopic removes a topic from the routes of every name server.
func (c *Cluster) ForgetTopic(ctx context.Context, topic, cluster string) error {
	return c.tellNames(ctx, wire.CodeDeleteTopicInNamesrv, &wire.DeleteTopicInNamesrvRequest{Topic: topic, ClusterName: cluster})
}

// SetOrder makes a topic an ordered one with so many queues on each of the brokers. With
// replace these are all its brokers, else those set before stay. It returns the configuration.
func (c *Cluster) SetOrder(ctx context.Context, topic string, brokers []string, queues int32, replace bool) (string, error) {
	conf := map[string]string{}
	if !replace {
		had, err := c.order(ctx, topic)
		if err != nil {
			return "", err
		}
		for part := range strings.SplitSeq(had, ";") {
			if name, n, ok := strings.Cut(part, ":"); ok {
				conf[name] = n
			}
		}
	}
	for _, b := range brokers {
		conf[b] = strconv.Itoa(int(queues))
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(conf)) {
		parts = append(parts, name+":"+conf[name])
	}
	value := strings.Join(parts, ";")
	return value, c.tellNames(ctx, wire.CodePutKvConfig, &wire.PutKvConfigRequest{Namespace: orderTopicConfig, Key: topic, Value: value})
}

// order returns the order configuration of a topic, empty if it has none.
func (c *Cluster) order(ctx context.Context, topic string) (string, error) {
	answer, err := c.askNames(ctx, wire.CodeGetKvConfig, &wire.GetKvConfigRequest{Namespace: orderTopicConfig, Key: topic}, nil)
	if status, ok := StatusOf(err); ok && status == wire.StatusQueryNotFound {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	var h wire.GetKvConfigResponse
	err = h.Decode(answer.Ext)
	return h.Value, err
}
