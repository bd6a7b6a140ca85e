package route

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"ringmq/internal/wire"
)

// Topics lists all topics, sorted.
func (t *Table) Topics() []string {
	return t.topicsWhere(func(queues) bool { return true })
}

// ClusterTopics lists the topics that have queues on a broker of the cluster, sorted; none
// for an unknown cluster.
func (t *Table) ClusterTopics(cluster string) []string {
	return t.topicsWhere(func(qs queues) bool {
		return slices.ContainsFunc(qs, func(q wire.QueueData) bool {
			_, ok := t.clusters[cluster][q.BrokerName]
			return ok
		})
	})
}

// UnitTopics lists the topics with the unit flag. As in RouteInfoManager this list and the
// two below look at the first broker of a topic only.
func (t *Table) UnitTopics() []string {
	return t.topicsWhere(func(qs queues) bool { return qs[0].TopicSysFlag&flagUnit != 0 })
}

// UnitSubTopics lists the topics with the flag that a unit subscribes to them.
func (t *Table) UnitSubTopics() []string {
	return t.topicsWhere(func(qs queues) bool { return qs[0].TopicSysFlag&flagHasUnitSub != 0 })
}

// UnitSubNonUnitTopics lists the topics that a unit subscribes to and that are not of a unit.
func (t *Table) UnitSubNonUnitTopics() []string {
	return t.topicsWhere(func(qs queues) bool {
		return qs[0].TopicSysFlag&(flagUnit|flagHasUnitSub) == flagHasUnitSub
	})
}

// topicsWhere calls pick under mu.
func (t *Table) topicsWhere(pick func(queues) bool) []string {
	t.mu.RLock()
	names := make([]string, 0, len(t.topics))
	for topic, qs := range t.topics {
		if pick(qs) {
			names = append(names, topic)
		}
	}
	t.mu.RUnlock()
	slices.Sort(names)
	return names
}

// SystemTopics lists the topics that every cluster has: those named like a cluster or a
// broker, sorted. addr is one living broker's, empty if there is none.
func (t *Table) SystemTopics() (names []string, addr string) {
	t.mu.RLock()
	set := make(map[string]struct{})
	for cluster, brokers := range t.clusters {
		set[cluster] = struct{}{}
		maps.Copy(set, brokers)
	}
	for _, name := range slices.Sorted(maps.Keys(t.brokers)) {
		addrs := t.brokers[name].data.BrokerAddrs
		addr = addrs[slices.Min(slices.Collect(maps.Keys(addrs)))]
		break
	}
	t.mu.RUnlock()
	return slices.Sorted(maps.Keys(set)), addr
}

// Clusters returns the broker and cluster tables. The inner maps are shared: they must not be changed.
func (t *Table) Clusters() wire.ClusterInfo {
	t.mu.RLock()
	defer t.mu.RUnlock()
	info := wire.ClusterInfo{
		BrokerAddrTable:  make(map[string]*wire.BrokerData, len(t.brokers)),
		ClusterAddrTable: make(map[string][]string, len(t.clusters)),
	}
	for name, b := range t.brokers {
		data := b.data
		info.BrokerAddrTable[name] = &data
	}
	for cluster, names := range t.clusters {
		info.ClusterAddrTable[cluster] = slices.Sorted(maps.Keys(names))
	}
	return info
}

// Lines prints all tables, sorted, one row a line: for the log, and for people in doubt.
func (t *Table) Lines() []string {
	t.mu.RLock()
	defer t.mu.RUnlock()
	var lines []string
	for _, topic := range slices.Sorted(maps.Keys(t.topics)) {
		var b strings.Builder
		fmt.Fprintf(&b, "topic %s:", topic)
		for _, q := range t.topics[topic] {
			fmt.Fprintf(&b, " %s r%d w%d perm%d flag%d", q.BrokerName, q.ReadQueueNums, q.WriteQueueNums, q.Perm, q.TopicSysFlag)
		}
		lines = append(lines, b.String())
	}
	for _, name := range slices.Sorted(maps.Keys(t.brokers)) {
		b := t.brokers[name]
		lines = append(lines, fmt.Sprintf("broker %s: cluster %s, addresses %v", name, b.data.Cluster, b.data.BrokerAddrs))
	}
	for _, cluster := range slices.Sorted(maps.Keys(t.clusters)) {
		lines = append(lines, fmt.Sprintf("cluster %s: %v", cluster, slices.Sorted(maps.Keys(t.clusters[cluster]))))
	}
	for _, addr := range slices.Sorted(maps.Keys(t.live)) {
		m := t.live[addr]
		lines = append(lines, fmt.Sprintf("live %s: %s id %d, HA %s, version %d/%d, seen %d, filters %v",
			addr, m.broker.name, m.id, m.haAddr, m.version.Timestamp, m.version.Counter, m.seen.Load(), m.filters))
	}
	return lines
}
