package main

import (
	"context"
	"fmt"
	"math/rand"
	"strings"
	"time"

	"github.com/apache/rocketmq-client-go/v2/primitive"
)

// Settings of the whole broker, one after the other, on a broker of their own. Its groups are stopped when they are two MiB
// behind, at its next look: after three minutes.
var brokerBehaviours = []behaviour{
	{"broker: without read permission nothing is pulled, without write permission senders are sent away", permission},
	{"broker: a wiped write permission sends senders away until it is added again", wiped},
	{"broker: rejectTransactionMessage", rejectTransactions},
	{"broker: startAcceptSendRequestTimeStamp", startAccept},
	{"broker: slow consumers are sent to whichBrokerWhenConsumeSlowly", redirected},
	{"broker: maxTransferCountOnMessageInMemory counts at once", transferCount},
	{"slow: a group that reads too slowly is stopped", slowStopped},
}

const (
	updateBrokerConfig = 25
	getAllGroups       = 201
	wipeWritePerm      = 205
	addWritePerm       = 327
)

// set changes options of the broker; they are set back when the behaviour ends.
func (s *stage) set(options, back string) {
	s.opened = append(s.opened, func() error {
		_, err := askWith(s.broker, updateBrokerConfig, nil, []byte(back))
		return err
	})
	s.want(updateBrokerConfig, nil, []byte(options))
}

func (s *stage) awaitPerm(topic string, perm int) {
	await(soon, func() string { return fmt.Sprintf("permission %d of %s", perm, topic) }, func() bool {
		data, err := routeOf(s.namesrv, topic)
		must("route", err)
		return data.Perm == perm
	})
}

// pullFrom asks for the messages of queue 0 with a group's own expression.
func (s *stage) pullFrom(topic, group string, offset int64) *answer {
	a, err := ask(s.broker, pullMessage, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": "0", "queueOffset": fmt.Sprint(offset), "maxMsgNums": "32", "sysFlag": "4",
		"commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "1", "expressionType": "TAG"})
	must("pull", err)
	return a
}

// refused checks that a fresh producer cannot send to a topic.
func (s *stage) refused(topic string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := s.newProducer().SendSync(ctx, primitive.NewMessage(topic, []byte("x")))
	if err == nil {
		fail("a message was sent to %s", topic)
	}
	return err
}

func permission(s *stage) {
	topic := s.topic("permission", 1)
	s.fill(topic, "m", 1)
	s.set("brokerPermission=4", "brokerPermission=6")
	s.awaitPerm(topic, 4)
	_ = s.refused(topic)
	equal("code of a pull", 0, s.pullFrom(topic, s.name("CG"), 0).Code)
	s.set("brokerPermission=2", "brokerPermission=6")
	a := s.pullFrom(topic, s.name("CG"), 0)
	host, _, _ := strings.Cut(s.broker, ":")
	equal("answer to a pull", "16 the broker["+host+"] pulling message is forbidden", fmt.Sprint(a.Code, " ", a.Remark))
	s.set("brokerPermission=6", "brokerPermission=6")
	s.awaitPerm(topic, 6)
	s.awaitSent(topic)
}

func wiped(s *stage) {
	topic := s.topic("wiped", 1)
	broker := s.send(primitive.NewMessage(topic, []byte("m"))).MessageQueue.BrokerName
	for _, change := range []struct{ code, perm int }{{wipeWritePerm, 4}, {addWritePerm, 6}} {
		a, err := ask(s.namesrv, change.code, map[string]string{"brokerName": broker})
		must("change the permission", err)
		equal("code", 0, a.Code)
		s.awaitPerm(topic, change.perm)
		if change.perm == 4 {
			_ = s.refused(topic)
		}
	}
	s.awaitSent(topic)
}

// awaitSent sends when the client has asked for the route again.
func (s *stage) awaitSent(topic string) {
	await(soon, func() string { return "a message that is taken" }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_, err := s.producer().SendSync(ctx, primitive.NewMessage(topic, []byte("again")))
		return err == nil
	})
}

