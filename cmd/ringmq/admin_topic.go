package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"ringmq/internal/admin"
	"ringmq/internal/fastjson"
	"ringmq/internal/wire"
)

func topicList() adminCommand {
	return adminCommand{
		name: "topicList", short: "List all topics",
		flags: func(f *pflag.FlagSet) { f.BoolP("clusterModel", "c", false, "with clusters and consumer groups") },
		run: func(r *adminRun) error {
			topics, err := r.cluster.Topics(r.ctx)
			if err != nil {
				return err
			}
			if r.flags.Changed("clusterModel") {
				return listTopicUsers(r, topics)
			}
			return r.print(topics, func(w io.Writer) {
				for _, t := range topics {
					fmt.Fprintln(w, t)
				}
			})
		},
	}
}

// topicUser is a topic, the cluster it is in and one of its consumer groups, if any.
type topicUser struct {
	Cluster string `json:"cluster"`
	Topic   string `json:"topic"`
	Group   string `json:"group"`
}

func listTopicUsers(r *adminRun, topics []string) error {
	users := []topicUser{}
	for _, topic := range topics {
		if admin.OfGroup(topic) {
			continue
		}
		route, err := r.cluster.Route(r.ctx, topic)
		if err != nil {
			return err
		}
		groups, err := r.cluster.TopicGroups(r.ctx, topic)
		if err != nil {
			return err
		}
		cluster := ""
		if len(route.BrokerDatas) > 0 {
			cluster = route.BrokerDatas[0].Cluster
		}
		if len(groups) == 0 {
			groups = []string{""}
		}
		for _, g := range groups {
			users = append(users, topicUser{cluster, topic, g})
		}
	}
	return r.print(users, func(w io.Writer) {
		fmt.Fprintf(w, "%-20s  %-48s  %-48s\n", "#Cluster Name", "#Topic", "#Consumer Group")
		for _, u := range users {
			fmt.Fprintf(w, "%-20s  %-64s  %-64s\n", front(u.Cluster, 20), front(u.Topic, 64), front(u.Group, 64))
		}
	})
}

func topicRoute() adminCommand {
	return adminCommand{
		name: "topicRoute", short: "Print where a topic lies",
		flags: func(f *pflag.FlagSet) {
			f.StringP("topic", "t", "", "topic")
			f.BoolP("list", "l", false, "print a table")
		},
		required: []string{"topic"},
		run: func(r *adminRun) error {
			route, err := r.cluster.Route(r.ctx, r.text("topic"))
			if err != nil {
				return err
			}
			pretty, err := fastjson.MarshalPretty(route)
			if err != nil {
				return err
			}
			return r.print(route, func(w io.Writer) {
				if r.flags.Changed("list") {
					writeRoute(w, route)
				} else {
					fmt.Fprintf(w, "%s\n", pretty)
				}
			})
		},
	}
}

func writeRoute(w io.Writer, route *wire.TopicRouteData) {
	const format = "%-45s %-32s %-50s %-10v %-11v %-5v\n"
	fmt.Fprintf(w, format, "#ClusterName", "#BrokerName", "#BrokerAddrs", "#ReadQueue", "#WriteQueue", "#Perm")
	queues := make(map[string]wire.QueueData)
	for _, q := range route.QueueDatas {
		queues[q.BrokerName] = q
	}
	var read, write int32
	for _, b := range route.BrokerDatas {
		q := queues[b.BrokerName]
		read += q.ReadQueueNums
		write += q.WriteQueueNums
		var addrs []string
		for _, id := range slices.Sorted(maps.Keys(b.BrokerAddrs)) {
			addrs = append(addrs, fmt.Sprintf("%d=%s", id, b.BrokerAddrs[id]))
		}
		fmt.Fprintf(w, format, b.Cluster, b.BrokerName, "{"+strings.Join(addrs, ", ")+"}", q.ReadQueueNums, q.WriteQueueNums, q.Perm)
	}
	fmt.Fprintln(w, strings.Repeat("-", 158))
	fmt.Fprintf(w, format, "Total:", fmt.Sprint(len(queues)), "", read, write, "")
}

// queueRow is one queue of topicStatus. LastUpdate is in milliseconds since 1970, 0 for never.
type queueRow struct {
	Broker     string `json:"broker"`
	Queue      int32  `json:"queueId"`
	Min        int64  `json:"minOffset"`
	Max        int64  `json:"maxOffset"`
	LastUpdate int64  `json:"lastUpdateTimestamp"`
}

func topicStatus() adminCommand {
	return adminCommand{
		name: "topicStatus", short: "Print the offsets of a topic's queues",
		flags:    func(f *pflag.FlagSet) { f.StringP("topic", "t", "", "topic") },
		required: []string{"topic"},
		run: func(r *adminRun) error {
			stats, err := r.cluster.TopicStats(r.ctx, r.text("topic"))
			if err != nil {
				return err
			}
			rows := []queueRow{}
			for _, s := range stats {
				rows = append(rows, queueRow{s.Queue.BrokerName, s.Queue.QueueID, s.Span.MinOffset, s.Span.MaxOffset, s.Span.LastUpdateTimestamp})
			}
			return r.print(rows, func(w io.Writer) {
				const format = "%-32s  %-4v  %-20v  %-20v    %s\n"
				fmt.Fprintf(w, format, "#Broker Name", "#QID", "#Min Offset", "#Max Offset", "#Last Updated")
				for _, row := range rows {
					last := ""
					if row.LastUpdate > 0 {
						last = time.UnixMilli(row.LastUpdate).Format("2006-01-02 15:04:05,000")
					}
					fmt.Fprintf(w, format, front(row.Broker, 32), row.Queue, row.Min, row.Max, last)
				}
			})
		},
	}
}
