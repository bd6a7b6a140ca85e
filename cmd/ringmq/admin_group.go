package main

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/pflag"

	"ringmq/internal/admin"
	"ringmq/internal/wire"
)

func updateSubGroup() adminCommand {
	g := wire.SubscriptionGroupConfig{}
	return adminCommand{
		name: "updateSubGroup", short: "Create a subscription group or change its configuration",
		flags: func(f *pflag.FlagSet) {
			targetFlags(f, "create it")
			f.StringP("groupName", "g", "", "consumer group")
			onOff(f, "consumeEnable", "s", true, "may consume")
			onOff(f, "consumeFromMinEnable", "m", false, "may start at the oldest message")
			onOff(f, "consumeBroadcastEnable", "d", false, "may consume as broadcast")
			f.Int32VarP(&g.RetryQueueNums, "retryQueueNums", "q", 1, "queues of its retry topic")
			f.Int32VarP(&g.RetryMaxTimes, "retryMaxTimes", "r", 16, "attempts to deliver a message")
			f.Int64VarP(&g.BrokerID, "brokerId", "i", 0, "broker id to read from")
			f.Int64VarP(&g.WhichBrokerWhenConsumeSlowly, "whichBrokerWhenConsumeSlowly", "w", 1, "broker id to read from when far behind")
			onOff(f, "notifyConsumerIdsChanged", "a", true, "tell clients at once when others come or go")
		},
		required: []string{"groupName"},
		either:   targets,
		run:      func(r *adminRun) error { return runUpdateSubGroup(r, &g) },
	}
}

func runUpdateSubGroup(r *adminRun, g *wire.SubscriptionGroupConfig) error {
	g.GroupName = r.text("groupName")
	for name, field := range map[string]*bool{
		"consumeEnable":            &g.ConsumeEnable,
		"consumeFromMinEnable":     &g.ConsumeFromMinEnable,
		"consumeBroadcastEnable":   &g.ConsumeBroadcastEnable,
		"notifyConsumerIdsChanged": &g.NotifyConsumerIDsChangedEnable,
	} {
		var err error
		if *field, err = r.truth(name); err != nil {
			return err
		}
	}
	done, err := r.onTargets(func(addr string) error { return r.cluster.PutGroup(r.ctx, addr, g) })
	if len(done) == 0 {
		return err
	}
	printErr := r.print(changed{Group: g, Addrs: done}, func(w io.Writer) {
		for _, addr := range done {
			fmt.Fprintf(w, "create subscription group to %s success.\n", addr)
		}
		fmt.Fprintf(w, "SubscriptionGroupConfig [groupName=%s, consumeEnable=%t, consumeFromMinEnable=%t, consumeBroadcastEnable=%t, "+
			"retryQueueNums=%d, retryMaxTimes=%d, brokerId=%d, whichBrokerWhenConsumeSlowly=%d, notifyConsumerIdsChangedEnable=%t]\n",
			g.GroupName, g.ConsumeEnable, g.ConsumeFromMinEnable, g.ConsumeBroadcastEnable,
			g.RetryQueueNums, g.RetryMaxTimes, g.BrokerID, g.WhichBrokerWhenConsumeSlowly, g.NotifyConsumerIDsChangedEnable)
	})
	return errors.Join(err, printErr)
}

func consumerProgress() adminCommand {
	return adminCommand{
		name: "consumerProgress", short: "Print how far consumer groups are",
		flags: func(f *pflag.FlagSet) {
			f.StringP("groupName", "g", "", "one group, queue by queue; default all groups")
			f.StringP("showClientIP", "s", "", "true: with the client that has the queue")
		},
		run: func(r *adminRun) error {
			if group := r.text("groupName"); group != "" {
				return printProgress(r, group)
			}
			return printGroups(r)
		},
	}
}

// progressRow is one queue of a group. LastConsumed is in milliseconds since 1970, 0 for never.
type progressRow struct {
	Topic          string `json:"topic"`
	Broker         string `json:"broker"`
	Queue          int32  `json:"queueId"`
	BrokerOffset   int64  `json:"brokerOffset"`
	ConsumerOffset int64  `json:"consumerOffset"`
	Diff           int64  `json:"diff"`
	Client         string `json:"client,omitempty"`
	LastConsumed   int64  `json:"lastTimestamp"`
}

type groupProgress struct {
	Group  string        `json:"group"`
	TPS    float64       `json:"tps"`
	Diff   int64         `json:"diff"`
	Queues []progressRow `json:"queues"`
}