func rejectTransactions(s *stage) {
	topic := s.topic("reject", 1)
	p := s.transactionProducer(s.name("PG_reject"), &decider{asked: map[string]int{}})
	s.set("rejectTransactionMessage=true", "rejectTransactionMessage=false")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, err := p.SendMessageInTransaction(ctx, primitive.NewMessage(topic, []byte("commit")))
	if err == nil || !strings.Contains(err.Error(), "sending transaction message is forbidden") {
		fail("a transaction ends with %v", err)
	}
	s.fill(topic, "plain", 1)
	s.set("rejectTransactionMessage=false", "rejectTransactionMessage=false")
	half(p, primitive.NewMessage(topic, []byte("commit")))
	collect(s.pushConsumer(s.name("CG")), topic, "*").getsExactly("the consumer", []string{"plain0", "commit"})
}

func startAccept(s *stage) {
	topic := s.topic("accept", 1)
	s.set("startAcceptSendRequestTimeStamp=32503676400000", "startAcceptSendRequestTimeStamp=0")
	if err := s.refused(topic); !strings.Contains(err.Error(), "broker unable to service, until 2999") && !strings.Contains(err.Error(), "until 3000") {
		fail("a send ends with %v", err)
	}
	s.set("startAcceptSendRequestTimeStamp=0", "startAcceptSendRequestTimeStamp=0")
	s.fill(topic, "m", 1)
}

func redirected(s *stage) {
	topic, group := s.topic("redirected", 1), s.name("CG")
	s.configure(group, map[string]any{"brokerId": 0, "whichBrokerWhenConsumeSlowly": 3})
	s.fill(topic, "m", 3)
	suggested := func() int64 { return s.pullFrom(topic, group, 0).number("suggestWhichBrokerId") }
	equal("broker for a consumer", 0, suggested())
	s.set("slaveReadEnable=true\naccessMessageInMemoryMaxRatio=0", "slaveReadEnable=false\naccessMessageInMemoryMaxRatio=40")
	s.fill(topic, "more", 1) // so that the last one pulled lies before the end
	a := s.want(pullMessage, map[string]string{
		"consumerGroup": group, "topic": topic, "queueId": "0", "queueOffset": "0", "maxMsgNums": "1", "sysFlag": "4",
		"commitOffset": "0", "suspendTimeoutMillis": "0", "subscription": "*", "subVersion": "1", "expressionType": "TAG"}, nil)
	equal("broker for a slow consumer", 3, a.number("suggestWhichBrokerId"))
}

func transferCount(s *stage) {
	topic := s.topic("transfer", 1)
	s.fill(topic, "m", 5)
	equal("messages of a pull", 5, len(s.pullFrom(topic, s.name("CG"), 0).messages()))
	s.set("maxTransferCountOnMessageInMemory=2", "maxTransferCountOnMessageInMemory=32")
	equal("messages of a pull", 2, len(s.pullFrom(topic, s.name("CG"), 0).messages()))
}

// insist sends to a broker that the behaviours beside have refuse messages now and then.
func (s *stage) insist(m *primitive.Message) (r *primitive.SendResult) {
	await(soon, func() string { return "a message that the broker takes" }, func() bool {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var err error
		r, err = s.producer().SendSync(ctx, m)
		return err == nil && r.Status == primitive.SendOK
	})
	return r
}

// slowStopped reads one message again and again while the log has grown by four MiB.
func slowStopped(s *stage) {
	topic, slow, quick := s.topic("slow", 1), s.name("CG_slow"), s.name("CG_quick")
	for _, group := range []string{slow, quick} {
		s.configure(group, nil)
	}
	random := make([]byte, 1<<20) // else the client would compress it
	for i := range random {
		random[i] = byte(rand.Int())
	}
	for range 4 {
		s.insist(primitive.NewMessage(topic, random))
	}
	enabled := func() map[string]bool {
		var all struct {
			Table map[string]struct {
				Enabled bool `json:"consumeEnable"`
			} `json:"subscriptionGroupTable"`
		}
		s.want(getAllGroups, nil, nil).json(&all)
		out := map[string]bool{}
		for name, group := range all.Table {
			out[name] = group.Enabled
		}
		return out
	}
	await(230*time.Second, func() string { return "the end of " + slow }, func() bool {
		s.pullFrom(topic, slow, 0)
		s.pullFrom(topic, quick, s.insist(primitive.NewMessage(topic, []byte("new"))).QueueOffset)
		time.Sleep(time.Second)
		return !enabled()[slow]
	})
	equal("the other group may consume", true, enabled()[quick])
	equal("code for the group", 16, s.pullFrom(topic, slow, 0).Code)
}
