package admin

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringmq/internal/wire"
)

// defaultTopic is the template that brokers make unknown topics from.
const defaultTopic = "TBW102"

// Prefixes of the topics that brokers keep per consumer group.
const (
	retryPrefix = "%RETRY%"
	dlqPrefix   = "%DLQ%"
)

// GroupOf returns the consumer group whose retry topic this is.
func GroupOf(topic string) (group string, ok bool) { return strings.CutPrefix(topic, retryPrefix) }

// OfGroup tells whether a topic is a consumer group's retry or dead letter topic.
func OfGroup(topic string) bool {
	return strings.HasPrefix(topic, retryPrefix) || strings.HasPrefix(topic, dlqPrefix)
}

// Runtime returns a broker's runtime figures by name.
func (c *Cluster) Runtime(ctx context.Context, addr string) (map[string]string, error) {
	var table wire.KVTable
	_, err := c.ask(ctx, addr, wire.CodeGetBrokerRuntimeInfo, nil, nil, &table)
	return table.Table, err
}

// PutTopic creates a topic on a broker or replaces its configuration.
func (c *Cluster) PutTopic(ctx context.Context, addr string, t *wire.TopicConfig) error {
	h := &wire.UpdateAndCreateTopicRequest{
		Topic:           t.TopicName,
		DefaultTopic:    defaultTopic,
		ReadQueueNums:   t.ReadQueueNums,
		WriteQueueNums:  t.WriteQueueNums,
		Perm:            t.Perm,
		TopicFilterType: t.TopicFilterType,
		TopicSysFlag:    t.TopicSysFlag,
		HasTopicSysFlag: true,
		Order:           t.Order,
	}
	_, err := c.ask(ctx, addr, wire.CodeUpdateAndCreateTopic, h, nil, nil)
	return err
}

// DeleteTopic deletes a topic and its messages on a broker.
func (c *Cluster) DeleteTopic(ctx context.Context, addr, topic string) error {
	_, err := c.ask(ctx, addr, wire.CodeDeleteTopicInBroker, &wire.DeleteTopicInBrokerRequest{Topic: topic}, nil, nil)
	return err
}

// PutGroup creates a subscription group on a broker or replaces its configuration.
func (c *Cluster) PutGroup(ctx context.Context, addr string, g *wire.SubscriptionGroupConfig) error {
	_, err := c.ask(ctx, addr, wire.CodeUpdateAndCreateSubscriptiongroup, nil, g, nil)
	return err
}

// QueueSpan is a queue and the offsets its messages have.
type QueueSpan struct {
	Queue wire.MessageQueue
	Span  wire.TopicOffset
}

// TopicStats returns the queues of a topic on all its brokers, sorted.
func (c *Cluster) TopicStats(ctx context.Context, topic string) ([]QueueSpan, error) {
	all := make(map[wire.MessageQueue]wire.TopicOffset)
	err := c.eachBroker(ctx, topic, func(addr string) error {
		var stats wire.TopicStatsTable
		_, err := c.ask(ctx, addr, wire.CodeGetTopicStatsInfo, &wire.GetTopicStatsInfoRequest{Topic: topic}, nil, &stats)
		maps.Copy(all, stats.OffsetTable)
		return err
	})
	if err != nil {
		return nil, err
	}
	var spans []QueueSpan
	for _, q := range slices.SortedFunc(maps.Keys(all), compareQueues) {
		spans = append(spans, QueueSpan{q, all[q]})
	}
	return spans, nil
}