func printProgress(r *adminRun, group string) error {
	withClient, err := r.truth("showClientIP")
	if err != nil {
		return err
	}
	p, err := r.cluster.Progress(r.ctx, group)
	if err != nil {
		return err
	}
	var owners map[wire.MessageQueue]string
	if withClient {
		// A group without clients is no error here: the column is empty then, as in mqadmin.
		if owners, err = r.cluster.Owners(r.ctx, group); err != nil {
			if _, answered := admin.StatusOf(err); !answered {
				return err
			}
		}
	}
	g := groupProgress{Group: group, TPS: p.TPS, Diff: p.Diff(), Queues: []progressRow{}}
	for i := range p.Queues {
		q := &p.Queues[i]
		g.Queues = append(g.Queues, progressRow{q.Queue.Topic, q.Queue.BrokerName, q.Queue.QueueID,
			q.Offset.BrokerOffset, q.Offset.ConsumerOffset, q.Diff(), owners[q.Queue], q.Offset.LastTimestamp})
	}
	return r.print(g, func(w io.Writer) { g.write(w, withClient) })
}

func (g *groupProgress) write(w io.Writer, withClient bool) {
	line := func(topic, broker string, queue, brokerOffset, offset any, client string, diff any, last string) {
		fmt.Fprintf(w, "%-64s  %-32s  %-4v  %-20v  %-20v  ", topic, broker, queue, brokerOffset, offset)
		if withClient {
			fmt.Fprintf(w, "%-20s ", client)
		}
		fmt.Fprintf(w, "%-20v  %s\n", diff, last)
	}
	line("#Topic", "#Broker Name", "#QID", "#Broker Offset", "#Consumer Offset", "#Client IP", "#Diff", "#LastTime")
	for _, q := range g.Queues {
		last, client := "N/A", q.Client
		if q.LastConsumed != 0 {
			last = time.UnixMilli(q.LastConsumed).Format(time.DateTime)
		}
		if client == "" {
			client = "N/A"
		}
		line(front(q.Topic, 64), front(q.Broker, 32), q.Queue, q.BrokerOffset, q.ConsumerOffset, client, q.Diff, last)
	}
	fmt.Fprintf(w, "\nConsume TPS: %.2f\nDiff Total: %d\n", g.TPS, g.Diff)
}

// groupRow is one group of all. Version, Type and Model are those of its living clients.
type groupRow struct {
	Group   string `json:"group"`
	Clients int    `json:"clients"`
	Version string `json:"version"`
	Type    string `json:"type"`
	Model   string `json:"model"`
	TPS     int    `json:"tps"`
	Diff    int64  `json:"diff"`
}

func printGroups(r *adminRun) error {
	topics, err := r.cluster.Topics(r.ctx)
	if err != nil {
		return err
	}
	rows := []groupRow{}
	for _, topic := range topics {
		group, ok := admin.GroupOf(topic)
		if !ok {
			continue
		}
		row, err := newGroupRow(r, group)
		if err != nil {
			return err
		}
		rows = append(rows, row)
	}
	return r.print(rows, func(w io.Writer) {
		const format = "%-64s  %-6v  %-24s %-5s  %-14s  %-7v  %v\n"
		fmt.Fprintf(w, format, "#Group", "#Count", "#Version", "#Type", "#Model", "#TPS", "#Diff Total")
		for _, g := range rows {
			fmt.Fprintf(w, format, front(g.Group, 64), g.Clients, g.Version, g.Type, g.Model, g.TPS, g.Diff)
		}
	})
}

// newGroupRow asks for one group. What a broker refuses to tell, as for groups that are
// offline, stays empty.
func newGroupRow(r *adminRun, group string) (groupRow, error) {
	row := groupRow{Group: group, Version: "OFFLINE"}
	refused := func(err error) bool {
		_, answered := admin.StatusOf(err)
		return answered
	}
	p, err := r.cluster.Progress(r.ctx, group)
	switch {
	case err == nil:
		row.TPS, row.Diff = int(p.TPS), p.Diff()
	case !refused(err):
		return row, err
	}
	conns, err := r.cluster.Consumers(r.ctx, group)
	if err != nil {
		if refused(err) {
			err = nil
		}
		return row, err
	}
	row.Clients = len(conns.ConnectionSet)
	if row.Clients == 0 {
		return row, nil
	}
	oldest := conns.ConnectionSet[0].Version
	for _, c := range conns.ConnectionSet {
		oldest = min(oldest, c.Version)
	}
	row.Version = admin.VersionName(oldest)
	row.Type = "PULL"
	if conns.ConsumeType == "CONSUME_PASSIVELY" {
		row.Type, row.Model = "PUSH", conns.MessageModel
	}
	return row, nil
}
