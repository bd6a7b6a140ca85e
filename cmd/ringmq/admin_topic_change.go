package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/pflag"

	"ringmq/internal/admin"
	"ringmq/internal/wire"
)

// changed is what a changing command has done. Errors of some brokers leave the others changed.
type changed struct {
	Topic  *wire.TopicConfig             `json:"topic,omitempty"`
	Group  *wire.SubscriptionGroupConfig `json:"group,omitempty"`
	Addrs  []string                      `json:"addrs"`
	Orders string                        `json:"orderConf,omitempty"`
}

// targetFlags choose between one broker and the masters of a cluster.
func targetFlags(f *pflag.FlagSet, what string) {
	f.StringP("brokerAddr", "b", "", what+" on one broker, by address")
	f.StringP("clusterName", "c", "", what+" on all masters of a cluster")
}

var targets = []string{"brokerAddr", "clusterName"}

// targets are the addresses that -b or -c mean.
func (r *adminRun) targets() ([]string, error) {
	if r.flags.Changed("brokerAddr") {
		return []string{r.text("brokerAddr")}, nil
	}
	return r.cluster.Masters(r.ctx, r.text("clusterName"))
}

// onTargets calls fn for each target; the error joins those of all, in done are the others.
func (r *adminRun) onTargets(fn func(addr string) error) (done []string, err error) {
	addrs, err := r.targets()
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, addr := range addrs {
		if err := fn(addr); err != nil {
			errs = append(errs, err)
			continue
		}
		done = append(done, addr)
	}
	return done, errors.Join(errs...)
}

// permText is a permission as mqadmin prints it.
func permText(perm int32) string {
	b := []byte("---")
	for i, bit := range []int32{4, 2, 1} {
		if perm&bit != 0 {
			b[i] = "RWX"[i]
		}
	}
	return string(b)
}

func topicText(t *wire.TopicConfig) string {
	return fmt.Sprintf("TopicConfig [topicName=%s, readQueueNums=%d, writeQueueNums=%d, perm=%s, topicFilterType=%s, topicSysFlag=%d, order=%t]",
		t.TopicName, t.ReadQueueNums, t.WriteQueueNums, permText(t.Perm), t.TopicFilterType, t.TopicSysFlag, t.Order)
}

func checkPerm(perm int32) error {
	if perm < 0 || perm > 7 {
		return &usageError{fmt.Errorf("-p %d: want 2 (write), 4 (read) or 6 (both)", perm)}
	}
	return nil
}

func updateTopic() adminCommand {
	t := wire.TopicConfig{TopicFilterType: "SINGLE_TAG"}
	return adminCommand{
		name: "updateTopic", short: "Create a topic or change its configuration",
		flags: func(f *pflag.FlagSet) {
			targetFlags(f, "create it")
			f.StringP("topic", "t", "", "topic")
			f.Int32VarP(&t.ReadQueueNums, "readQueueNums", "r", 8, "queues to read")
			f.Int32VarP(&t.WriteQueueNums, "writeQueueNums", "w", 8, "queues to write")
			f.Int32VarP(&t.Perm, "perm", "p", 6, "permission: 2 write, 4 read, 6 both")
			f.StringP("order", "o", "", "true: an ordered topic")
			f.StringP("unit", "u", "", "true: a topic of a unit")
			f.StringP("hasUnitSub", "s", "", "true: units subscribe to it")
		},
		required: []string{"topic"},
		either:   targets,
		run:      func(r *adminRun) error { return runUpdateTopic(r, &t) },
	}
}

func runUpdateTopic(r *adminRun, t *wire.TopicConfig) error {
	t.TopicName = r.text("topic")
	var errs [3]error
	var unit, sub bool
	t.Order, errs[0] = r.truth("order")
	unit, errs[1] = r.truth("unit")
	sub, errs[2] = r.truth("hasUnitSub")
	if unit {
		t.TopicSysFlag |= 1
	}
	if sub {
		t.TopicSysFlag |= 2
	}
	if err := errors.Join(append(errs[:], checkPerm(t.Perm))...); err != nil {
		return err
	}
	done, err := r.onTargets(func(addr string) error { return r.cluster.PutTopic(r.ctx, addr, t) })
	did := changed{Topic: t, Addrs: done}
	if t.Order && err == nil {
		did.Orders, err = setOrder(r, t)
	}
	if len(done) == 0 {
		return err
	}
	printErr := r.print(did, func(w io.Writer) {
		for _, addr := range done {
			fmt.Fprintf(w, "create topic to %s success.\n", addr)
		}
		if did.Orders != "" {
			fmt.Fprintf(w, "set orderConf. isOrder=true, orderConf=[%s]\n", did.Orders)
		}
		fmt.Fprintln(w, topicText(t))
	})
	return errors.Join(err, printErr)
}