// eachBroker calls fn with an address of each broker that has the topic, until one fails.
func (c *Cluster) eachBroker(ctx context.Context, topic string, fn func(addr string) error) error {
	route, err := c.Route(ctx, topic)
	if err != nil {
		return err
	}
	for i := range route.BrokerDatas {
		addr, err := Address(&route.BrokerDatas[i])
		if err == nil {
			err = fn(addr)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// compareQueues orders queues as Java's MessageQueue does.
func compareQueues(a, b wire.MessageQueue) int {
	if n := strings.Compare(a.Topic, b.Topic); n != 0 {
		return n
	}
	if n := strings.Compare(a.BrokerName, b.BrokerName); n != 0 {
		return n
	}
	return int(a.QueueID) - int(b.QueueID)
}

// QueueProgress is how far a group has consumed a queue. Client is the address part of the
// id of the client that has the queue, if it was asked for and there is one.
type QueueProgress struct {
	Queue  wire.MessageQueue
	Offset wire.OffsetWrapper
	Client string
}

// Diff is how many messages are left to consume.
func (p *QueueProgress) Diff() int64 { return p.Offset.BrokerOffset - p.Offset.ConsumerOffset }

// Progress is how far a group has consumed its topics.
type Progress struct {
	Queues []QueueProgress // sorted
	TPS    float64
}

// Diff is how many messages are left to consume.
func (p *Progress) Diff() (n int64) {
	for i := range p.Queues {
		n += p.Queues[i].Diff()
	}
	return n
}

// Progress asks the brokers of a group's retry topic how far the group is.
func (c *Cluster) Progress(ctx context.Context, group string) (*Progress, error) {
	all := make(map[wire.MessageQueue]wire.OffsetWrapper)
	var p Progress
	err := c.eachBroker(ctx, retryPrefix+group, func(addr string) error {
		var stats wire.ConsumeStats
		_, err := c.ask(ctx, addr, wire.CodeGetConsumeStats, &wire.GetConsumeStatsRequest{ConsumerGroup: group}, nil, &stats)
		maps.Copy(all, stats.OffsetTable)
		p.TPS += stats.ConsumeTps
		return err
	})
	if status, ok := StatusOf(err); ok && status == wire.StatusTopicNotExist {
		return nil, fmt.Errorf("consumer group %s has never been online: %w", group, err)
	}
	if err != nil {
		return nil, err
	}
	for _, q := range slices.SortedFunc(maps.Keys(all), compareQueues) {
		p.Queues = append(p.Queues, QueueProgress{Queue: q, Offset: all[q]})
	}
	return &p, nil
}

// Consumers returns the living clients of a group, from the first of its brokers. The error
// of a group without clients has the status CONSUMER_NOT_ONLINE.
func (c *Cluster) Consumers(ctx context.Context, group string) (*wire.ConsumerConnection, error) {
	addr, err := c.groupBroker(ctx, group)
	if err != nil {
		return nil, err
	}
	conns := new(wire.ConsumerConnection)
	_, err = c.ask(ctx, addr, wire.CodeGetConsumerConnectionList, &wire.GetConsumerConnectionListRequest{ConsumerGroup: group}, nil, conns)
	return conns, err
}

// Owners tells which client of a group has which queue.
func (c *Cluster) Owners(ctx context.Context, group string) (map[wire.MessageQueue]string, error) {
	addr, err := c.groupBroker(ctx, group)
	if err != nil {
		return nil, err
	}
	conns, err := c.Consumers(ctx, group)
	if err != nil {
		return nil, err
	}
	owners := make(map[wire.MessageQueue]string)
	for _, conn := range conns.ConnectionSet {
		var info wire.ConsumerRunningInfo
		h := &wire.GetConsumerRunningInfoRequest{ConsumerGroup: group, ClientID: conn.ClientID}
		if _, err := c.ask(ctx, addr, wire.CodeGetConsumerRunningInfo, h, nil, &info); err != nil {
			return nil, err
		}
		for q := range info.MqTable {
			owners[q], _, _ = strings.Cut(conn.ClientID, "@")
		}
	}
	return owners, nil
}

func (c *Cluster) groupBroker(ctx context.Context, group string) (string, error) {
	route, err := c.Route(ctx, retryPrefix+group)
	if err != nil {
		return "", err
	}
	if len(route.BrokerDatas) == 0 {
		return "", fmt.Errorf("no broker knows consumer group %s", group)
	}
	return Address(&route.BrokerDatas[0])
}

// TopicGroups lists the groups that consume a topic, sorted.
func (c *Cluster) TopicGroups(ctx context.Context, topic string) ([]string, error) {
	var all []string
	err := c.eachBroker(ctx, topic, func(addr string) error {
		var list wire.GroupList
		_, err := c.ask(ctx, addr, wire.CodeQueryTopicConsumeByWho, &wire.QueryTopicConsumeByWhoRequest{Topic: topic}, nil, &list)
		all = append(all, list.GroupList...)
		return err
	})
	slices.Sort(all)
	return slices.Compact(all), err
}