// setOrder tells the name servers which brokers hold the ordered topic: those of the cluster,
// or one more.
func setOrder(r *adminRun, t *wire.TopicConfig) (string, error) {
	if r.flags.Changed("brokerAddr") {
		name, err := r.cluster.BrokerName(r.ctx, r.text("brokerAddr"))
		if err != nil {
			return "", err
		}
		return r.cluster.SetOrder(r.ctx, t.TopicName, []string{name}, t.WriteQueueNums, false)
	}
	brokers, err := r.cluster.Brokers(r.ctx, r.text("clusterName"))
	if err != nil {
		return "", err
	}
	var names []string
	for _, b := range brokers {
		names = append(names, b.BrokerName)
	}
	return r.cluster.SetOrder(r.ctx, t.TopicName, names, t.WriteQueueNums, true)
}

// permChange is one broker's topic before and after updateTopicPerm.
type permChange struct {
	Addr string `json:"addr"`
	From int32  `json:"from"`
	To   int32  `json:"to"`
}

func updateTopicPerm() adminCommand {
	var perm int32
	return adminCommand{
		name: "updateTopicPerm", short: "Change a topic's permission",
		flags: func(f *pflag.FlagSet) {
			targetFlags(f, "change it")
			f.StringP("topic", "t", "", "topic")
			f.Int32VarP(&perm, "perm", "p", -1, "permission: 2 write, 4 read, 6 both")
		},
		required: []string{"topic"},
		either:   targets,
		run:      func(r *adminRun) error { return runUpdateTopicPerm(r, perm) },
	}
}

// runUpdateTopicPerm keeps each broker's own queue counts. (mqadmin gives all brokers those
// of the first.)
func runUpdateTopicPerm(r *adminRun, perm int32) error {
	if err := checkPerm(perm); err != nil {
		return err
	}
	topic := r.text("topic")
	route, err := r.cluster.Route(r.ctx, topic)
	if err != nil {
		return err
	}
	byAddr := make(map[string]wire.QueueData)
	for i := range route.BrokerDatas {
		for _, q := range route.QueueDatas {
			if master, ok := route.BrokerDatas[i].BrokerAddrs[admin.MasterID]; ok && q.BrokerName == route.BrokerDatas[i].BrokerName {
				byAddr[master] = q
			}
		}
	}
	var changes []permChange
	_, err = r.onTargets(func(addr string) error {
		q, ok := byAddr[addr]
		if !ok {
			return fmt.Errorf("%s is no master with the topic %s", addr, topic)
		}
		changes = append(changes, permChange{addr, q.Perm, perm})
		if q.Perm == perm {
			return nil
		}
		return r.cluster.PutTopic(r.ctx, addr, &wire.TopicConfig{TopicName: topic, ReadQueueNums: q.ReadQueueNums,
			WriteQueueNums: q.WriteQueueNums, Perm: perm, TopicFilterType: "SINGLE_TAG", TopicSysFlag: q.TopicSysFlag})
	})
	if err != nil {
		return err
	}
	return r.print(changes, func(w io.Writer) {
		for _, c := range changes {
			if c.From == c.To {
				fmt.Fprintf(w, "topic perm in %s is %d already.\n", c.Addr, c.To)
			} else {
				fmt.Fprintf(w, "update topic perm from %d to %d in %s success.\n", c.From, c.To, c.Addr)
			}
		}
	})
}

func deleteTopic() adminCommand {
	return adminCommand{
		name: "deleteTopic", short: "Delete a topic and its messages",
		flags: func(f *pflag.FlagSet) {
			f.StringP("topic", "t", "", "topic")
			f.StringP("clusterName", "c", "", "the cluster to delete it from")
		},
		required: []string{"topic", "clusterName"},
		run: func(r *adminRun) error {
			topic, cluster := r.text("topic"), r.text("clusterName")
			addrs, err := r.cluster.Masters(r.ctx, cluster)
			if err != nil {
				return err
			}
			for _, addr := range addrs {
				if err := r.cluster.DeleteTopic(r.ctx, addr, topic); err != nil {
					return err
				}
			}
			if err := r.cluster.ForgetTopic(r.ctx, topic, cluster); err != nil {
				return err
			}
			return r.print(changed{Topic: &wire.TopicConfig{TopicName: topic}, Addrs: addrs}, func(w io.Writer) {
				fmt.Fprintf(w, "delete topic [%s] from cluster [%s] success.\n", topic, cluster)
				fmt.Fprintf(w, "delete topic [%s] from NameServer success.\n", topic)
			})
		},
	}
}

// onOff is a flag that mqadmin gives the values true and false.
func onOff(f *pflag.FlagSet, name, short string, value bool, usage string) {
	f.StringP(name, short, strconv.FormatBool(value), usage)
}
